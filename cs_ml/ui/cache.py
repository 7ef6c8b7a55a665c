"""Answers that are kept for a while. Streamlit shares them between all users: the tenant is always part of the key."""

from datetime import datetime

import streamlit as st

from cs_ml.domain.actor import AccountScope, Actor, Role
from cs_ml.services.truth.figures import (
    Baseline,
    Dimension,
    JudgedRows,
    Look,
    baselines,
    breakdown,
    evaluation_of,
    pick,
)
from cs_ml.services.truth.judged import Judged
from cs_ml.services.truth.reports import Evaluation
from cs_ml.ui.runtime import services

_MOST_TENANTS = 100
_JUDGED_S, _MOST_LOOKS = 600, 200


@st.cache_data(ttl=60, max_entries=_MOST_TENANTS, show_spinner=False)
def data_as_of(tenant_id: str) -> datetime | None:
    """When the newest fact of the tenant was. Asked at every click, and the answer moves with imports only."""
    return services().freshness.data_as_of(Actor.system(tenant_id))


@st.cache_data(ttl=_JUDGED_S, max_entries=_MOST_LOOKS, show_spinner=False)
def judged(tenant_id: str, rows: JudgedRows) -> Judged:
    """The judged predictions, read again once there are new ones."""
    owner_id = rows.owner_id
    scope: AccountScope = "all" if owner_id is None else "owned"
    reader = Actor(tenant_id=tenant_id, role=Role.VIEWER, user_id=owner_id, scope=scope)
    return services().accuracy.judged(reader, rows.window_days, replays=rows.replays)


@st.cache_data(ttl=_JUDGED_S, max_entries=_MOST_LOOKS, show_spinner=False)
def evaluated(tenant_id: str, look: Look) -> Evaluation:
    """All figures of one look."""
    return evaluation_of(pick(judged(tenant_id, look.rows), engine=look.engine, treated=look.treated, every=look.every))


@st.cache_data(ttl=_JUDGED_S, max_entries=_MOST_LOOKS, show_spinner=False)
def compared(tenant_id: str, look: Look) -> list[Baseline]:
    """What the method of a look has to beat."""
    return baselines(judged(tenant_id, look.rows), look.engine, look.treated)


@st.cache_data(ttl=_JUDGED_S, max_entries=_MOST_LOOKS, show_spinner=False)
def grouped(tenant_id: str, look: Look, by: Dimension) -> list[tuple[str, Evaluation]]:
    """One look by group."""
    rows = judged(tenant_id, look.rows)
    return breakdown(pick(rows, engine=look.engine, treated=look.treated, every=look.every), by)
