"""For those who manage the tenant: people, settings, the scorecard, import, how long things
are kept, the audit log, and removing a customer's data."""

import streamlit as st

from cs_ml.domain.actor import Permission
from cs_ml.ui.runtime import require_actor
from cs_ml.ui.screens.admin.importing import draw_import
from cs_ml.ui.screens.admin.log import draw_log
from cs_ml.ui.screens.admin.people import draw_people
from cs_ml.ui.screens.admin.purging import draw_purge
from cs_ml.ui.screens.admin.retention import draw_retention
from cs_ml.ui.screens.admin.scorecard import draw_scorecard
from cs_ml.ui.screens.admin.settings import draw_settings
from cs_ml.ui.state import Key

_PARTS = {
    "People": draw_people,
    "Settings": draw_settings,
    "Scorecard": draw_scorecard,
    "Import": draw_import,
    "Retention": draw_retention,
    "Audit log": draw_log,
    "Remove data": draw_purge,
}


def render() -> None:
    actor = require_actor(Permission.MANAGE_TENANT)
    st.title("Admin", anchor=False)
    part = st.segmented_control(
        "Part",
        list(_PARTS),
        default="People",
        required=True,
        key=Key.PART,
        bind="query-params",
        label_visibility="collapsed",
    )
    _PARTS[part](actor)


render()
