"""Answers that are kept for a while. Streamlit shares them between all users: the tenant is always part of the key."""

from datetime import datetime

import streamlit as st

from cs_ml.domain.actor import Actor
from cs_ml.ui.runtime import services

_MOST_TENANTS = 100


@st.cache_data(ttl=60, max_entries=_MOST_TENANTS, show_spinner=False)
def data_as_of(tenant_id: str) -> datetime | None:
    """When the newest fact of the tenant was. Asked at every click, and the answer moves with imports only."""
    return services().freshness.data_as_of(Actor.system(tenant_id))
