"""Which accounts are listed: every choice lives in the address, so that a copied link shows the same list."""

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TypeVar

import streamlit as st

from cs_ml.domain.actor import Actor
from cs_ml.domain.policy import RiskBand
from cs_ml.domain.portfolio import STALE_DAYS, TOUCH_DAYS, Choices, Flag, PortfolioQuery, Sort, Work
from cs_ml.ui.components import plain
from cs_ml.ui.formatting import count
from cs_ml.ui.state import Key

Option = TypeVar("Option", bound=StrEnum)

OWNER_PARAM = "accounts_of"
EVERYBODY = "all"
_LONGEST = 100  # of a search
_RENEWALS = (30, 60, 90, 180)

FLAG_LABELS: Mapping[Flag, str] = {
    Flag.NO_CTA: "High risk, no open CTA",
    Flag.NO_TOUCH: "Renewal near, no contact",
    Flag.STALE: "No recent prediction",
    Flag.NO_HEALTH: "No health score",
}
FLAG_HELP = (
    "High risk, no open CTA: high or critical risk and no open call to action. Renewal near, no contact: renewal "
    f"within 90 days, no call, mail or meeting in the last {TOUCH_DAYS}. No recent prediction: none that is valid, or "
    f"none of the last {STALE_DAYS} days. No health score: none in 90 days. Several together: all must hold."
)
_WORK: Mapping[Work, str] = {"open": "Open CTAs", "overdue": "Overdue CTAs"}
_SORTS: Mapping[Sort, str] = {
    Sort.RISK: "Loss that can be prevented",
    Sort.PROBABILITY: "Chance of leaving",
    Sort.RENEWAL: "Renewal date",
    Sort.ARR: "Yearly revenue",
    Sort.NAME: "Name",
}
_SORT_HELP = (
    "Loss that can be prevented: chance of leaving × yearly revenue (against your average in its currency) × how near "
    "the renewal is (within 90 days fully, within 180 days or unknown half, later a quarter)."
)


_REMEMBERED = (Key.SEARCH, Key.BANDS, Key.SEGMENTS, Key.RENEWAL, Key.WORK, Key.FLAGS, Key.SORT)


def recall() -> None:
    """Coming back from another page: the filters of before, unless the address names some."""
    if any(name in st.query_params for name in (OWNER_PARAM, *_REMEMBERED)):
        return
    st.query_params.from_dict(json.loads(st.session_state.get(Key.ASKED, "{}")))


def ask_owner(actor: Actor, choices: Choices) -> int | None:
    """Whose accounts: the actor's own at first, where there are any. None is everybody's."""
    names = {str(owner.owner_id): owner for owner in choices.owners}
    mine = str(actor.user_id)
    chosen = st.query_params.get(OWNER_PARAM, "")
    if chosen != EVERYBODY and chosen not in names:
        chosen = mine if mine in names else EVERYBODY
    if st.query_params.get(OWNER_PARAM) != chosen:
        st.query_params[OWNER_PARAM] = chosen
    st.session_state[Key.ACCOUNTS_OF] = chosen

    def label(option: str) -> str:
        if option == EVERYBODY:
            return f"Everybody's · {count(choices.accounts, 'account')}"
        owner = names[option]
        return f"{owner.name}{' (you)' if option == mine else ''} · {count(owner.accounts, 'account')}"

    st.selectbox(
        "Accounts of",
        [EVERYBODY, *names],
        format_func=label,
        key=Key.ACCOUNTS_OF,
        on_change=_choose_owner,
        label_visibility="collapsed",  # above the title's line it would push the page down
        width=280,
    )
    return None if chosen == EVERYBODY else int(chosen)


def ask_filters(owner_id: int | None, choices: Choices) -> PortfolioQuery:
    """The other filters and the order."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        search = st.text_input(
            "Search",
            key=Key.SEARCH,
            bind="query-params",
            max_chars=_LONGEST,
            placeholder="Name or reference",
            width=220,
        )
        bands = _pills("Risk", list(RiskBand), Key.BANDS, lambda band: band.capitalize())
        with st.popover("More filters"):
            flags = _pills("Needs a look", list(Flag), Key.FLAGS, lambda flag: FLAG_LABELS[flag], help=FLAG_HELP)
            segments = st.multiselect(
                "Segment", choices.segments, key=Key.SEGMENTS, bind="query-params", placeholder="All segments"
            )
            renewal = st.selectbox(
                "Renewal within",
                _RENEWALS,
                index=None,
                format_func=lambda days: f"{days} days",
                key=Key.RENEWAL,
                bind="query-params",
                placeholder="Any time",
            )
            work = st.selectbox(
                "CTAs",
                list(_WORK),
                index=None,
                format_func=lambda kind: _WORK[kind],
                key=Key.WORK,
                bind="query-params",
                placeholder="Any",
            )
        orders: list[Sort] = list(Sort)
        sort = st.selectbox(
            "Order by",
            orders,
            format_func=lambda order: _SORTS[order],
            key=Key.SORT,
            bind="query-params",
            help=_SORT_HELP,
            width=250,
        )
    asked = {name: st.query_params.get_all(name) for name in (OWNER_PARAM, *_REMEMBERED)}
    st.session_state[Key.ASKED] = json.dumps({name: found for name, found in asked.items() if found})
    return PortfolioQuery(
        owner_id=owner_id,
        bands=frozenset(bands),
        segments=frozenset(segments),
        renewal_days=renewal,
        search=(search or "").strip(),
        flags=frozenset(flags),
        work=work,
        sort=sort,
    )


def draw_active(query: PortfolioQuery, matching: int, accounts: int) -> None:
    """ "23 of 140 accounts", what they are filtered by, and one way back to all."""
    parts = [
        *([f"“{plain(query.search)}”"] if query.search else []),
        *(f"{band.capitalize()} risk" for band in RiskBand if band in query.bands),
        *(plain(segment) for segment in sorted(query.segments)),
        *([f"renewal within {query.renewal_days} days"] if query.renewal_days else []),
        *([_WORK[query.work]] if query.work else []),
        *(FLAG_LABELS[flag] for flag in Flag if flag in query.flags),
    ]
    if not parts:
        st.markdown(count(accounts, "account"))
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{matching:,} of {count(accounts, 'account')}**: {' · '.join(parts)}", width="content")
        st.button(":primary[Reset filters]", key=Key.RESET, on_click=show_only, type="tertiary")


def show_only(
    *, bands: tuple[RiskBand, ...] = (), renewal: int | None = None, work: Work | None = None, flag: Flag | None = None
) -> None:
    """A callback: these filters and no others. It changes what is asked for only, so it needs no actor."""
    state = st.session_state
    state[Key.SEARCH] = ""
    state[Key.BANDS] = list(bands)
    state[Key.SEGMENTS] = []
    state[Key.RENEWAL] = renewal
    state[Key.WORK] = work
    state[Key.FLAGS] = [flag] if flag else []


def _choose_owner() -> None:
    st.query_params[OWNER_PARAM] = st.session_state[Key.ACCOUNTS_OF]


def _pills(
    label: str,
    options: list[Option],
    key: Key,
    words: Callable[[Option], str],
    help: str | None = None,  # noqa: A002 (Streamlit's own word)
) -> list[Option]:
    return st.pills(label, options, selection_mode="multi", format_func=words, key=key, bind="query-params", help=help)
