"""What the tenant has settled, and who changed what when."""

from typing import Any

import streamlit as st

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import CsMlError
from cs_ml.domain.identity.audit_log import AuditQuery
from cs_ml.domain.identity.tenant_settings import UNSET, TenantSettings
from cs_ml.ui.components import download_name, empty_state, error_state, reader_zone, table
from cs_ml.ui.formatting import instant
from cs_ml.ui.runtime import services
from cs_ml.ui.state import Key

_LABELS = {
    "limit_predictions_per_day": "Single predictions a day",
    "limit_batches_per_day": "Predictions of the whole portfolio a day",
    "limit_ctas_per_day": "Automatic CTAs a day",
    "llm_free_text": "Send notes and subjects to the language model",
    "llm_budget_usd_month": "Budget of the language model a month (USD)",
    "auto_cta_levels": "Risk levels that make CTAs by themselves",
    "cta_cooldown_days": "Days between two CTAs of an account",
    "bands": "Where risk is critical, high and medium",
    "scorecard_weights": "Weights of the scorecard",
    "keep_calls_days": "Days that single calls of the language model are kept",
    "keep_left_days": "Days that customers are kept who have left",
    "shadow_llm_percent": "Share of accounts that the language model is asked about at night (%)",
    "zone": "Time zone",
    "working_days": "Working days",
    "holidays": "Holidays",
    "churn_complete_until": "Churn dates are complete until",
    "champion": "Engine that answers",
}


def draw_settings(actor: Actor) -> None:
    shown = st.container()
    with st.container(border=True):
        _draw_form(actor)
    settings = services().tenant_settings.settings_of(actor).plain()
    defaults = TenantSettings().plain()
    rows = [
        {
            "Setting": setting_label(key),
            "Value": written(value),
            "Set here": "no" if value == defaults[key] else "yes",
        }
        for key, value in settings.items()
    ]
    with shown:
        table(rows, alt="Settings of this tenant", download=download_name("settings"), key=Key.SETTINGS)
    draw_history(actor)


def setting_label(key: str) -> str:
    return _LABELS.get(key, key.replace("_", " "))


def written(value: Any) -> str:
    """A setting's value, or what an entry says of one, in a table."""
    match value:
        case None:
            return "not set"
        case bool():
            return "on" if value else "off"
        case list():
            return ", ".join(map(str, value)) or "none"
        case dict():
            return ", ".join(f"{name} {item}" for name, item in value.items()) or "none"
    return str(value)


def _draw_form(actor: Actor) -> None:
    key = st.selectbox("Change", list(TenantSettings.model_fields), format_func=setting_label, key=Key.SETTING)
    expected = TenantSettings.model_fields[key].description or "a value"
    with st.form(f"{Key.SETTING}_form", border=False):
        value = st.text_input(
            "New value", max_chars=20_000, help=f"`{UNSET}` goes back to what the product comes with."
        )
        st.caption(f"Expected: {expected}; `{UNSET}` goes back to what the product comes with.")
        saved = st.form_submit_button("Save")
    if not saved:
        return
    try:
        services().tenant_settings.set(actor, key, value)
    except CsMlError as error:
        error_state(error)
        return
    st.success("Saved.")


def draw_history(actor: Actor, *settings: str) -> None:
    """Of some settings; without any, of all."""
    st.subheader("Who changed what", anchor=False)
    page = services().audit.page(actor, AuditQuery(subject="setting", entity_ids=settings))
    if not page.records:
        empty_state("Nothing was changed yet", "Every change is listed here, with who made it and what was before.")
        return
    rows = [
        {
            "When": instant(record.at, reader_zone()),
            "Who": page.names.get(record.user_id or 0, record.source),
            "Setting": setting_label(record.entity_id),
            "Before": written((record.before or {}).get("value")),
            "After": written((record.after or {}).get("value")),
        }
        for record in page.records
    ]
    table(rows, alt="Changes of settings, newest first", key=Key.HISTORY)
