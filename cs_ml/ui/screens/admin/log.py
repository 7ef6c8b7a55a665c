"""The audit log: who did what, when, from where, and what it changed."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import streamlit as st

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import Forbidden
from cs_ml.domain.identity.audit_log import AuditQuery, AuditRecord
from cs_ml.ui.components import download_name, empty_state, reader_zone, table
from cs_ml.ui.exports import csv_of_alike
from cs_ml.ui.formatting import count, instant, words
from cs_ml.ui.runtime import services, session_token, sessions
from cs_ml.ui.state import Key


def draw_log(actor: Actor) -> None:
    st.caption("Ids stand for people and accounts, so that an entry outlives both. Nothing here can be changed.")
    query = _ask_query(actor)
    before = st.session_state.get(Key.LOG_BEFORE)
    page = services().audit.page(actor, query, before=before)
    if not page.records:
        empty_state("No entry matches", "Take a filter away, or look at another span of time.")
        return
    rows = [_row(record, page.names) for record in page.records]
    table(rows, alt="Audit log, newest first", key=Key.LOG, wide=("Before", "After"))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{count(len(rows), 'row')} of {page.matching:,}")
        st.button("Newest", key=Key.LOG_NEWEST, disabled=before is None, on_click=_show_from, args=(None,))
        st.button("Older", key=Key.LOG_OLDER, disabled=page.next is None, on_click=_show_from, args=(page.next,))
        _draw_download(actor, query)


def _ask_query(actor: Actor) -> AuditQuery:
    page = services().audit.page(actor, AuditQuery(), limit=1)
    subjects = sorted({action.partition(".")[0] for action in page.actions})
    people = {member.person.id: member.person.name for member in services().members.list(actor)}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        subject = st.selectbox(
            "What",
            subjects,
            index=None,
            placeholder="Everything",
            format_func=words,
            key=Key.LOG_SUBJECT,
            on_change=_show_from,
        )
        user_id = st.selectbox(
            "Who",
            list(people),
            index=None,
            placeholder="Everybody",
            format_func=people.__getitem__,
            key=Key.LOG_USER,
            on_change=_show_from,
        )
        since = st.date_input("From", value=None, key=Key.LOG_SINCE, on_change=_show_from)
        until = st.date_input("To", value=None, key=Key.LOG_UNTIL, on_change=_show_from)
    return AuditQuery(subject=subject, user_id=user_id, since=_midnight(since, 0), until=_midnight(until, 1))


def _midnight(day: Any, later: int) -> datetime | None:
    return datetime.combine(day + timedelta(days=later), time(), UTC) if isinstance(day, date) else None


def _show_from(before: int | None = None) -> None:
    st.session_state[Key.LOG_BEFORE] = before


def _row(record: AuditRecord, names: Mapping[int, str]) -> dict[str, object]:
    nobody = "nobody known" if record.action.startswith("sign_in.") else record.source
    user = nobody if record.user_id is None else names.get(record.user_id, f"user {record.user_id}")
    return {
        "When": instant(record.at, reader_zone()),
        "Who": user,
        "From": (record.after or {}).get("client") or record.source,
        "What": words(record.action.replace(".", "_")).capitalize(),
        "About": "this tenant" if record.entity_type == "tenant" else f"{record.entity_type} {record.entity_id}",
        "Before": told(record.before),
        "After": told(record.after),
    }


def told(value: Any) -> str:
    """What an entry says of before or after, in one cell."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case dict():
            return ", ".join(f"{name}: {told(item) or 'none'}" for name, item in value.items())
        case list():
            return ", ".join(map(told, value))
    return str(value)


def _json(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _draw_download(actor: Actor, query: AuditQuery) -> None:
    token = session_token()  # the button's request is no run of the page: nobody is signed in there

    def make() -> bytes:
        found = sessions().resolve(token) if token else None
        if found is None or found.actor != actor:
            raise Forbidden("You are not signed in any more, or to another tenant. Load the page again.")
        return csv_of_alike(_cells(record) for record in services().audit.export(actor, query))

    st.download_button(
        "Download CSV", make, download_name("audit"), "text/csv", key=Key.LOG_DOWNLOAD, on_click="ignore"
    )


def _cells(record: AuditRecord) -> dict[str, object]:
    return {
        "at": record.at,
        "user_id": record.user_id,
        "source": record.source,
        "action": record.action,
        "entity_type": record.entity_type,
        "entity_id": record.entity_id,
        "before": _json(record.before),
        "after": _json(record.after),
    }
