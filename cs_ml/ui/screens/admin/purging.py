"""Removing all data of one customer, for good."""

import streamlit as st

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import CsMlError, NotFound
from cs_ml.ui.components import error_state, plain
from cs_ml.ui.runtime import services
from cs_ml.ui.state import Key


def draw_purge(actor: Actor) -> None:
    st.subheader("Remove one customer", anchor=False)
    st.caption(
        "Every row of the account goes, in every table: facts, scores, activities, tasks, deals, contacts and "
        "predictions. This cannot be taken back. What the language model cost stays in the books, without the account."
    )
    named = st.text_input("Account (id or reference)", max_chars=200, key=Key.PURGE)
    if named.strip():
        _draw_confirm(actor, named.strip())
    st.divider()
    st.caption(
        "A copy of all data of this tenant, or removing the tenant: `cs-ml tenant export` and `cs-ml tenant delete`, "
        "on the server. What a language model is sent about an account: tab of that name on the Account page."
    )


def _draw_confirm(actor: Actor, named: str) -> None:
    try:
        account_id = services().context.resolve(actor, named)
        profile = services().context.gather_context(actor, account_id).profile
    except NotFound as error:
        error_state(error)
        return
    with st.form(f"{Key.PURGE}_form"):
        st.markdown(f"This is **{plain(profile.name)}** (id {account_id}).")
        typed = st.text_input("Type the name of the account to remove it", max_chars=500)
        sent = st.form_submit_button("Remove for good")
    if not sent:
        return
    if typed.strip() != profile.name.strip():
        st.error("That is not the name of this account. Nothing was removed.")
        return
    try:
        services().leaving.purge_account(actor, account_id)
    except CsMlError as error:
        error_state(error)
        return
    st.success(f"Account {account_id} is gone.")
