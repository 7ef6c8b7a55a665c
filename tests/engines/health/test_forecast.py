"""The forecast: properties for any course of scores, and what is learned from many."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_ml.domain.health.insights import FORECAST_DAYS, HealthForecast
from cs_ml.domain.health.reference import MIN_MONTHS, HealthReference
from cs_ml.domain.health.timeline import HealthReading
from cs_ml.engines.health.forecast import Months, forecasts, learn
from cs_ml.engines.health.insights import analyse, forecast_of
from cs_ml.engines.health.panel import Floats, Panel, outcomes_after, panel_of, states_at
from cs_ml.engines.health.series import series_of
from tests.engines.health.courses import AS_OF, NOTHING_LEARNED, course, courses, reference


def forecast(readings: list[HealthReading], learned: HealthReference | None = None) -> HealthForecast | None:
    return forecast_of(series_of(readings, "overall"), learned or reference(), AS_OF)[0]


def lowered(readings: list[HealthReading], last: int, by: int) -> list[HealthReading]:
    return [
        HealthReading(at=one.at, scores={"overall": max(one.scores["overall"] - by, 0)}) if number >= last else one
        for number, one in enumerate(readings)
    ]


@given(courses(least=3), st.integers(1, 60), st.data())
def test_worse_recent_scores_never_raise_the_forecast(
    readings: list[HealthReading], by: int, data: st.DataObject
) -> None:
    last = data.draw(st.integers(0, len(readings) - 1))
    before, after = forecast(readings), forecast(lowered(readings, last, by))
    assert (before is None) == (after is None)
    if before and after:
        assert after.score <= before.score


@given(courses(), st.integers(-2000, 2000))
def test_shifting_time_shifts_the_forecast_and_nothing_else(readings: list[HealthReading], days: int) -> None:
    by = timedelta(days=days)
    moved = [HealthReading(at=one.at + by, scores=one.scores) for one in readings]
    here, _ = forecast_of(series_of(readings, "overall"), reference(), AS_OF)
    there, _ = forecast_of(series_of(moved, "overall"), reference(), AS_OF + by)
    assert (here and replace(here, at=here.at + by)) == there


@given(st.lists(st.integers(30, 60), min_size=3, max_size=40), st.integers(-20, 20))
def test_adding_a_constant_adds_it_to_the_forecast(scores: list[int], constant: int) -> None:
    here, there = forecast(course(scores)), forecast(course([score + constant for score in scores]))
    assert here
    assert there
    assert there.score - here.score == pytest.approx(constant, abs=0.11)
    assert there.drop_probability == pytest.approx(here.drop_probability)


@given(courses())
def test_whatever_the_course_figures_are_in_range_and_in_order(readings: list[HealthReading]) -> None:
    for learned in (reference(), NOTHING_LEARNED):
        found = analyse(readings, learned, AS_OF, derived=False)
        assert (found.forecast is None) == bool(found.no_forecast)
        assert found.summary
        if found.forecast and found.forecast.low is not None and found.forecast.high is not None:
            assert 0 <= found.forecast.low <= found.forecast.score <= found.forecast.high <= 100
            assert 0 <= (found.forecast.drop_probability or 0) <= 1
            assert found.forecast.at - found.as_of == timedelta(days=FORECAST_DAYS)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_scores_give_no_forecast_and_say_so(count: int) -> None:
    found = analyse(course([50] * count), reference(), AS_OF, derived=False)
    assert found.forecast is None
    assert found.no_forecast in found.summary
    assert ("no health score" in found.no_forecast) == (count == 0)


def test_three_scores_are_enough_and_the_interval_is_then_the_tenants() -> None:
    found = forecast(course([70, 70, 70]))
    assert found
    assert found.score == 70
    assert found.low is not None
    assert found.low < 67


def test_old_scores_are_not_forecast_from() -> None:
    found = analyse(course([50] * 10, until=AS_OF - timedelta(days=31)), reference(), AS_OF, derived=False)
    assert found.forecast is None
    assert "31 days old" in found.no_forecast


def test_a_constant_and_ten_thousand_scores() -> None:
    constant = analyse(course([50] * 300), reference(), AS_OF, derived=False)
    assert constant.trajectory == "stable"
    assert not constant.anomalies
    rng = np.random.default_rng(7)
    many = [int(score) for score in np.clip(60 + rng.normal(0, 5, 10_000), 0, 100)]
    found = analyse(course(many, every=0.07), reference(), AS_OF, derived=False)
    assert found.forecast
    assert found.readings == 700 + 1  # of one day the last counts


def test_without_past_months_there_is_a_score_but_no_interval() -> None:
    found = forecast(course([70, 65, 60]), NOTHING_LEARNED)
    assert found
    assert (found.score, found.low, found.drop_probability, found.learned_from) == (60, None, None, 0)


def test_a_dimension_that_was_not_measured_is_absent() -> None:
    found = analyse(course([70] * 10), reference(), AS_OF, derived=False)
    assert [one.dimension for one in found.insights] == ["overall"]


def walks(accounts: int, days: int, *, step: float, seed: int = 3) -> Panel:
    """Weekly scores of random walks from 60; every other account moves a quarter as far."""
    rng = np.random.default_rng(seed)
    sizes = np.where(np.arange(accounts) % 2, step, step / 4)[:, None]
    paths = np.clip(np.round(60 + np.cumsum(sizes * rng.normal(0, 1, (accounts, days // 7)), axis=1)), 0, 100)
    rows, weeks = np.nonzero(np.isfinite(paths))
    return panel_of(rows, weeks * 7 + 3, paths[rows, weeks], shape=(accounts, days))


def learned_from(panel: Panel, days: range) -> HealthReference:
    return learn([Months.of(states_at(panel, day), outcomes_after(panel, day)) for day in days], AS_OF)


def test_the_interval_holds_what_it_says_on_series_it_has_not_seen() -> None:
    found = learned_from(walks(300, 210, step=3), range(40, 170, 15))
    panel = walks(400, 210, step=3, seed=11)
    states, came = states_at(panel, 170), outcomes_after(panel, 170)
    said = forecasts(states, found)
    held = (came >= said.low) & (came <= said.high)
    assert 0.75 <= held[states.known & np.isfinite(came)].mean() <= 0.88
    dropped = came <= states.last - 10
    assert found.drop_rate is not None
    assert np.mean((said.drop - dropped) ** 2) < np.mean((found.drop_rate - dropped) ** 2)


def test_random_walks_are_not_shrunk_and_noise_is() -> None:
    assert learned_from(walks(200, 210, step=4), range(40, 170, 15)).weight == 1.0
    rng = np.random.default_rng(5)
    scores: Floats = np.round(60 + rng.normal(0, 8, (200, 210)))
    rows, days = np.nonzero(np.isfinite(scores))
    noise = panel_of(rows, days, scores[rows, days], shape=scores.shape)
    assert learned_from(noise, range(40, 170, 15)).weight < 0.8


def test_too_few_months_teach_nothing() -> None:
    found = learned_from(walks(3, 210, step=3), range(40, 100, 15))
    assert found.months < MIN_MONTHS
    assert found.cells == ()


def test_nothing_after_a_day_plays_a_part_in_its_state() -> None:
    panel = walks(20, 210, step=3)
    cut = panel.readings.copy()
    cut[:, 151:] = 1.0
    rows, days = np.nonzero(np.isfinite(cut))
    changed = panel_of(rows, days, cut[rows, days], shape=cut.shape)
    before, after = states_at(panel, 150), states_at(changed, 150)
    for name in ("last", "median", "lean", "movement", "known"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
