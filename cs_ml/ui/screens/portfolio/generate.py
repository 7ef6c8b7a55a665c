"""CTAs for the riskiest accounts at once: first what would be made and what is held back, then the making."""

from collections import Counter
from collections.abc import Mapping

import streamlit as st

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.ctas.decisions import SkipReason
from cs_ml.domain.errors import CsMlError
from cs_ml.domain.policy import RiskBand
from cs_ml.services.work.automation import Generated, Generation
from cs_ml.ui.components import error_state, table
from cs_ml.ui.formatting import band_label, count, percent
from cs_ml.ui.runtime import require_actor, services
from cs_ml.ui.state import Key

_MOST = 20
_RULE_WORDS: Mapping[SkipReason, str] = {
    SkipReason.NO_SUGGESTION: "Nothing is suggested",
    SkipReason.LOW_RISK: "The risk is below the chosen levels",
    SkipReason.CONFIDENCE: "The prediction is not sure enough",
    SkipReason.SIMILAR_OPEN: "A similar CTA is open",
    SkipReason.COOLDOWN: "Too soon after the last one",
    SkipReason.LIMIT: "The day's limit is used up",
}


def draw_generate(actor: Actor) -> None:
    """Nothing for whom may not work on CTAs."""
    if actor.may(Permission.WORK):
        _draw_fold()


@st.fragment
def _draw_fold() -> None:
    """Alone in a fragment, drawn when opened and computed when asked: the page pays nothing for it."""
    actor = require_actor(Permission.WORK)
    fold = st.expander("Make CTAs for the riskiest accounts", key=Key.GENERATING, on_change="rerun")
    if fold.open:
        with fold:
            _draw(actor)


def _draw(actor: Actor) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        most = int(st.number_input("At most", 1, 100, _MOST, key=f"{Key.GENERATE}_most", width=120))
        medium = st.checkbox("Medium risk too", key=f"{Key.GENERATE}_medium", help="Else high and critical risk only.")
        previewed = st.button("Preview", key=Key.PREVIEW)
        made = st.button("Make them", key=Key.GENERATE, type="primary")
    if not previewed and not made:
        st.caption("The preview says which CTAs would be made, and what is held back and why.")
        return
    levels = [RiskBand.MEDIUM] if medium else []
    try:
        done = services().automation.generate(actor, most=most, levels=levels, preview=not made)
    except CsMlError as error:
        error_state(error)
        return
    _draw_result(done)


def _draw_result(done: Generation) -> None:
    verb = "would be made" if done.preview else "made"
    st.markdown(f"**{count(done.generated, 'CTA')} {verb}, {count(done.skipped, 'account')} held back.**")
    _draw_rules(done)
    if done.results:
        table(
            [_row(one, preview=done.preview) for one in done.results],
            alt="Each account with what would be made for it, or why nothing is.",
            wide=("What", "Why not"),
            lines=1 if all(one.created for one in done.results) else 3,
        )


def _draw_rules(done: Generation) -> None:
    """How many accounts each rule holds back; several may hold back one."""
    rules = Counter(held.reason for one in done.results if not one.created for held in one.decision.held_back)
    lines = [f"- {_RULE_WORDS[rule]}: {count(accounts, 'account')}" for rule, accounts in rules.most_common()]
    if lines:
        st.markdown("\n".join(lines))


def _row(one: Generated, *, preview: bool) -> dict[str, object]:
    until = f" Until {one.decision.until:%-d %b %Y}." if one.decision.until else ""
    noted = " The new evidence was added to it." if one.noted else ""
    return {
        "Account": one.account_name,
        "Comes to": ("a new CTA" if preview else f"CTA {one.cta_id}") if one.created else "held back",
        "Risk": band_label(one.risk_category),
        "Chance": percent(one.probability),
        "What": one.title,
        "Why not": "" if one.created else " ".join(held.words for held in one.decision.held_back) + until + noted,
    }
