"""How long things are kept, and what the next night would remove."""

import streamlit as st

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import CsMlError
from cs_ml.domain.identity.tenant_settings import UNSET, TenantSettings
from cs_ml.services.operations.retention import Due
from cs_ml.ui.components import error_state, reader_zone, table
from cs_ml.ui.formatting import count, when
from cs_ml.ui.runtime import services
from cs_ml.ui.screens.admin.settings import draw_history
from cs_ml.ui.state import Key

_SETTINGS = {
    "keep_calls_days": "Calls of the language model",
    "keep_left_days": "Customers that have left",
}
_YEAR = 365
_CHOICES = (None, 180, _YEAR, 2 * _YEAR, 3 * _YEAR, 5 * _YEAR, 10 * _YEAR)
_MORE = {
    "keep_calls_days": "One by one: who, when, about which account, at what cost. Settled here.",
    "keep_left_days": "With every row of them, counted from the day on which they left. Settled here.",
}
_FIXED = (
    ("Sums of calls and cost", "for good", "By day, model and operation."),
    ("Prompts and answers", "not at all", "The prediction that is made of them is kept."),
    ("Accounts of batches", "30 days", "A batch and its counts are kept for good."),
    ("Sessions", "12 hours", "At most; 60 minutes without a click."),
    ("Failed sign-ins", "30 days", "As counts, without the address."),
    ("Removed customers", "not at all", "What is removed under Remove data is gone at once."),
    ("Audit log", "for good", "Ids, never names; it is only added to."),
)


def draw_retention(actor: Actor) -> None:
    settings = services().tenant_settings.settings_of(actor)
    shown = st.container()
    with st.container(border=True):
        _draw_form(actor, settings)
    _draw_next(actor)
    kept = {key: getattr(services().tenant_settings.settings_of(actor), key) for key in _SETTINGS}
    rows = [{"What": label, "Kept": span(kept[key]), "More": _MORE[key]} for key, label in _SETTINGS.items()]
    rows += [{"What": what, "Kept": how_long, "More": more} for what, how_long, more in _FIXED]
    with shown:
        table(rows, alt="What is kept, and how long", key=Key.KEPT)
    draw_history(actor, *_SETTINGS)


def span(days: int | None) -> str:
    """How long, in words."""
    if days is None:
        return "for good"
    return count(days // _YEAR, "year") if days % _YEAR == 0 else count(days, "day")


def _draw_form(actor: Actor, settings: TenantSettings) -> None:
    key = st.selectbox("Change", list(_SETTINGS), format_func=_SETTINGS.__getitem__, key=Key.KEEP)
    now = getattr(settings, key)
    choices = sorted({*_CHOICES, now}, key=lambda days: days or 0)
    days = st.selectbox(
        "Keep", choices, index=choices.index(now), format_func=_keep, key=f"{Key.KEEP}_{key}", help=_helps(key)
    )
    due = services().retention.due(actor, settings.model_copy(update={key: days}))
    st.caption(f"With this the next night removes {_told(due)}.")
    sure = days is None or st.checkbox("Remove for good what is older: nobody can bring it back", key=Key.KEEP_SURE)
    if st.button("Save", key=Key.KEEP_SAVE, disabled=not sure or days == now):
        try:
            services().tenant_settings.set(actor, key, UNSET if days is None else str(days))
        except CsMlError as error:
            error_state(error)
            return
        st.success("Saved.")


def _keep(days: int | None) -> str:
    return span(days) if days is None else f"for {span(days)}"


def _helps(key: str) -> str:
    if key == "keep_calls_days":
        return "Who asked when, about which account, at what cost. The sums by day stay."
    return "Counted from the day on which they left. Their outcomes go too: the product then learns from fewer."


def _told(due: Due) -> str:
    customers = (
        "no customers (they are deleted in your CRM)" if due.customers is None else count(due.customers, "customer")
    )
    return f"{count(due.calls, 'call')} and {customers}"


def _draw_next(actor: Actor) -> None:
    state = next(each for each in services().schedules.states(actor) if each.name == "retention")
    last = when(state.succeeded_at, services().clock(), reader_zone()) if state.succeeded_at else "never yet"
    failed = " The last run failed; it is tried again tonight." if state.error else ""
    st.caption(f"Applied every night at 00:50 UTC; last: {last}.{failed}")
