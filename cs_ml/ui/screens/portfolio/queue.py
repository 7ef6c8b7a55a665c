"""The accounts in the order of work: as a table, or as a list for narrow screens, keyboards and screen readers."""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from enum import StrEnum
from pathlib import Path

import streamlit as st

from cs_ml.domain.portfolio import QueueRow, RiskView
from cs_ml.ui.components import band_badge, plain, text
from cs_ml.ui.exports import safe_rows
from cs_ml.ui.formatting import (
    ENGINE_WORDS,
    UNKNOWN,
    ago,
    band_label,
    count,
    countdown,
    day,
    money,
    percent,
)
from cs_ml.ui.screens.account.chooser import ACCOUNT_PARAM
from cs_ml.ui.state import Key

ACCOUNT_PAGE = Path(__file__).parents[4] / "pages" / "account.py"
_REASONS = 2
_ROW_HEIGHT, _HEAD_HEIGHT, _MOST_ROWS = 35, 38, 20
_COLUMNS = {
    "Account": st.column_config.TextColumn(pinned=True, width=170),
    "#": st.column_config.NumberColumn(width=46, help="Rank in the chosen order."),
    "Risk": st.column_config.TextColumn(width=120),
    "Chance": st.column_config.ProgressColumn(
        width=110,
        min_value=0,
        max_value=100,
        format="%d %%",
        help="Of 100 accounts in the same position, so many are expected to leave within the window of the prediction.",
    ),
    "Why here": st.column_config.TextColumn(
        width=400, help="What the order is made of. The three are kept apart, and multiplied only to sort."
    ),
    "Health, 12 weeks": st.column_config.LineChartColumn(
        width=120, y_min=0, y_max=100, help="The last overall score of each week, 0 (worst) to 100 (best)."
    ),
    "Main reasons": st.column_config.TextColumn(width=300),
    "Renewal": st.column_config.TextColumn(width=175),
    "Yearly revenue": st.column_config.TextColumn(width=125, alignment="right"),
    "Owner": st.column_config.TextColumn(width=130),
    "Last contact": st.column_config.TextColumn(
        width=120, help="The last call, mail, meeting or chat. Notes and counts of usage are none."
    ),
    "CTAs": st.column_config.TextColumn(width=120),
    "Prediction": st.column_config.TextColumn(
        width=185, help="How old it is, and how many dated facts of the account are younger."
    ),
    "Data": st.column_config.TextColumn(
        width=80, help="How complete the data behind the prediction is; the account page names what is missing."
    ),
    "Method": st.column_config.TextColumn(width=120),
}


class View(StrEnum):
    TABLE = "Table"
    LIST = "List"


def ask_view() -> View:
    return st.segmented_control(
        "View",
        list(View),
        default=View.TABLE,
        required=True,
        key=Key.VIEW,
        bind="query-params",
        label_visibility="collapsed",
        help="The list reads well on a phone, by keyboard and by a screen reader.",
    )


def draw_rows(view: View, rows: Sequence[QueueRow], first: int, now: datetime, zone: tzinfo) -> None:
    """`first`: rank of the first row."""
    draw = _draw_table if view == View.TABLE else _draw_list
    draw(rows, first, now, zone)


def _draw_table(rows: Sequence[QueueRow], first: int, now: datetime, zone: tzinfo) -> None:
    st.caption("Choose a row by the box at its left to open the account.")
    chosen = st.dataframe(
        safe_rows([_cells(row, rank, now, zone) for rank, row in enumerate(rows, first)]),
        hide_index=True,
        column_config=_COLUMNS,
        height=_HEAD_HEIGHT + _ROW_HEIGHT * min(len(rows), _MOST_ROWS),
        on_select="rerun",
        selection_mode="single-row",
        key=Key.QUEUE,
        alt="The accounts in order, with their risk, the reasons, renewal, revenue, owner and open work.",
    )
    for index in chosen["selection"]["rows"]:
        st.switch_page(ACCOUNT_PAGE, query_params=_named(rows[index]))


def _draw_list(rows: Sequence[QueueRow], first: int, now: datetime, zone: tzinfo) -> None:
    for rank, row in enumerate(rows, first):
        cells = _cells(row, rank, now, zone)
        with st.container(border=True, gap="xsmall"):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.page_link(ACCOUNT_PAGE, label=f"**{rank}. {plain(row.name)}**", query_params=_named(row))
                if row.risk:
                    band_badge(row.risk.band)
            text(str(cells["Why here"]))
            if row.risk and row.risk.drivers:
                text(str(cells["Main reasons"]))
            st.caption(
                f"{cells['Yearly revenue']} · renewal {cells['Renewal']} · last contact {cells['Last contact']} · "
                f"CTAs: {cells['CTAs']} · {plain(row.owner_name)}"
            )


def _named(row: QueueRow) -> dict[str, str]:
    """What the account page is asked for."""
    return {ACCOUNT_PARAM: row.reference or str(row.account_id)}


def _cells(row: QueueRow, rank: int, now: datetime, zone: tzinfo) -> dict[str, object]:
    risk = row.risk
    renewal = f"{countdown(row.days_to_renewal)} · {day(row.renewal_date, zone)}" if row.renewal_date else UNKNOWN
    overdue = f", {row.overdue_ctas} overdue" if row.overdue_ctas else ""
    return {
        "#": rank,
        "Account": row.name,
        "Risk": band_label(risk.band) if risk else "no prediction",
        "Chance": round(risk.probability * 100) if risk else None,
        "Why here": _why(row),
        "Health, 12 weeks": list(row.health),
        "Main reasons": "; ".join(risk.drivers[:_REASONS]) if risk else "",
        "Renewal": renewal,
        "Yearly revenue": money(row.arr, row.currency),
        "Owner": row.owner_name,
        "Last contact": ago(row.touched_at, now) if row.touched_at else "none known",
        "CTAs": f"{row.open_ctas} open{overdue}" if row.open_ctas else "none open",
        "Prediction": _age(risk, now) if risk else "none valid",
        "Data": f"{percent(risk.completeness)}" if risk else UNKNOWN,
        "Method": ENGINE_WORDS[risk.engine] if risk else "",
    }


def _why(row: QueueRow) -> str:
    """The three parts of the default order, apart."""
    chance = f"{percent(row.risk.probability)} chance" if row.risk else "chance not known"
    size = "revenue not known" if row.arr is None else f"{row.size:.1f}× the average revenue"
    if row.days_to_renewal is None:
        return f"{chance} · {size} · renewal not known"
    if row.days_to_renewal < 0:
        return f"{chance} · {size} · renewal was {countdown(row.days_to_renewal)}"
    return f"{chance} · {size} · renewal {countdown(row.days_to_renewal)}"


def _age(risk: RiskView, now: datetime) -> str:
    newer = f", {count(risk.new_facts, 'new fact')} since" if risk.new_facts else ""
    return f"{ago(risk.as_of, now)}{newer}"
