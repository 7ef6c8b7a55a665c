"""What moved: the bands of health by week, from which band to which, and the accounts that moved most."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo
from decimal import Decimal

import streamlit as st

from cs_ml.domain.health.movements import LEAST_POINTS, BandMove, Movements, Mover
from cs_ml.domain.policy import HEALTH_BANDS, HealthBand
from cs_ml.ui.charts.movements import band_word, bands_figure, bands_words
from cs_ml.ui.components import download_name, empty_state, table
from cs_ml.ui.exports import csv_bytes, safe_rows
from cs_ml.ui.formatting import DERIVED, count, day, money
from cs_ml.ui.runtime import require_actor, services
from cs_ml.ui.screens.account.chooser import ACCOUNT_PARAM
from cs_ml.ui.screens.portfolio.queue import ACCOUNT_PAGE
from cs_ml.ui.state import Key

_USUAL_DAYS = 30
_BANDS: Sequence[HealthBand | None] = (*HEALTH_BANDS, None)


def draw_movements(owner_id: int | None, zone: tzinfo) -> None:
    """A fold that asks for nothing until it is opened."""
    fold = st.expander("What moved in health", key=Key.MOVED, on_change="rerun")
    if fold.open:
        with fold:
            _draw(owner_id, zone)


@st.fragment
def _draw(owner_id: int | None, zone: tzinfo) -> None:
    actor = require_actor()
    today = services().clock().astimezone(UTC).date()
    since = st.date_input(
        "Compared with the end of",
        value=today - timedelta(days=_USUAL_DAYS),
        max_value=today - timedelta(days=1),
        key=Key.MOVED_SINCE,
        width=200,
        help="Accounts that are customers now, by the newest score of the 90 days before; by derived ones where your "
        "CRM sends none. The past weeks of more than 500 accounts are counted once a day.",
    )
    at = datetime.combine(since, time(23, 59, 59, 999000), UTC)
    with st.spinner("Comparing …"):
        found = services().movements.movements(actor, owner_id, at)
    if not any(band for week in found.weeks for band in week.accounts):
        empty_state("No health scores in these weeks", "Import health scores, or activities to derive them from.")
        return
    if found.derived:
        st.badge("Derived", icon=":material/calculate:", color="gray", help=DERIVED)
    st.plotly_chart(
        bands_figure(found.weeks, zone=zone),
        config={"displayModeBar": False},
        alt=bands_words(found.weeks),
        key="bands",
    )
    with st.expander("The same as a table", type="compact"):
        table(_week_rows(found, zone), alt="Accounts by band and week", key="band-weeks")
    _draw_matrix(found, zone)
    _draw_movers(found, zone)


def _draw_matrix(found: Movements, zone: tzinfo) -> None:
    st.subheader(f"From band to band since {day(found.since, zone)}", anchor=False)
    st.caption("Rows: the band then. Columns: the band now, with accounts and their yearly revenue where it is known.")
    rows = []
    for before in _BANDS:
        cells = {
            band_word(after): _cell([one for one in found.moves if one.before is before and one.after is after])
            for after in _BANDS
        }
        if any(cells.values()):
            rows.append({"Band then": band_word(before), **cells})
    table(rows, alt="Accounts and revenue by band then and now", key="band-moves", download=download_name("bands"))


def _cell(moves: Sequence[BandMove]) -> str:
    """Money of each currency on its own."""
    accounts = sum(one.accounts for one in moves)
    if not accounts:
        return ""
    sums = [money(Decimal(one.arr), one.currency) for one in moves if one.arr is not None and one.with_arr]
    return " · ".join([count(accounts, "account"), *sums])


def _draw_movers(found: Movements, zone: tzinfo) -> None:
    st.subheader(f"Changed since {day(found.since, zone)}", anchor=False)
    if not found.movers:
        st.caption(f"No account changed its band or moved {LEAST_POINTS} points.")
        return
    shown = "" if len(found.movers) == found.moved else f", the {len(found.movers)} largest falls first"
    st.caption(f"{count(found.moved, 'account')} changed the band or moved {LEAST_POINTS} points or more{shown}.")
    st.caption("Choose a row by the box at its left to open the account.")
    rows = [_mover_row(one) for one in found.movers]
    chosen = st.dataframe(
        safe_rows(rows),
        hide_index=True,
        column_config={"Account": st.column_config.TextColumn(pinned=True)},
        on_select="rerun",
        selection_mode="single-row",
        key=Key.MOVERS,
        alt="Accounts that moved, the largest falls first",
    )
    st.download_button("Download CSV", csv_bytes(rows), download_name("moved"), "text/csv", on_click="ignore")
    for index in chosen["selection"]["rows"]:
        st.switch_page(ACCOUNT_PAGE, query_params={ACCOUNT_PARAM: _reference(found.movers[index])})


def _reference(one: Mover) -> str:
    return one.reference or str(one.account_id)


def _mover_row(one: Mover) -> dict[str, object]:
    cause = f"{one.cause.capitalize()} {one.cause_points:+}" if one.cause and one.cause_points else ""
    return {
        "Account": one.name,
        "Reference": _reference(one),
        "From": one.before,
        "To": one.after,
        "Points": one.after - one.before,
        "Mostly": cause,
        "Owner": one.owner_name or "",
    }


def _week_rows(found: Movements, zone: tzinfo) -> list[dict[str, object]]:
    return [
        {"Week to": week.at.astimezone(zone).date()} | {band_word(band): week.accounts.get(band, 0) for band in _BANDS}
        for week in reversed(found.weeks)
    ]
