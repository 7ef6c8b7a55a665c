"""The template: every file of the format, importable as it is."""

import csv
from pathlib import Path

import pytest

from cs_ml.domain.bundle import FILES
from cs_ml.domain.errors import Invalid
from cs_ml.services.importing import write_template
from cs_ml.store.database import Database
from tests.services.importing.bundles import but_noted, counts, dump, service
from tests.support.factories import add_tenant


def test_the_template_imports_as_it_is(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "template"
    written = write_template(folder)
    assert [path.name for path in written] == list(FILES)
    actor = add_tenant(database, "acme")
    report = service(database).import_bundle(actor, folder)
    assert counts(report) == dict.fromkeys(FILES, (1, 0, 0))
    assert not report.warnings
    before = dump(database)
    service(database).import_bundle(actor, folder)
    assert but_noted(before, dump(database)) == before


def test_the_template_names_every_column(tmp_path: Path) -> None:
    for path in write_template(tmp_path):
        with path.open(encoding="utf-8", newline="") as stream:
            header, _example = csv.reader(stream)
        assert header[: len(FILES[path.name].columns)] == [column.name for column in FILES[path.name].columns]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "churn.csv").write_text("mine")
    with pytest.raises(Invalid, match=r"already holds churn\.csv"):
        write_template(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["churn.csv"]
    assert (tmp_path / "churn.csv").read_text() == "mine"


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Invalid, match="cannot be written"):
        write_template(tmp_path / "file" / "below")
