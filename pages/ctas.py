"""The calls to action that somebody works through: suggested, due, snoozed and done."""

import streamlit as st

from cs_ml.domain.actor import Permission
from cs_ml.domain.ctas.inbox import Section
from cs_ml.domain.errors import NotFound
from cs_ml.ui.components import error_state, reader_zone
from cs_ml.ui.runtime import require_actor, services
from cs_ml.ui.screens.ctas.actions import draw_notice
from cs_ml.ui.screens.ctas.downloads import draw_downloads
from cs_ml.ui.screens.ctas.rows import draw_ctas, draw_empty, draw_suggestions, opened_cta
from cs_ml.ui.screens.ctas.sections import ask_query, draw_pages, draw_sections
from cs_ml.ui.screens.ctas.statistics import draw_statistics


def render() -> None:
    actor = require_actor(Permission.READ)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title("CTAs", anchor=False, width="stretch")
        draw_downloads(actor)
    draw_notice()
    query = ask_query(actor)
    inbox = services().inbox.show(actor, query)
    now, zone, members = services().clock(), reader_zone(), services().inbox.members(actor)
    today = now.astimezone(zone).date()
    opened = opened_cta()
    if opened is not None and opened not in {cta.id for cta in inbox.ctas}:
        try:  # a link to a CTA that is not on this page
            draw_ctas(actor, [services().inbox.get(actor, opened)], members, today=today, now=now, zone=zone)
        except NotFound as error:
            error_state(error)
    draw_sections(inbox.counts, query.section)
    if query.section is Section.SUGGESTED:
        draw_suggestions(inbox.suggestions, now)
    else:
        draw_ctas(actor, inbox.ctas, members, today=today, now=now, zone=zone)
    if not inbox.ctas and not inbox.suggestions:
        draw_empty(query.section, searched=bool(query.search))
    draw_pages(inbox.counts[query.section])
    draw_statistics(services().inbox.stats(actor))


render()
