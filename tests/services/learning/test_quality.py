"""The measurement of engines on bundles that no code has seen: made up, with names that nobody can know."""

from pathlib import Path

import pytest

from benchmarks.engines.quality import FOLDS, KIND, NUMBER, WINDOW, WORD, write_bundle
from cs_ml.bootstrap import open_scratch
from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import Invalid
from cs_ml.services.learning.quality import Quality
from tests.support.source import ROOT


def measured(bundle: Path) -> Quality:
    with open_scratch() as services:
        services.importing.import_new_tenant("made-up", "Made up", bundle)
        actor = Actor.system(services.access.tenant_by_slug("made-up").id)
        return services.quality.measure(actor, bundle, window_days=WINDOW, progress=lambda _text: None)


def value(found: Quality, model: str, figure: str) -> float:
    number = found.models[model][figure]["value"]
    assert number is not None
    return number


def test_a_signal_in_a_custom_field_is_found(tmp_path: Path) -> None:
    write_bundle(tmp_path, 180)
    found = measured(tmp_path)
    assert value(found, "learned", "auroc") > 0.7
    assert value(found, "learned", "brier") < value(found, "base_rate", "brier") - 0.01
    assert abs(value(found, "rules", "auroc") - 0.5) < 0.15
    assert found.n_train + found.n_test == _rows(tmp_path)


def test_with_folds_every_row_is_tested_once_by_a_model_of_the_others(tmp_path: Path) -> None:
    write_bundle(tmp_path, 60, folds=True)
    found = measured(tmp_path)
    assert found.n_test == _rows(tmp_path)
    assert found.n_train == pytest.approx(found.n_test * (FOLDS - 1) / FOLDS, abs=1)
    assert len(found.says) == FOLDS


def test_no_name_of_a_bundle_stands_in_the_code() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "cs_ml").rglob("*.py"))
    assert not [name for name in (NUMBER, WORD, KIND) if name in code]


def test_a_split_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    write_bundle(tmp_path, 20)
    for text, words in (
        ("account_ref,as_of,window_days\nK1,2025-01-01,90\n", "cannot be read"),
        ("account_ref,as_of,window_days,split\nK1,2025-01-01,30,train\n", "no row with a window"),
        ("account_ref,as_of,window_days,split\nK1,2025-01-01,90,train\n", "rows for training and for testing"),
    ):
        (tmp_path / "split.csv").write_text(text, encoding="utf-8")
        with pytest.raises(Invalid, match=words):
            measured(tmp_path)


def _rows(bundle: Path) -> int:
    return len((bundle / "split.csv").read_text(encoding="utf-8").splitlines()) - 1
