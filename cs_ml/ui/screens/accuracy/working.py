"""What warnings come to: the threshold, the capacity, and how early they are. Sliders ask nothing of the database."""

from statistics import median

import streamlit as st

from cs_ml.domain.truth.outcomes import ACCURATE_FROM
from cs_ml.services.truth.figures import (
    MOST_A_MONTH,
    THRESHOLDS,
    capacities,
    lead_times,
    money,
    pick,
    top_tenth,
    warnings,
)
from cs_ml.services.truth.judged import Judged
from cs_ml.services.truth.reports import Confusion
from cs_ml.ui import cache
from cs_ml.ui.charts.accuracy.working import (
    capacity_figure,
    capacity_words,
    lead_counts,
    lead_figure,
    lead_words,
    threshold_figure,
    threshold_words,
)
from cs_ml.ui.components import facts, table
from cs_ml.ui.formatting import NARROW, UNKNOWN, count, percent
from cs_ml.ui.runtime import require_actor
from cs_ml.ui.screens.accuracy.choices import Chosen, require_same
from cs_ml.ui.state import Key

_NO_BAR = {"displayModeBar": False}
_USUAL_CAPACITY = 12


def judged_of(chosen: Chosen, *, every: bool | None = None) -> Judged:
    """The predictions of a look; the cache keeps them."""
    look = chosen.look
    counted = look.every if every is None else every
    rows = cache.judged(chosen.tenant_id, look.rows)
    return pick(rows, engine=chosen.engine, treated=look.treated, every=counted)


def ask_threshold(judged: Judged) -> float:
    """0..1, from a slider in percent; it begins where the tenth with the highest chances does."""
    begin = top_tenth(judged)
    percent_chosen: int = st.slider(
        "Warn from this chance on",
        1,
        99,
        min(max(round(begin * 100), 1), 99),
        format="%d %%",
        key=Key.THRESHOLD,
        bind="query-params",
        help="It begins where the tenth with the highest chances does. The share of right predictions that other "
        f"tools ask for counts a chance of {percent(ACCURATE_FROM)} or more as “will leave”.",
    )
    return percent_chosen / 100


@st.fragment
def draw_threshold(chosen: Chosen, download: str) -> None:
    require_same(require_actor(), chosen)
    st.caption(
        "Choose from which chance on you would act. A low line catches more leavers and raises more false alarms; a "
        "high one does the opposite."
    )
    judged = judged_of(chosen)
    threshold = ask_threshold(judged)
    found = warnings(judged)
    here = found[THRESHOLDS.index(threshold)]
    _draw_confusion(here)
    caught = {one.currency: one for one in money(judged, threshold)}
    facts(
        {
            "Warnings that came true": _rate(here.precision, here.caught, here.caught + here.false_alarms),
            "Leavers that were warned of": _rate(here.recall, here.caught, here.caught + here.missed),
            "False alarms per caught leaver": UNKNOWN
            if here.false_per_caught is None
            else f"{here.false_per_caught:.1f}",
            **{
                f"Yearly revenue caught{f', {name}' if name else ''}": f"{one.caught:,.0f} of "
                f"{one.caught + one.missed:,.0f}{NARROW}{name or '(currency not known)'}"
                for name, one in caught.items()
            },
        },
        {
            "Warnings that came true": "Precision: of all warnings, the share after which the customer left.",
            "Leavers that were warned of": "Recall: of all that left, the share with a warning.",
        },
    )
    chart, numbers = st.tabs(["Chart", "Numbers"])
    with chart:
        st.plotly_chart(
            threshold_figure(found, THRESHOLDS, threshold),
            config=_NO_BAR,
            alt=threshold_words(here, threshold),
            key="threshold-chart",
        )
    with numbers:
        rows = [{"Threshold, %": round(at * 100), **_cells(one)} for at, one in zip(THRESHOLDS, found, strict=True)]
        table(rows[::5], alt="Warnings by threshold", download=download, key="threshold-rows")


@st.fragment
def draw_capacity(chosen: Chosen, download: str) -> None:
    require_same(require_actor(), chosen)
    st.caption(
        "Say how many accounts you can work in a month: the highest chances of each month of predictions are taken. "
        "The dashed line shows what as many accounts drawn blindly would have met."
    )
    number: int = st.slider(
        "I can work so many accounts a month",
        1,
        MOST_A_MONTH,
        _USUAL_CAPACITY,
        key=Key.CAPACITY,
        bind="query-params",
    )
    judged = judged_of(chosen)
    found = capacities(judged)
    here = found[number - 1]
    worked = here.caught + here.false_alarms
    facts(
        {
            "Worked": count(worked, "account"),
            "Leavers among them": _rate(here.recall, here.caught, here.caught + here.missed),
            "Hits": _rate(here.precision, here.caught, worked),
            "For nothing, per leaver met": UNKNOWN if here.false_per_caught is None else f"{here.false_per_caught:.1f}",
        },
        {"Hits": "Precision at that number: of the accounts worked, the share that left."},
    )
    chart, numbers = st.tabs(["Chart", "Numbers"])
    with chart:
        st.plotly_chart(
            capacity_figure(found, number), config=_NO_BAR, alt=capacity_words(here, number), key="capacity-chart"
        )
    with numbers:
        rows = [{"Accounts a month": rank, **_cells(one)} for rank, one in enumerate(found, start=1)]
        table(rows, alt="Leavers met by accounts worked a month", download=download, key="capacity-rows")


@st.fragment
def draw_lead(chosen: Chosen, download: str) -> None:
    require_same(require_actor(), chosen)
    st.caption(
        f"Of each customer that left: the earliest prediction at or above the line whose "
        f"{chosen.look.rows.window_days} days held the "
        "churn. Every prediction counts here, so a customer that is predicted often is warned of earlier."
    )
    judged = judged_of(chosen, every=True)
    threshold = ask_threshold(judged)
    found = lead_times(judged, threshold)
    warned = len(found.days)
    facts(
        {
            "Warned in time": _rate(warned / found.churners if found.churners else None, warned, found.churners),
            "Half of them at least": count(round(median(found.days)), "day") + " ahead" if warned else UNKNOWN,
        }
    )
    chart, numbers = st.tabs(["Chart", "Numbers"])
    with chart:
        st.plotly_chart(lead_figure(found.days), config=_NO_BAR, alt=lead_words(found.days), key="lead-chart")
    with numbers:
        rows = [
            {"Days before the churn, from": first, "Customers": number} for first, number in lead_counts(found.days)
        ]
        table(rows, alt="First warnings by days before the churn", download=download, key="lead-rows")


def _draw_confusion(here: Confusion) -> None:
    rows = [
        {"": "Warned", "Left": here.caught, "Stayed": here.false_alarms},
        {"": "Not warned", "Left": here.missed, "Stayed": here.quiet},
    ]
    table(rows, alt="Warnings against what came", key="confusion-rows")


def _cells(found: Confusion) -> dict[str, object]:
    return {
        "Caught": found.caught,
        "False alarms": found.false_alarms,
        "Missed": found.missed,
        "Rightly quiet": found.quiet,
        "Warnings that came true": "" if found.precision is None else percent(found.precision),
        "Leavers warned of": "" if found.recall is None else percent(found.recall),
    }


def _rate(share: float | None, part: int, whole: int) -> str:
    """Never a rate without its n."""
    return f"{percent(share)} ({part:,} of {whole:,})" if share is not None else "none (0 of 0)"
