"""What the page is about: live predictions or backtests, of which engine, window and accounts. All in the address."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

import streamlit as st

from cs_ml.domain.actor import Actor
from cs_ml.domain.predictions import EngineName
from cs_ml.domain.truth.outcomes import MIN_CHURNED, MIN_JUDGED, OutcomeCounts
from cs_ml.services.truth.accuracy import AccuracyState
from cs_ml.services.truth.figures import JudgedRows, Look, Treated, engines_in
from cs_ml.ui import cache
from cs_ml.ui.formatting import ENGINE_WORDS
from cs_ml.ui.runtime import SIGN_IN_NOTICE
from cs_ml.ui.state import Key


class Source(StrEnum):
    LIVE = "Live predictions"
    BACKTEST = "Backtests"


class Section(StrEnum):
    CALIBRATION = "Can the figures be believed?"
    THRESHOLD = "Warnings"
    CAPACITY = "Capacity"
    GROUPS = "By group"
    LEAD = "How early"
    MISSES = "Misses"


TREATED_WORDS: Mapping[Treated, str] = {
    "all": "All accounts",
    "untreated": "Not worked on",
    "treated": "Worked on",
}


class Chosen(NamedTuple):
    """What the page was drawn for; its parts that run alone check that it still holds."""

    tenant_id: str
    look: Look
    engine: EngineName


def too_few(judged: int, churned: int) -> bool:
    """Below this, chance alone moves a figure too far to act on it."""
    return judged < MIN_JUDGED or churned < MIN_CHURNED


def ask_source(state: AccuracyState) -> tuple[Source, OutcomeCounts]:
    """Live predictions, once any of them is judged; till then backtests, where there are any."""
    first = Source.BACKTEST if state.replayed.judged and not state.live.judged else Source.LIVE
    chosen = st.segmented_control(
        "Predictions",
        list(Source),
        default=first,
        required=True,
        key=Key.SOURCE,
        bind="query-params",
        help="Live: what was predicted for the present of then and shown to people. Backtests: the past predicted "
        "again with only what was known on each day. The two are never mixed.",
    )
    source = Source(chosen or first)
    return source, state.live if source is Source.LIVE else state.replayed


def ask_window(state: AccuracyState, source: Source) -> int | None:
    """Days ahead; asked only where there are several. None where nothing is judged."""
    windows = state.live_windows if source is Source.LIVE else state.replayed_windows
    if len(windows) < 2:
        return windows[0] if windows else None
    return st.selectbox(
        "Days ahead", windows, key=Key.WINDOW, bind="query-params", format_func=lambda days: f"{days} days", width=120
    )


def ask_engine(engines: Mapping[EngineName, int]) -> EngineName | None:
    """None where there is nothing to choose from."""
    names = list(engines)
    if len(names) < 2:
        return names[0] if names else None
    return st.segmented_control(
        "Method",
        names,
        default=names[0],
        required=True,
        key=Key.ENGINE,
        bind="query-params",
        format_func=lambda name: f"{ENGINE_WORDS[name]} ({engines[name]:,})",
    )


def ask_accounts() -> tuple[Treated, bool]:
    """Worked on or not, and whether to count every prediction."""
    options: list[Treated] = list(TREATED_WORDS)
    treated = st.selectbox(
        "Accounts",
        options,
        format_func=lambda option: TREATED_WORDS[option],
        key=Key.TREATED,
        bind="query-params",
        width=180,
        help="Worked on: a call to action was opened or done within the time of the prediction. A warning that was "
        "acted on may have kept the customer and then looks wrong: look at both.",
    )
    every = st.toggle(
        "Every prediction",
        key=Key.EVERY,
        bind="query-params",
        help="Off: one prediction per customer and time span, so that refreshing often counts for nothing. On: all.",
    )
    return treated, every


def ask_section() -> Section:
    chosen = st.segmented_control(
        "Show",
        list(Section),
        default=Section.CALIBRATION,
        required=True,
        key=Key.SECTION,
        bind="query-params",
        wrap=True,
        label_visibility="collapsed",
    )
    return Section(chosen or Section.CALIBRATION)


def ask_look(actor: Actor, state: AccuracyState, source: Source) -> Chosen | None:
    """Which predictions and accounts; None where there is nothing to choose from."""
    window = ask_window(state, source)
    rows = JudgedRows(owner_of(actor), state.version, window or 0, source is Source.BACKTEST)
    engine = ask_engine(engines_in(cache.judged(actor.tenant_id, rows))) if window else None
    treated, every = ask_accounts()
    return Chosen(actor.tenant_id, Look(rows, engine, treated, every), engine) if engine else None


def require_same(actor: Actor, chosen: Chosen) -> None:
    """A fragment runs without its page: what it was drawn for must still be what its user may see."""
    if (actor.tenant_id, owner_of(actor)) != (chosen.tenant_id, chosen.look.rows.owner_id):
        st.info(SIGN_IN_NOTICE)
        st.stop()


def owner_of(actor: Actor) -> int | None:
    """Whose accounts the actor is limited to."""
    return actor.user_id if actor.scope == "owned" else None
