"""No cell that leaves is a formula, and every other one is what it was."""

import csv
import io
import tracemalloc
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_ml.ui.exports import csv_bytes, csv_of_alike, file_name, safe_rows, safe_text

FORMULAS = [
    "=1+1",
    "+1",
    "-1+cmd|' /C calc'!A0",
    "@SUM(A1)",
    " =1+1",
    "\u00a0=1+1",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\uff1d1+1",
    "\uff0b1",
    "\uff0d1",
    "\uff201",
    "|calc",
    "%0A=1",
    '=HYPERLINK("http://elsewhere.example","x")',
]
HARMLESS = ["Acme", "O'Neil = friends", "3 - 2", "a@example.com", "", "株式会社", "'already"]


def read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_gets_an_apostrophe(text: str) -> None:
    assert safe_text(text) == f"'{text}"


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_is_left_alone(text: str) -> None:
    assert safe_text(text) == text


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4))
def test_no_cell_of_a_file_starts_a_formula(cells: list[str]) -> None:
    """Whatever the text, the reader gets each cell back whole, and none begins as a formula does."""
    rows = [{f"column {number}": cell for number, cell in enumerate(cells)}]
    _, found = read(csv_bytes(rows))
    assert found == [safe_text(cell) for cell in cells]
    assert not any(cell.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠")) for cell in found)


def test_values_that_are_no_text_keep_their_form() -> None:
    row = {
        "Number": -5,
        "Amount": Decimal("-1.50"),
        "Day": date(2026, 11, 22),
        "At": datetime(2026, 11, 22, 8, 30, tzinfo=UTC),
        "Nothing": None,
        "Yes": True,
    }
    assert read(csv_bytes([row]))[1] == ["-5", "-1.50", "2026-11-22", "2026-11-22T08:30:00+00:00", "", "True"]


def test_headings_are_those_of_all_rows_and_harmless_too() -> None:
    data = csv_bytes([{"A": 1}, {"=B": "x\ny", "A": 2}])
    assert data.startswith(b"\xef\xbb\xbf")
    assert read(data) == [["A", "'=B"], ["1", ""], ["2", "x\ny"]]


def test_no_rows_make_an_empty_file() -> None:
    assert [cells for cells in read(csv_bytes([])) if cells] == []


def test_rows_for_the_screen_keep_numbers() -> None:
    assert safe_rows([{"=x": "=1", "n": -1, "none": None}]) == [{"'=x": "'=1", "n": -1, "none": None}]


def test_a_file_is_named_for_tenant_page_and_day() -> None:
    assert file_name("acme", "Portfolio", date(2026, 11, 22)) == "acme-portfolio-2026-11-22.csv"
    assert file_name('../../Ä "x\r\n', "", date(2026, 1, 2)) == "x-export-2026-01-02.csv"


def test_rows_that_are_alike_are_written_as_they_come() -> None:
    rows = [{"A": number, "B": "x" * 1_000} for number in range(3)]
    assert csv_of_alike(iter(rows)) == csv_bytes(rows)
    assert csv_of_alike([]) == csv_bytes([])
    tracemalloc.start()
    try:
        data = csv_of_alike({"A": number, "B": f"{number:01000}"} for number in range(5_000))
        assert tracemalloc.get_traced_memory()[1] < 3 * len(data)  # the text and the bytes; not the rows beside them
    finally:
        tracemalloc.stop()
