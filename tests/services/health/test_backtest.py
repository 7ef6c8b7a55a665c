"""The backtest of health forecasts, and its answer."""

import numpy as np
import pytest

from cs_ml.domain.errors import Invalid
from cs_ml.evaluation.health import ScoreForecast, drop_figures, interval_figures, stays, straight_line
from cs_ml.services.health.answers import backtest_answer
from cs_ml.services.health.backtest import HealthBacktestService
from cs_ml.store.database import Database
from tests.services.health.histories import add_crowd
from tests.services.predictions.predicting import TestClock
from tests.support.factories import add_account, add_tenant


def test_all_methods_are_judged_on_the_same_forecasts(database: Database) -> None:
    actor = add_tenant(database)
    add_crowd(database, actor, accounts=25)
    found = backtest_answer(HealthBacktestService(database, TestClock()).run(actor))
    assert set(found["models"]) == {"ours", "naive", "linear"}
    assert len({model["n"] for model in found["models"].values()} | {found["drop"]["n"]}) == 1
    ours, linear = found["models"]["ours"], found["models"]["linear"]
    assert ours["n"] >= 100
    assert ours["mae"] < linear["mae"]
    assert ours["coverage80"] > linear["coverage80"]


def test_too_few_scores_are_said(database: Database) -> None:
    actor = add_tenant(database)
    add_account(database, actor)
    with pytest.raises(Invalid, match="too few health scores"):
        HealthBacktestService(database, TestClock()).run(actor)


def test_figures_by_hand() -> None:
    forecast = ScoreForecast(np.array([50.0, 60.0]), np.array([40.0, 55.0]), np.array([60.0, 65.0]))
    figures = interval_figures(forecast, np.array([45.0, 67.0]))
    assert (figures.n, figures.mae, figures.coverage_80) == (2, 6.0, 0.5)
    assert figures.interval_score_80 == (20 + (10 + 10 * 2)) / 2
    drop = drop_figures(np.array([0.5, 0.0]), np.array([0.2, 0.2]), np.array([True, False]))
    assert drop.brier == 0.125
    assert drop.base_rate_brier == pytest.approx((0.64 + 0.04) / 2)


def test_staying_is_a_random_walk_and_a_line_goes_on() -> None:
    held = np.array([[50.0, 52.0, 50.0, 52.0, 50.0]])
    walk = stays(held, 30)
    assert walk.score[0] == 50
    assert walk.high[0] - walk.low[0] == pytest.approx(2 * 1.2816 * np.sqrt(4 * 30))
    rising = np.array([[10.0, np.nan, 12.0, np.nan, 14.0]])
    line = straight_line(rising, 30)
    assert line.score[0] == pytest.approx(44)
    assert line.low[0] == pytest.approx(44)
    assert np.isnan(straight_line(np.array([[np.nan, 1.0, np.nan]]), 30).score[0])
