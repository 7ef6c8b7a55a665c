"""Pieces that pages share. Text of customers and models goes through `text`, or through `plain` where only a label will
do: Streamlit reads labels and most bodies as Markdown, which loads images and follows links without a click."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from cs_ml.domain.errors import CsMlError
from cs_ml.domain.policy import RiskBand
from cs_ml.ui.exports import Rows, csv_bytes, file_name, safe_rows
from cs_ml.ui.formatting import band_label
from cs_ml.ui.runtime import services, signed_in

_BADGES: Mapping[RiskBand, Literal["red", "orange", "yellow", "blue"]] = {
    RiskBand.CRITICAL: "red",
    RiskBand.HIGH: "orange",
    RiskBand.MEDIUM: "yellow",
    RiskBand.LOW: "blue",
}
_MOST_SHOWN = 15  # rows of a table that needs no scrolling of its own
_LINE, _AROUND_LINES = 20, 15  # pixels
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
# Bare addresses and :shortcodes: are found in the text after Markdown was read, where a backslash no longer helps.
_FOUND_LATER = re.compile(r"(://|:|@|www(?=\.))", re.IGNORECASE)
_JOINER = "\N{WORD JOINER}"  # invisible, and no line breaks at it


def plain(text: str) -> str:
    """Text of others for a label or title: shown as it is, whatever Markdown or address it holds; on one line."""
    parted = _FOUND_LATER.sub(rf"\1{_JOINER}", " ".join(text.split()))
    return _PUNCTUATION.sub(r"\\\1", parted)


def text(body: str) -> None:
    """Text of others as a body: never Markdown."""
    st.text(body)


def band_badge(band: RiskBand) -> None:
    """Colour, shape and word at once."""
    st.badge(band_label(band), color=_BADGES[band])


def empty_state(title: str, next_step: str) -> None:
    """Nothing to show, and what to do about it. Both are our own words."""
    with st.container(border=True):
        st.markdown(f"**{title}**")
        st.caption(next_step)


def error_state(error: CsMlError, *, still_works: str = "") -> None:
    """What failed, what to do, and what still works; a failure without such words is drawn by `entry/failure.py`."""
    st.error(f"{plain(error.message)} {still_works}".rstrip())


def facts(values: Mapping[str, str], hints: Mapping[str, str] | None = None) -> None:
    """Label and value side by side, wrapping where the screen is narrow. Labels and hints are ours, values may be of
    others. One element for each: what a page costs is the number of its elements."""
    with st.container(horizontal=True, gap="medium"):
        for label, value in values.items():
            st.markdown(f":small[:gray[{label}]]  \n{plain(value)}", help=(hints or {}).get(label), width="content")


def table(
    rows: Rows,
    *,
    alt: str,
    download: str | None = None,
    key: str | None = None,
    wide: Sequence[str] = (),
    lines: int = 1,
) -> None:
    """Rows as a table; `download` is the name of the file that its button saves, `wide` are columns of long texts,
    which wrap where rows have more than one of `lines`. Risky cells are made harmless."""
    height: Literal["content", "auto"] = "content" if len(rows) <= _MOST_SHOWN else "auto"
    st.dataframe(
        safe_rows(rows),
        hide_index=True,
        alt=alt,
        key=key,
        height=height,
        placeholder="",
        row_height=None if lines == 1 else _LINE * lines + _AROUND_LINES,
        column_config={name: st.column_config.Column(width="large") for name in wide},
    )
    if download:
        st.download_button(
            "Download CSV", csv_bytes(rows), download, "text/csv", on_click="ignore", key=key and f"{key}-csv"
        )


def download_name(page: str) -> str:
    """The name of a file that the signed-in user saves from `page` today."""
    found = signed_in()
    tenant = found.place.tenant.slug if found else ""
    return file_name(tenant, page, services().clock().astimezone(reader_zone()).date())


def zone_of(as_of: datetime | None) -> tzinfo:
    """The reader's zone; UTC while looking back, where days end at midnight UTC."""
    return UTC if as_of else reader_zone()


def reader_zone() -> tzinfo:
    """The zone of the reader's browser; UTC where it tells none."""
    name = st.context.timezone
    try:
        return ZoneInfo(name) if isinstance(name, str) else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
