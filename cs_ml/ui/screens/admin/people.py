"""Who works in the tenant, with which role and accounts."""

from collections.abc import Sequence
from datetime import datetime
from typing import get_args

import streamlit as st

from cs_ml.domain.actor import AccountScope, Actor, Role
from cs_ml.domain.errors import CsMlError
from cs_ml.domain.identity.people import Member
from cs_ml.services.identity.access import ISSUED_HOURS
from cs_ml.ui.components import download_name, error_state, plain, reader_zone, table
from cs_ml.ui.formatting import instant
from cs_ml.ui.runtime import services
from cs_ml.ui.state import Key

_ROLES = {
    Role.OWNER: "Owner: everything, and names other owners",
    Role.ADMIN: "Admin: everything but owners",
    Role.MEMBER: "Member: works with accounts, predicts",
    Role.VIEWER: "Viewer: reads only",
}
_ACCOUNTS: dict[AccountScope, str] = {"all": "All accounts", "owned": "Only the accounts that they own"}


def draw_people(actor: Actor) -> None:
    listed = st.container()
    adding, changing = st.columns(2, gap="medium")
    with adding, st.container(border=True):
        _draw_add(actor)
    with changing, st.container(border=True):
        _draw_change(actor)
    with listed:
        now = services().clock()
        rows = [_row(member, now) for member in services().members.list(actor)]
        table(rows, alt="People of this tenant", download=download_name("people"), key=Key.PEOPLE)


def _row(member: Member, now: datetime) -> dict[str, object]:
    return {
        "Name": member.person.name,
        "E-mail": member.person.email,
        "Role": member.role.title(),
        "Accounts": _ACCOUNTS[member.scope],
        "Can sign in": _able(member, now),
    }


def _able(member: Member, now: datetime) -> str:
    if not member.able:
        return "no: no password, or switched off"
    if member.issued_until is None:
        return "yes"
    if now >= member.issued_until:
        return "no: the password that was handed over has run out"
    return f"yes, until {instant(member.issued_until, reader_zone())}: has to choose a password"


def _draw_add(actor: Actor) -> None:
    st.subheader("Add somebody", anchor=False)
    with st.form(Key.ADD_PERSON, border=False):
        email = st.text_input("E-mail address", max_chars=254)
        name = st.text_input("Name", max_chars=200, help="Empty: what stands before the @.")
        role = _ask_role(Role.MEMBER)
        accounts = _ask_accounts("all")
        sent = st.form_submit_button("Add")
    if not sent:
        return
    try:
        added = services().access.add_user(actor, email, role=role, scope=accounts, name=name.strip() or None)
    except CsMlError as error:
        error_state(error)
        return
    st.success(f"{plain(added.person.email)} is {added.role.title()} here.")
    if added.password:
        st.caption(
            "The password, shown this once. Hand it over on a safe way: it holds for "
            f"{ISSUED_HOURS} hours, and whoever signs in with it by then chooses another."
        )
        st.code(added.password, language=None)
    elif added.password_kept:
        st.caption("They were known before: the password stays as it is.")


def _draw_change(actor: Actor) -> None:
    st.subheader("Change somebody", anchor=False)
    members = {member.person.id: member for member in services().members.list(actor)}
    chosen = st.selectbox("Person", list(members), format_func=lambda found: _label(members, found), key=Key.PERSON)
    member = members[chosen]
    with st.form(f"{Key.PERSON}_form", border=False):
        role = _ask_role(member.role)
        accounts = _ask_accounts(member.scope)
        st.caption("A change signs the person out everywhere.")
        saved = st.form_submit_button("Save")
    with st.container(horizontal=True, vertical_alignment="center"):
        ended = st.button("End all sessions", key=Key.END_SESSIONS)
        sure = st.checkbox("Take the place away", key=Key.SURE)
        removed = st.button("Remove from tenant", key=Key.REMOVE_PERSON, disabled=not sure)
    try:
        if saved:
            services().members.change(actor, chosen, role, accounts)
            st.success("Saved.")
        elif ended:
            services().members.end_sessions(actor, chosen)
            st.success("All sessions are ended.")
        elif removed and sure:
            services().members.remove(actor, chosen)
            st.success("Removed. The accounts that the person owns stay with their name.")
    except CsMlError as error:
        error_state(error)


def _ask_role(now: Role) -> Role:
    roles: Sequence[Role] = list(Role)
    return st.selectbox("Role", roles, index=roles.index(now), format_func=_ROLES.__getitem__)


def _ask_accounts(now: AccountScope) -> AccountScope:
    scopes: Sequence[AccountScope] = get_args(AccountScope)
    return st.selectbox("Sees", scopes, index=scopes.index(now), format_func=_ACCOUNTS.__getitem__)


def _label(members: dict[int, Member], user_id: int) -> str:
    person = members[user_id].person
    return f"{person.name} ({person.email})"
