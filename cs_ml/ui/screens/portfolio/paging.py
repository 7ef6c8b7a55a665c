"""Pages of the queue: the state remembers where each page began, for as long as the same thing is asked."""

import json
from dataclasses import asdict

import streamlit as st

from cs_ml.domain.portfolio import PortfolioQuery
from cs_ml.ui.formatting import count
from cs_ml.ui.state import Key


def page_starts(query: PortfolioQuery) -> list[str]:
    """The cursors of the pages after the first, up to the one that is shown."""
    found, *starts = json.loads(st.session_state.get(Key.CURSORS, "[null]"))
    if found != _asked(query):
        _keep(query, [])
        return []
    return [str(start) for start in starts]


def draw_pages(query: PortfolioQuery, first: int, shown: int, matching: int, following: str | None) -> None:
    """Nothing where one page holds everything. `first`: rank of the first of the rows `shown`."""
    if first == 1 and following is None:
        return
    starts = page_starts(query)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Previous",
            key=Key.PREVIOUS,
            disabled=not starts,
            on_click=_keep,
            args=(query, starts[:-1]),
        )
        st.button(
            "Next",
            key=Key.NEXT,
            disabled=following is None,
            on_click=_keep,
            args=(query, [*starts, *([following] if following else [])]),
        )
        st.caption(f"{first:,} to {first + shown - 1:,} of {count(matching, 'account')}")


def _keep(query: PortfolioQuery, starts: list[str]) -> None:
    st.session_state[Key.CURSORS] = json.dumps([_asked(query), *starts])


def _asked(query: PortfolioQuery) -> str:
    """The same text for the same query."""
    parts = asdict(query)
    return repr([sorted(part) if isinstance(part, frozenset) else part for part in parts.values()])
