import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from cs_ml.engines.learned.fitting import FITS, SCORECARD_SLOPE, blended, fit_all, fit_scorecard
from cs_ml.engines.learned.model import dump_model, load_model
from cs_ml.engines.learned.selection import choose
from cs_ml.engines.learned.training import cold_start, enough, prior_of, train
from tests.engines.learned.made_up import PRIOR, SCORECARD, rows


def test_behaviour_that_tells_is_learned_and_ranks() -> None:
    from sklearn.metrics import roc_auc_score

    model = train(rows(300, signal=1.0), PRIOR, SCORECARD.version)
    fresh = rows(300, signal=1.0, seed=2)
    chances = [model.probability(one) for one in fresh.measures]
    assert model.has_signal
    assert roc_auc_score(fresh.churned, chances) > 0.75
    assert np.mean(chances) == pytest.approx(fresh.churned.mean(), abs=0.06)


def test_windows_that_touch_are_validated_by_time() -> None:
    """The first has ended when the second begins, to the millisecond."""
    touching = rows(500, signal=1.0, days=(180, 90))
    last_moment = timedelta(hours=11, minutes=59, seconds=59, milliseconds=999)
    known = replace(touching, as_of=[at + last_moment for at in touching.as_of])
    assert len(choose(known, PRIOR).churned) == 250


def test_windows_that_overlap_are_validated_by_account() -> None:
    choice = choose(rows(500, signal=1.0, days=(180, 150)), PRIOR)
    assert len(choice.churned) == 500
    assert choice.kind not in {"base", "tenure"}


def test_chance_is_not_called_learned() -> None:
    model = train(rows(300, signal=0.0), PRIOR, SCORECARD.version)
    assert not model.has_signal


def test_same_rows_same_model_and_it_survives_storage() -> None:
    known = rows(200, signal=1.0)
    one, two = (train(known, PRIOR, SCORECARD.version) for _ in range(2))
    stored = load_model(json.loads(json.dumps(dump_model(one))))
    assert (one.version, one.fingerprint) == (two.version, two.fingerprint)
    assert stored == one
    assert [stored.probability(row) for row in known.measures] == [two.probability(row) for row in known.measures]
    assert train(rows(200, signal=1.0, seed=3), PRIOR, SCORECARD.version).fingerprint != one.fingerprint


def test_a_few_rows_are_not_enough() -> None:
    assert not enough(rows(29, signal=1.0))
    assert enough(rows(120, signal=1.0))


@pytest.mark.parametrize("kind", ["ridge", "stumps", "scorecard"])
def test_the_shapes_say_what_the_fit_says(kind: str) -> None:
    """Read off as a sum of features, a fit gives the chances that the library gives."""
    known = rows(200, signal=1.0)
    fitted = FITS[kind](known.measures, known.churned, PRIOR)  # type: ignore[index]
    again = FITS[kind](known.measures, known.churned, PRIOR)  # type: ignore[index]
    assert again == fitted
    assert (1 / (1 + np.exp(-fitted.odds(known.measures)))).mean() == pytest.approx(known.churned.mean(), abs=0.05)
    assert np.corrcoef(fitted.odds(known.measures), known.churned)[0, 1] > 0.3


def test_steps_are_those_of_the_trees() -> None:
    """Every row's log odds by the steps equal those of boosted stumps on the same bins."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    from cs_ml.engines.learned.design import Design
    from cs_ml.engines.learned.fitting import _read_steps

    known = rows(200, signal=1.0)
    design = Design.of(known.measures)
    binned = design.binned(known.measures)
    trees = HistGradientBoostingClassifier(max_iter=20, max_leaf_nodes=2, early_stopping=False, random_state=1)
    trees.fit(binned, known.churned)
    fitted = _read_steps(design, binned.shape[1], trees.decision_function)
    assert fitted.odds(known.measures) == pytest.approx(trees.decision_function(binned), abs=1e-9)


def test_a_blend_is_the_mean_of_its_parts() -> None:
    known = rows(200, signal=1.0)
    found = fit_all(known.measures, known.churned, PRIOR, many=True)
    parts = [found[kind] for kind in ("scorecard", "ridge", "stumps")]
    mean = np.mean([part.odds(known.measures) for part in parts], axis=0)
    assert blended(parts).odds(known.measures) == pytest.approx(mean, abs=1e-9)


def test_worse_points_never_lower_the_risk() -> None:
    """Even where a tenant's outcomes say the contrary."""
    known = rows(200, signal=-1.0)
    fitted = fit_scorecard(known.measures, known.churned, PRIOR)
    assert all(shape.lines[0][2] >= 0 for shape in fitted.shapes.values())


def test_a_cold_start_is_at_the_base_rate() -> None:
    everyone = rows(100, signal=1.0).measures
    model = cold_start(everyone, PRIOR, 0.12, 90, SCORECARD.version)
    assert np.mean([model.probability(one) for one in everyone]) == pytest.approx(0.12, abs=1e-6)
    assert model.cold_start


def test_the_prior_lies_half_way_to_the_sources() -> None:
    prior = prior_of({"a": {"silence": 9.0}, "b": {"silence": 5.0}}, ["silence", "renewal"], SCORECARD_SLOPE)
    assert prior == {"silence": 5.0, "renewal": 3.0}
