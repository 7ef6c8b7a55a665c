"""Whether anything waits: a quiet morning is a good answer, and says when it was checked."""

from datetime import datetime, timedelta

import streamlit as st

from cs_ml.domain.policy import FEED_STOPPED_DAYS
from cs_ml.domain.portfolio import Flag, Tiles
from cs_ml.ui.formatting import ago, count


def draw_quiet(tiles: Tiles, now: datetime, newest: datetime | None) -> None:
    """Nothing waits where no account is at high risk, nothing is overdue and no renewal goes without contact; but
    silence counts only where every account has a recent prediction, and where data still arrives.

    `newest`: when the newest fact of the tenant was.
    """
    checked = f"checked {ago(tiles.checked_at, now)}"
    if not tiles.accounts:
        return
    if tiles.accounts_at_risk or tiles.overdue_ctas or tiles.flags[Flag.NO_TOUCH]:
        if tiles.checked_at != now and (now - tiles.checked_at).total_seconds() > 60:
            st.caption(f"Figures and order {checked}; the rows are of now.")
        return
    unknown = tiles.flags[Flag.STALE]
    if newest is None or now - newest > timedelta(days=FEED_STOPPED_DAYS):
        age = f"the newest data is of {ago(newest, now)}" if newest else "there is no data of any account"
        st.info(f"Nothing is known to need you, but {age}. Import what is newer.")
    elif unknown:
        st.info(f"Nothing needs you as far as is known, but {count(unknown, 'account')} have no recent prediction.")
    else:
        st.success(f"Nothing needs you: no account at high risk, nothing overdue, {checked}.")
