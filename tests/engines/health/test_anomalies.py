"""What stands out: planted changes are found at their dates, quiet series stay quiet."""

from datetime import timedelta

import numpy as np
import pytest

from cs_ml.domain.health.insights import Anomaly, AnomalyKind
from cs_ml.domain.health.timeline import HealthReading
from cs_ml.engines.health.anomalies import find_anomalies
from cs_ml.engines.health.insights import analyse, timeline_anomalies
from cs_ml.engines.health.series import series_of
from tests.engines.health.courses import AS_OF, course, reference


def found_in(scores: list[int], *, every: float = 7.0) -> list[Anomaly]:
    return find_anomalies(series_of(course(scores, every=every), "overall"))


def noise(count: int, *, level: float = 70, sd: float = 2, seed: int = 1) -> list[float]:
    return [float(score) for score in level + np.random.default_rng(seed).normal(0, sd, count)]


def whole(scores: list[float]) -> list[int]:
    return [round(score) for score in scores]


def test_a_sudden_drop_is_found_on_its_day_and_called_unusual() -> None:
    scores = noise(30)
    dropped = whole([score - (30 if number >= 20 else 0) for number, score in enumerate(scores)])
    (drop, *rest) = [one for one in found_in(dropped) if one.kind is AnomalyKind.SUDDEN_DROP]
    assert rest == []
    assert drop.meaning == "unusual"
    assert drop.ended == course(dropped)[20].at
    assert drop.points < -25
    assert drop.evidence[-1].score == dropped[20]


@pytest.mark.parametrize(("fall", "found"), [(15, False), (16, True)])
def test_more_than_fifteen_points_within_a_week(fall: int, found: bool) -> None:
    kinds = [one.kind for one in found_in([80, 80, 80, 80 - fall])]
    assert (AnomalyKind.SUDDEN_DROP in kinds) is found


def test_fifteen_points_over_more_than_a_week_are_no_sudden_drop() -> None:
    assert AnomalyKind.SUDDEN_DROP not in [one.kind for one in found_in([90, 80, 70, 60, 50])]


def test_an_account_that_always_jumps_has_a_threshold_of_its_own() -> None:
    jumping = [90, 60] * 20
    assert sum(one.kind is AnomalyKind.SUDDEN_DROP for one in found_in([*jumping, 90, 61])) <= 2  # the first ones only
    (*_, newest) = [one for one in found_in([*jumping, 95, 30]) if one.kind is AnomalyKind.SUDDEN_DROP]
    assert newest.threshold == 30
    assert newest.evidence[-1].score == 30


def test_a_slow_decline_is_a_risk_with_its_dates() -> None:
    flat, falling = noise(20, sd=1), [70 - 3.0 * week for week in range(1, 9)]
    readings = course(whole([*flat, *falling]))
    (decline,) = [one for one in timeline_anomalies(readings, since=readings[0].at) if one.meaning == "risk"]
    assert decline.kind is AnomalyKind.SUSTAINED_DECLINE
    assert decline.ended == readings[-1].at
    assert abs(decline.began - readings[20].at) <= timedelta(days=21)


def test_a_new_level_without_a_jump_is_an_unusual_pattern() -> None:
    scores = noise(30, sd=1)
    raised = whole([score + (14 if number >= 26 else 0) for number, score in enumerate(scores)])
    kinds = {one.kind for one in found_in(raised)}
    assert kinds == {AnomalyKind.UNUSUAL_PATTERN}


def test_quiet_series_stay_quiet() -> None:
    alarms = sum(len(found_in(whole(noise(52, seed=seed)))) for seed in range(30))
    assert alarms <= 3  # in 30 account-years


def test_what_comes_later_does_not_change_what_was_found_before() -> None:
    scores = whole([*noise(25), 40, 41, 40, 42])
    early = found_in(scores)
    late = find_anomalies(series_of(course([*scores, 90, 20, 90, 20], until=AS_OF + timedelta(days=28)), "overall"))
    before = [one for one in late if one.ended <= AS_OF - timedelta(days=14)]
    assert before == [one for one in early if one.ended <= AS_OF - timedelta(days=14)]


def test_a_low_level_that_persists_is_a_risk_and_a_drop_alone_is_not() -> None:
    low = analyse(course([70] * 10 + [35, 33, 36, 34]), reference(), AS_OF, derived=False)
    assert any("under 40 since" in risk for risk in low.risk_areas)
    dropped = analyse(course([90] * 12 + [65]), reference(), AS_OF, derived=False)
    assert dropped.risk_areas == ()
    assert [one.kind for one in dropped.anomalies] == [AnomalyKind.SUDDEN_DROP]


def test_what_fell_in_the_same_days_is_named_as_a_possible_cause() -> None:
    readings = [
        HealthReading(at=one.at, scores={"overall": one.scores["overall"], "usage": usage, "support": 80})
        for one, usage in zip(course([80] * 8 + [50]), [85] * 8 + [40], strict=True)
    ]
    found = analyse(readings, reference(), AS_OF, derived=False).anomalies
    (overall,) = [one for one in found if one.dimension == "overall"]
    assert overall.possible_causes == ("Usage fell by 45 points in the same days.",)
