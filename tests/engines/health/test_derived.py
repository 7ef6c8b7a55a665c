"""The derived score: what moves it, and that a day's score never changes afterwards."""

import numpy as np

from cs_ml.engines.health.derived import LOOKBACK_DAYS, Contacts, DerivedScores, derive
from cs_ml.engines.health.panel import Floats

DAYS = 200


def contacts(
    active: Floats, *, positive: Floats | None = None, negative: Floats | None = None, issues: Floats | None = None
) -> Contacts:
    """One account; what is not given is none."""
    none = np.zeros_like(active)
    good, bad = (none if mood is None else mood for mood in (positive, negative))
    return Contacts(active, good, bad, np.full_like(active, np.nan) if issues is None else issues)


def weekly(until: int = LOOKBACK_DAYS + DAYS) -> Floats:
    active = np.zeros((1, LOOKBACK_DAYS + DAYS))
    active[0, 100:until:7] = 1
    return active


def last(found: DerivedScores) -> float:
    return float(found.overall[0, -1])


def test_the_usual_rhythm_is_a_good_score_and_silence_lowers_it_day_by_day() -> None:
    assert last(derive(contacts(weekly()))) >= 95
    silent = derive(contacts(weekly(until=LOOKBACK_DAYS + 100))).overall[0]
    assert silent[99] >= 95
    assert np.all(np.diff(silent[105:]) <= 0)
    assert silent[-1] < 20


def test_bad_mood_and_open_risks_lower_it_and_unknown_ones_do_not() -> None:
    active = weekly()
    plain = last(derive(contacts(active)))
    assert last(derive(contacts(active, negative=active))) < plain
    assert last(derive(contacts(active, issues=np.full_like(active, 2.0)))) < plain
    assert np.isnan(derive(contacts(active)).sentiment).all()


def test_without_contact_there_is_no_score() -> None:
    assert np.isnan(derive(contacts(np.zeros((1, LOOKBACK_DAYS + DAYS)))).overall).all()


def test_a_days_score_is_the_same_whatever_came_later() -> None:
    rng = np.random.default_rng(2)
    active = (rng.random((5, LOOKBACK_DAYS + DAYS)) < 0.1).astype(float)
    longer = derive(contacts(active, negative=active * (rng.random(active.shape) < 0.3)))
    changed = active.copy()
    changed[:, LOOKBACK_DAYS + 100 :] = 9
    rng = np.random.default_rng(2)
    rng.random(active.shape)
    mood = active * (rng.random(active.shape) < 0.3)
    mood[:, LOOKBACK_DAYS + 100 :] = 0
    np.testing.assert_array_equal(derive(contacts(changed, negative=mood)).overall[:, :100], longer.overall[:, :100])


def test_a_days_score_is_the_same_from_whichever_day_it_is_computed() -> None:
    rng = np.random.default_rng(8)
    active = (rng.random((4, LOOKBACK_DAYS + DAYS)) < 0.08).astype(float)
    later = derive(contacts(active[:, 50:])).overall  # looks back to 50 days later, and starts there
    np.testing.assert_array_equal(derive(contacts(active)).overall[:, 50:], later)
