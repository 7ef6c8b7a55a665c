"""A daily health score for tenants whose CRM sends none: recency, volume against the account's own past, sentiment,
open issues. Always shown as derived.

A day's score depends on the LOOKBACK_DAYS before it alone, so it is the same whenever it is computed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cs_ml.domain.context import Dimension
from cs_ml.engines.health.panel import Floats

LOOKBACK_DAYS = 365
_VOLUME_DAYS, _PAST_DAYS, _FELT_DAYS = 28, 182, 91
_FIRST_DAYS = 14  # after the first contact: earlier nothing can be said
_LEAST_PAST = 28  # days of past that a volume is compared with
_GAP_PRIOR = 30.0  # usual days between contacts where only one is known
_NEUTRAL = 2  # imaginary neutral contacts, so that one bad mail is not the end
_ISSUE_KEEPS = 0.75  # of the score, per open issue
# Weights of recency, volume, sentiment and issues; where one is unknown the others share its part.
_RECENCY, _VOLUME, _SENTIMENT, _ISSUES = 0.35, 0.35, 0.15, 0.15
WEIGHTS: Mapping[Dimension, float] = {"engagement": _RECENCY + _VOLUME, "sentiment": _SENTIMENT, "support": _ISSUES}


@dataclass(frozen=True, slots=True)
class Contacts:
    """Accounts by days: activities, those with good and bad sentiment, and open issues.

    The first LOOKBACK_DAYS columns are only looked back to. `issues` is NaN before the first that an account ever had:
    that none was open says nothing where nobody keeps them.
    """

    activities: Floats
    positive: Floats
    negative: Floats
    issues: Floats


@dataclass(frozen=True, slots=True)
class DerivedScores:
    """Accounts by days after the lookback; NaN where unknown. `engagement` is recency and volume together."""

    overall: Floats
    engagement: Floats
    sentiment: Floats
    support: Floats

    def parts(self) -> Mapping[Dimension, Floats]:
        """The whole first."""
        return {
            "overall": self.overall,
            "engagement": self.engagement,
            "sentiment": self.sentiment,
            "support": self.support,
        }


def derive(contacts: Contacts) -> DerivedScores:
    """Whole scores of 0..100."""
    recency, volume = _recency(contacts.activities), _volume(contacts.activities)
    good, bad = _trailing(contacts.positive, _FELT_DAYS), _trailing(contacts.negative, _FELT_DAYS)
    felt = np.where(good + bad > 0, 50 + 50 * (good - bad) / (good + bad + _NEUTRAL), np.nan)
    issues = 100 * _ISSUE_KEEPS**contacts.issues
    overall = _mixed([(recency, _RECENCY), (volume, _VOLUME), (felt, _SENTIMENT), (issues, _ISSUES)])
    known = np.isfinite(recency)
    parts = (overall, _mixed([(recency, _RECENCY), (volume, _VOLUME)]), felt, issues)
    whole = [np.round(np.where(known, part, np.nan)[:, LOOKBACK_DAYS:]).astype(np.float64) for part in parts]
    return DerivedScores(*whole)


def _recency(activities: Floats) -> Floats:
    """100 as long as the silence is the usual one, half when it is three times as long."""
    days = np.arange(activities.shape[1])
    active = activities > 0
    last = np.maximum.accumulate(np.where(active, days, -1), axis=1)
    silence = np.where(last >= 0, days - last, np.inf)
    active_days = _trailing(active.astype(float), LOOKBACK_DAYS)
    first = _first_within(active, days)
    gap = np.where(active_days > 1, (last - first) / np.maximum(active_days - 1, 1), _GAP_PRIOR)
    usual = np.clip(gap, 1.0, 90.0)
    score = 100 * 0.5 ** (np.maximum(silence / usual - 1.0, 0.0) / 2.0)
    return np.where((active_days > 0) & (days - first >= _FIRST_DAYS), score, np.nan)


def _first_within(active: np.ndarray[tuple[int, int], np.dtype[np.bool_]], days: np.ndarray) -> Floats:
    """The first active day of the lookback before each day; far ahead where there is none."""
    following = np.where(active, days, len(days) * 2)
    ahead = np.minimum.accumulate(following[:, ::-1], axis=1)[:, ::-1]  # first active day from each day on
    starts = np.maximum(days - LOOKBACK_DAYS + 1, 0)
    return ahead[:, starts].astype(float)


def _volume(activities: Floats) -> Floats:
    """Activity of four weeks against the account's own of the half year before; 100 is as much or more."""
    days = np.arange(activities.shape[1])
    recent = _trailing(activities, _VOLUME_DAYS)
    past = _trailing(activities, _VOLUME_DAYS + _PAST_DAYS) - recent
    first = _first_within(activities > 0, days)
    span = np.minimum(days - first - _VOLUME_DAYS + 1, _PAST_DAYS)
    usual = past * _VOLUME_DAYS / np.maximum(span, 1)
    ratio = np.divide(recent, usual, out=np.zeros_like(recent), where=usual > 0)
    return np.where((span >= _LEAST_PAST) & (usual > 0), 100 * np.minimum(ratio, 1.0), np.nan)


def _trailing(values: Floats, days: int) -> Floats:
    """The sum of each day and those before it, `days` together."""
    sums = np.cumsum(values, axis=1)
    before = np.zeros_like(sums)
    before[:, days:] = sums[:, :-days]
    return sums - before


def _mixed(parts: list[tuple[Floats, float]]) -> Floats:
    total = sum(np.where(np.isfinite(part), part * weight, 0.0) for part, weight in parts)
    weights = sum(np.where(np.isfinite(part), weight, 0.0) for part, weight in parts)
    return np.divide(total, weights, out=np.full_like(parts[0][0], np.nan), where=np.asarray(weights) > 0)
