"""The guard, what counts, and the figures on top beside what they have to beat."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date

import streamlit as st

from cs_ml.domain.truth.outcomes import (
    ACCURATE_FROM,
    MIN_CHURNED,
    MIN_JUDGED,
    UNJUDGED_SENTENCES,
    OutcomeCounts,
    Unjudged,
)
from cs_ml.services.truth.figures import Baseline
from cs_ml.services.truth.reports import Evaluation, Figure
from cs_ml.ui.components import empty_state, table
from cs_ml.ui.formatting import ENGINE_WORDS, NARROW, UNKNOWN, count, day, percent
from cs_ml.ui.screens.accuracy.choices import Chosen, Source, too_few

Words = Callable[[float | None], str]

_SKILL = (
    "Brier skill: by how much the squared error is smaller than that of always saying the usual rate. 100 % is "
    "perfect, 0 no better than the usual rate, below 0 worse."
)
_AUROC = "AUROC: take one that left and one that stayed; in so many pairs the one that left had the higher chance."
_ECE = "Calibration error (ECE): how far the chances lie from the shares that left, on average, in percentage points."
_LIFT = "Lift: among the tenth with the highest chances, so many times as many left as in a blindly drawn tenth."
_LEAST_WIDTH = 190  # pixels
_BASELINE_WORDS: Mapping[str, str] = {
    **dict[str, str](ENGINE_WORDS.items()),
    "base_rate": "The usual rate for everybody",
    "all_renew": "“Everybody stays”",
}


def draw_guard(counts: OutcomeCounts) -> None:
    """ "84 judged, 31 still open, 12 cannot be judged", and why."""
    st.markdown(
        f"**{counts.judged:,} judged** · {counts.open:,} still open · {counts.never:,} cannot be judged",
        help="Judged: the time has passed, or the customer has left. Predictions of customers whose data was deleted "
        "are deleted with them; only their number is kept.",
    )
    for why, number in counts.unjudged.items():
        if why is not Unjudged.OPEN:
            st.caption(f"{count(number, 'prediction')}: {UNJUDGED_SENTENCES[why]}")


def draw_shadows(shadows: tuple[int, int]) -> None:
    """Of methods that did not serve."""
    number, judged = shadows
    if number:
        st.caption(
            f"Beside them {count(number, 'prediction')} in the shadow, {judged:,} judged: what the methods that did "
            "not serve would have said. Nobody was shown them; they only stand in the comparison of the methods."
        )


def draw_definition(chosen: Chosen, complete_until: date | None) -> None:
    with st.expander("What counts here", type="compact"):
        known = (
            f"A customer without a recorded churn has stayed, up to {day(complete_until, UTC)}; what lies later is "
            f"open."
            if complete_until
            else "Nobody has recorded a churn yet, so it cannot be said of anybody that they stayed."
        )
        st.markdown(
            f"- **Leaving**: a churn date within the {chosen.look.rows.window_days} days after the prediction. "
            f"{known}\n"
            f"- **Time ahead**: {chosen.look.rows.window_days} days. Only predictions whose whole time has passed "
            f"count in the figures; "
            "customers that leave early are not counted early.\n"
            f"- **Right or wrong**: a chance of {percent(ACCURATE_FROM)} or more says “will leave”; under “Warnings” "
            "you can move that line.\n"
            "- **Which predictions**: per customer and method the first one, then the next that is at least "
            f"{chosen.look.rows.window_days} days later. Rough churn dates stay outside.\n"
            "- **Intervals**: 95 %, drawn by customer (1,000 times), since several predictions of one customer tell "
            "less than as many customers would."
        )


def draw_few(found: Evaluation) -> None:
    """Why the figures are grey."""
    st.warning(
        f"Too few to tell: {count(found.n, 'prediction')} with {count(found.churned, 'churn')}. From {MIN_JUDGED} "
        f"predictions and {MIN_CHURNED} churns on, the figures begin to mean something; until then they are grey, and "
        "chance alone moves them a lot."
    )


def draw_nothing(source: Source, counts: OutcomeCounts) -> None:
    """What to do where there is no figure yet."""
    if source is Source.LIVE and counts.total:
        empty_state(
            "No prediction has come of age yet",
            "A prediction is judged once its time has passed. Till then a backtest shows how the method would have "
            "done: `cs-ml backtest --tenant SLUG --engine rules --from DATE --to DATE --store`.",
        )
    elif source is Source.LIVE:
        empty_state(
            "No prediction is stored yet", "Import your accounts: each gets a prediction, judged when its time ends."
        )
    else:
        empty_state(
            "No backtest is judged yet",
            "`cs-ml backtest --tenant SLUG --engine rules --from DATE --to DATE --store` predicts the past again "
            "with only what was known on each day.",
        )


def draw_figures(found: Evaluation, worked_on: int) -> None:
    """`worked_on`: how many of these predictions somebody acted beside."""
    faint = too_few(found.n, found.churned)
    if faint:
        draw_few(found)
    with st.grid(4, min_column_width=_LEAST_WIDTH, gap="xsmall"):
        skill = found.figure("skill")
        _tile("Skill against the usual rate", _share(skill.value), _span(skill, _share), _verdict(skill), faint, _SKILL)
        auroc = found.figure("auroc")
        _tile(
            "Pairs in the right order", _share(auroc.value), _span(auroc, _share), "50 % is blind chance", faint, _AUROC
        )
        ece = found.figure("ece")
        _tile("Usual error of a chance", _points(ece.value), _span(ece, _points), "0 is best", faint, _ECE)
        lift = found.figure("lift10")
        _tile("Leavers in the top tenth", _times(lift.value), _span(lift, _times), "1 × is blind chance", faint, _LIFT)
    st.caption(
        f"From {count(found.n, 'prediction')} of {count(found.accounts, 'customer')}; {found.churned:,} left "
        f"({percent(found.base_rate)}, the usual rate here). After {worked_on:,} of the predictions somebody worked on "
        "the account."
    )


def draw_baselines(chosen: Chosen, found: Evaluation, others: Sequence[Baseline], download: str) -> None:
    """The chosen method beside what it has to beat."""
    own = (ENGINE_WORDS[chosen.engine], found)
    rows = [_row(name, one) for name, one in [own, *((_BASELINE_WORDS[one.kind], one.evaluation) for one in others)]]
    for row, other in zip(rows[1:], others, strict=True):
        if other.kind == "base_rate":
            row["Skill, 95 %"] = "by definition"
    st.subheader("Better than what?", anchor=False)
    table(rows, alt="The chosen method beside other ways to predict", download=download, key="baseline-rows")
    st.caption(
        "A method is worth its trouble where its skill lies above 0, the interval included: then it errs less than "
        "saying "
        "the same usual rate of everybody. The first three rows are about the same predictions; other methods are "
        "judged on their own."
    )


def figure_rows(groups: Sequence[tuple[str, Evaluation]], what: str) -> list[dict[str, object]]:
    """The same columns for groups, the first called `what`."""
    return [
        {what: name, **{key: cell for key, cell in _row(name, one).items() if key != "Forecast"}}
        for name, one in groups
    ]


def _row(name: str, found: Evaluation) -> dict[str, object]:
    skill, brier, auroc = found.figure("skill"), found.figure("brier"), found.figure("auroc")
    return {
        "Forecast": name,
        "Skill": _share(skill.value),
        "Skill, 95 %": _span(skill, _share) or UNKNOWN,
        "Brier score": "" if brier.value is None else f"{brier.value:.3f}",
        "Pairs in order": _share(auroc.value),
        "Predictions": found.n,
        "Customers": found.accounts,
        "Left": found.churned,
    }


def _tile(label: str, value: str, span: str | None, line: str, faint: bool, hint: str) -> None:  # noqa: PLR0917
    with st.container(border=True, height="stretch", gap="xxsmall"):
        if faint:
            st.caption(label, help=hint)
            st.markdown(f":gray[**{value}**]")
        else:
            st.metric(label, value, help=hint)
        st.caption(f"95 %: {span}" if span else "no interval: too few")
        st.caption("too few to tell" if faint else line)


def _verdict(skill: Figure) -> str:
    if skill.value is None or skill.low is None or skill.high is None:
        return "not known"
    if skill.low > 0:
        return "better than the usual rate"
    return "worse than the usual rate" if skill.high < 0 else "no clear difference"


def _span(found: Figure, words: Words) -> str | None:
    if found.low is None or found.high is None:
        return None
    return f"{words(found.low)} to {words(found.high)}"


def _share(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    rounded = round(value * 100) or 0  # without a minus before nothing
    return f"{rounded}{NARROW}%".replace("-", "\N{MINUS SIGN}")


def _points(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value * 100:.1f}{NARROW}points"


def _times(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.1f}{NARROW}×"
