"""The format as data is consistent in itself, with its documentation and with the demo that writes it."""

from pathlib import Path

import pytest

from cs_ml.demo.bundle import COLUMNS
from cs_ml.domain.bundle import FILES, File

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "import.md"
each = pytest.mark.parametrize("file", FILES.values(), ids=FILES)


@each
def test_keys_and_dates_are_columns(file: File) -> None:
    names = [column.name for column in file.columns]
    assert len(set(names)) == len(names)
    assert {*file.key, *file.else_key, *([file.date] if file.date else [])} <= set(names)
    assert names[0] == "account_ref"


@each
def test_a_key_is_required_unless_something_stands_in_for_it(file: File) -> None:
    optional = [name for name in file.key if not file.columns[file.positions[name]].required]
    assert not optional or file.else_key or file.repeatable or file.open_columns


@each
def test_the_documentation_names_every_column(file: File) -> None:
    columns = [f"{column.name}{'*' if column.required else ''}" for column in file.columns]
    row = next(line for line in DOCUMENTATION.read_text("utf-8").splitlines() if line.startswith(f"| {file.name} "))
    documented = row.split("|")[2].strip().removesuffix(", and any further columns")
    assert documented.split(", ") == columns


@pytest.mark.parametrize("name", COLUMNS)
def test_the_demo_writes_what_the_import_reads(name: str) -> None:
    known = {column.name for column in FILES[name].columns}
    assert FILES[name].open_columns or set(COLUMNS[name]) <= known
    assert {column.name for column in FILES[name].columns if column.required} <= set(COLUMNS[name])
