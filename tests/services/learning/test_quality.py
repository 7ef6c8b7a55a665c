"""The measurement of engines on bundles that no code has seen: made up, with names that nobody can know."""

from pathlib import Path

import pytest

from benchmarks.engines.quality import FOLDS, KIND, NUMBER, WINDOW, WORD, write_bundle
from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import Invalid
from cs_ml.engines.scorecard import default_scorecard
from cs_ml.services.importing import ImportService
from cs_ml.services.learning.quality import Quality, QualityService
from cs_ml.store.database import Database
from tests.support.factories import NOW, add_tenant
from tests.support.source import ROOT

ACCOUNTS = 240


def measured(database: Database, bundle: Path) -> Quality:
    actor: Actor = add_tenant(database)
    ImportService(database, lambda: NOW).import_bundle(actor, bundle)
    service = QualityService(database, lambda: NOW, default_scorecard())
    return service.measure(actor, bundle, window_days=WINDOW, progress=lambda _text: None)


def value(found: Quality, model: str, figure: str) -> float:
    number = found.models[model][figure]["value"]
    assert number is not None
    return number


@pytest.mark.parametrize("folds", [False, True])
def test_a_signal_in_a_custom_field_is_found(database: Database, tmp_path: Path, folds: bool) -> None:
    write_bundle(tmp_path, ACCOUNTS, folds=folds)
    found = measured(database, tmp_path)
    assert value(found, "learned", "auroc") > 0.7
    assert value(found, "learned", "brier") < value(found, "base_rate", "brier") - 0.01
    assert abs(value(found, "rules", "auroc") - 0.5) < 0.15
    rows = sum(1 for _ in (tmp_path / "split.csv").open()) - 1
    if folds:  # every row is tested once, by a model that saw the other folds
        assert found.n_test == rows
        assert found.n_train == pytest.approx(rows * (FOLDS - 1) / FOLDS, abs=FOLDS)
        assert len(found.says) == FOLDS
    else:
        assert found.n_train + found.n_test == rows


def test_a_field_that_tells_nothing_is_no_signal(database: Database, tmp_path: Path) -> None:
    write_bundle(tmp_path, ACCOUNTS)
    fields = tmp_path / "custom_fields.csv"
    head, *rows = fields.read_text(encoding="utf-8").splitlines()
    fields.write_text("\n".join([head, *(",".join([*row.split(",")[:2], "7", "r"]) for row in rows)]) + "\n")
    found = measured(database, tmp_path)
    assert abs(value(found, "learned", "auroc") - 0.5) < 0.15
    assert all("No signal" in one for one in found.says)


def test_no_name_of_a_bundle_stands_in_the_code() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "cs_ml").rglob("*.py"))
    assert not [name for name in (NUMBER, WORD, KIND) if name in code]


def test_a_split_that_cannot_be_used_is_a_sentence(database: Database, tmp_path: Path) -> None:
    write_bundle(tmp_path, 20)
    for text, words in (
        ("account_ref,as_of,window_days\nK1,2025-01-01,90\n", "cannot be read"),
        ("account_ref,as_of,window_days,split\nK1,2025-01-01,30,train\n", "no row with a window"),
        ("account_ref,as_of,window_days,split\nK1,2025-01-01,90,train\n", "rows for training and for testing"),
    ):
        (tmp_path / "split.csv").write_text(text, encoding="utf-8")
        with pytest.raises(Invalid, match=words):
            measured(database, tmp_path)
