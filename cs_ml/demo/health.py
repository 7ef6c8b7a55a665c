"""Health scores, computed from what was recorded (not from the latent satisfaction), as a CRM's scorecard would."""

from datetime import date, timedelta
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.random import Generator

from cs_ml.demo.bundle import Row, row
from cs_ml.demo.calendar import WEEKS, Calendar
from cs_ml.demo.contracts import Life
from cs_ml.demo.process import Series
from cs_ml.demo.touches import Tally

# full: weekly or twice weekly; gap: the same with some weeks missing; sparse: about every sixth week; none: never
Coverage: TypeAlias = Literal["full", "gap", "sparse", "none"]

WEIGHTS: Final = {"usage": 0.40, "support": 0.25, "engagement": 0.20, "sentiment": 0.15, "financial": 0.0}
SCORE_NOISE: Final = 2.0
OVERALL_NOISE: Final = 1.5  # the overall score is not quite the weighted sum, as in real scorecards
FIRST_SCORE_DAYS: Final = 14  # a customer younger than this has no score yet
UNHEARD_WEEKS: Final = 10  # without one rated contact there is no sentiment score


def coverages(rng: Generator, count: int) -> list[Coverage]:
    """One account without health, 5 % sparse, 8 % with a gap, the rest full; in random order."""
    cast: list[Coverage] = ["none", *["sparse"] * max(2, round(0.05 * count)), *["gap"] * round(0.08 * count)]  # type: ignore[list-item]
    cast += ["full"] * (count - len(cast))
    return [cast[int(index)] for index in rng.permutation(count)]


def health_rows(rng: Generator, life: Life, tally: Tally, coverage: Coverage) -> list[Row]:
    """Dated scores 0 .. 100 from two weeks after the start to the churn or today."""
    dimensions = _dimensions(rng, life, tally)
    heard = _recent(tally.positive + tally.negative, 1 / UNHEARD_WEEKS) > 0.02
    first = max(life.traits.start + timedelta(days=FIRST_SCORE_DAYS), life.calendar.first_day)
    rows = []
    for day in _days(rng, life.calendar, coverage):
        if not first <= day <= life.end:
            continue
        week = life.calendar.week_of(day)
        scores = {name: float(np.clip(path[week] + rng.normal(0.0, 0.6), 0, 100)) for name, path in dimensions.items()}
        overall = sum(WEIGHTS[name] * score for name, score in scores.items()) + rng.normal(0.0, OVERALL_NOISE)
        cells = {f"{name}_score": round(score) for name, score in scores.items()}
        if not heard[week]:
            del cells["sentiment_score"]
        overall_score = round(float(np.clip(overall, 0, 100)))
        rows.append(
            row("health_history.csv", account_ref=life.traits.ref, date=day, overall_score=overall_score, **cells)
        )
    return rows


def _days(rng: Generator, calendar: Calendar, coverage: Coverage) -> list[date]:
    if coverage == "none":
        return []
    weekdays = (2, 6) if rng.random() < 0.35 else (int(rng.integers(4, 7)),)
    weeks = list(range(WEEKS))
    if coverage == "sparse":
        weeks = [week for week in weeks if rng.random() < 1 / 6]
    if coverage == "gap":
        start, length = int(rng.integers(10, WEEKS - 12)), int(rng.integers(5, 12))
        weeks = [week for week in weeks if not start <= week < start + length]
    return [calendar.day(week, weekday) for week in weeks for weekday in weekdays]


def _dimensions(rng: Generator, life: Life, tally: Tally) -> dict[str, Series]:
    """Weekly scores before rounding.

    Usage: level and change of active users. Support: tickets for the account's size. Engagement: contacts against the
    segment's cadence. Sentiment: good against bad contacts. Financial: late invoices.
    """
    traits, first_week = life.traits, life.course.first_week
    share = tally.active / np.maximum(tally.seats, 1)
    usual = _recent(tally.active, 0.06, first_week)
    change = _recent(tally.active, 0.4, first_week) / np.maximum(usual, 0.5)
    level = np.minimum(1.0, _recent(share, 0.4, first_week) / 0.85)
    usage = 55 * level + 45 * np.clip((change - 0.4) / 0.7, 0, 1)
    expected = 0.025 * np.sqrt(traits.seats) * 1.1
    load = _recent(tally.tickets + tally.negative, 0.2) / (expected + traits.profile.touches * 0.12 + 0.1)
    support = 100 * np.exp(-0.33 * load)
    engagement = 100 * (1 - np.exp(-1.4 * _recent(tally.touches, 0.2) / traits.profile.touches))
    good, bad = _recent(tally.positive, 0.1), _recent(tally.negative, 0.1)
    sentiment = 62 + 38 * (good - 1.3 * bad) / (good + bad + 0.06)
    financial = 96 - 320 * _recent(tally.overdue, 0.12)
    paths = (usage, support, engagement, sentiment, financial)
    noisy = [np.clip(path + rng.normal(0.0, SCORE_NOISE, WEEKS), 0, 100) for path in paths]
    return dict(zip(WEIGHTS, noisy, strict=True))


def _recent(counts: Series, weight: float, first_week: int = 0) -> Series:
    """Exponential moving average that starts at the mean of the first eight weeks on record."""
    averaged = np.zeros(WEEKS)
    last = float(counts[first_week : first_week + 8].mean())
    for week in range(first_week, WEEKS):
        last += weight * (counts[week] - last)
        averaged[week] = last
    return averaged
