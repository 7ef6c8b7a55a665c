"""Who needs me, why, and what is at stake: the figures of a portfolio, and its accounts in the order of work."""

import streamlit as st

from cs_ml.domain.actor import Permission
from cs_ml.domain.portfolio import PAGE_ROWS
from cs_ml.ui.cache import data_as_of
from cs_ml.ui.components import empty_state, reader_zone
from cs_ml.ui.runtime import require_actor, services
from cs_ml.ui.screens.portfolio.batch import draw_batch
from cs_ml.ui.screens.portfolio.download import draw_download
from cs_ml.ui.screens.portfolio.filters import ask_filters, ask_owner, draw_active, recall
from cs_ml.ui.screens.portfolio.generate import draw_generate
from cs_ml.ui.screens.portfolio.movements import draw_movements
from cs_ml.ui.screens.portfolio.paging import draw_pages, page_starts
from cs_ml.ui.screens.portfolio.queue import ask_view, draw_rows
from cs_ml.ui.screens.portfolio.quiet import draw_quiet
from cs_ml.ui.screens.portfolio.tiles import draw_tiles


def render() -> None:
    actor = require_actor(Permission.READ)
    choices = services().portfolio.choices(actor)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title("Portfolio", anchor=False, width="stretch")
        if not choices.accounts:
            _draw_empty(may_import=actor.may(Permission.IMPORT), owned=actor.scope == "owned")
            return
        recall()
        if actor.may(Permission.PREDICT):
            draw_batch()
        owner_id = ask_owner(actor, choices)
    figures = st.container()
    query = ask_filters(owner_id, choices)
    starts = page_starts(query)
    portfolio = services().portfolio.show(actor, query, after=starts[-1] if starts else None)
    now, zone = services().clock(), reader_zone()
    with figures:
        draw_quiet(portfolio.tiles, now, data_as_of(actor.tenant_id))
        draw_tiles(portfolio.tiles)
        draw_movements(owner_id, zone)

    with st.container(horizontal=True, vertical_alignment="center"):
        draw_active(query, portfolio.matching, portfolio.tiles.accounts)
        view = ask_view()
        if portfolio.matching:
            draw_download(actor, query, portfolio.matching)
    if not portfolio.rows:
        empty_state("No account matches these filters", "Reset the filters, or look at everybody's accounts.")
        return
    first = len(starts) * PAGE_ROWS + 1
    draw_rows(view, portfolio.rows, first, now, zone)
    draw_pages(query, first, len(portfolio.rows), portfolio.matching, portfolio.next)
    draw_generate(actor)


def _draw_empty(*, may_import: bool, owned: bool) -> None:
    if owned:
        empty_state("You own no accounts yet", "You see the accounts that you own. An administrator can assign some.")
    elif may_import:
        empty_state(
            "No accounts yet",
            "Import a folder of CSV files: `cs-ml import FOLDER --tenant SLUG`. "
            "`cs-ml import --template FOLDER` writes empty files with one example row each.",
        )
    else:
        empty_state("No accounts yet", "An administrator of this tenant can import them.")


render()
