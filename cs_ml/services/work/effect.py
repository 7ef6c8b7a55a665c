"""How accounts went on after a playbook was begun, against similar ones that got none: values in, figures out.

A use is compared with up to NEAREST accounts of the same predicted band whose health then was within CLOSE_POINTS, and
that had no playbook begun from FREE before to the end of the time looked at. Descriptive: people choose playbooks for a
reason, so the difference is no proof.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import fmean

import numpy as np

from cs_ml.domain.ctas.playbooks import Effect, PlaybookEffect
from cs_ml.store.work.effect import Reading, Use

HORIZONS = (30, 60, 90)
CLOSE_POINTS = 5
NEAREST = 5
FREE = timedelta(days=90)
SCORE_AGE = timedelta(days=30)  # an older score says nothing about a day
BAND_AGE = timedelta(days=45)  # predictions are valid for 30 days, and not made anew at once
_LEAST_FOR_INTERVAL = 5
_RESAMPLES = 1000


@dataclass(slots=True)
class _History:
    times: list[datetime] = field(default_factory=list)
    values: list[Reading] = field(default_factory=list)

    def at(self, instant: datetime, age: timedelta) -> Reading | None:
        """The newest reading not after `instant` and not older than `age`."""
        place = bisect_right(self.times, instant)
        if not place or instant - self.times[place - 1] > age:
            return None
        return self.values[place - 1]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    """`begun`: when playbooks were begun, by account. `accounts`: all that a use may be compared with."""

    accounts: Sequence[int]
    begun: Mapping[int, Sequence[datetime]]
    scores: Mapping[int, _History]
    bands: Mapping[int, _History]

    def alike(self, use: Use, start: int, span: timedelta) -> list[int]:
        """How the health of the most similar accounts changed."""
        band, near = self._band(use.account_id, use.began), []
        for other in self.accounts:
            if other == use.account_id or _began(self.begun.get(other, ()), use.began, span):
                continue
            change = _change(self.scores.get(other), use.began, span)
            if change and abs(change[0] - start) <= CLOSE_POINTS and self._band(other, use.began) == band:
                near.append((abs(change[0] - start), other, change[1]))
        return [difference for _, _, difference in sorted(near)[:NEAREST]]

    def _band(self, account_id: int, at: datetime) -> str | None:
        history = self.bands.get(account_id)
        found = history.at(at, BAND_AGE) if history else None
        return found.band if found else None


def effects(
    uses: Sequence[Use],
    others: Iterable[int],
    *,
    health: Iterable[Reading],
    bands: Iterable[Reading],
    now: datetime,
) -> Sequence[PlaybookEffect]:
    """One for each playbook that was used. Readings are in order of date."""
    begun: dict[int, list[datetime]] = {}
    for use in uses:
        begun.setdefault(use.account_id, []).append(use.began)
    known = _Known(accounts=sorted({*others, *begun}), begun=begun, scores=_histories(health), bands=_histories(bands))
    by_playbook: dict[int, list[Use]] = {}
    for use in uses:
        by_playbook.setdefault(use.playbook_id, []).append(use)
    return [
        PlaybookEffect(
            playbook_id=playbook_id,
            used=len(own),
            completed=sum(use.completed for use in own),
            effects=tuple(_effect(own, days, known, now) for days in HORIZONS),
        )
        for playbook_id, own in sorted(by_playbook.items())
    ]


def _effect(uses: Sequence[Use], days: int, known: _Known, now: datetime) -> Effect:
    span = timedelta(days=days)
    due = [use for use in uses if use.began + span <= now]
    differences = []
    for use in due:
        change = _change(known.scores.get(use.account_id), use.began, span)
        alike = known.alike(use, change[0], span) if change else []
        if change and alike:
            differences.append(change[1] - fmean(alike))
    low, high = _interval(differences)
    return Effect(
        days=days,
        difference=fmean(differences) if differences else None,
        low=low,
        high=high,
        n=len(differences),
        unmatched=len(due) - len(differences),
    )


def _change(history: _History | None, began: datetime, span: timedelta) -> tuple[int, int] | None:
    """The score at the beginning, and how it had changed after `span`."""
    if history is None:
        return None
    before, after = history.at(began, SCORE_AGE), history.at(began + span, min(span, SCORE_AGE))
    if before is None or after is None or after.at <= began:
        return None
    return before.score, after.score - before.score


def _began(times: Iterable[datetime], began: datetime, span: timedelta) -> bool:
    return any(began - FREE <= time <= began + span for time in times)


def _interval(differences: Sequence[float]) -> tuple[float | None, float | None]:
    if len(differences) < _LEAST_FOR_INTERVAL:
        return None, None
    drawn = np.random.default_rng(0).choice(np.asarray(differences), size=(_RESAMPLES, len(differences)))
    low, high = np.percentile(drawn.mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def _histories(readings: Iterable[Reading]) -> dict[int, _History]:
    """By account; `readings` are in order of date."""
    found: dict[int, _History] = {}
    for reading in readings:
        history = found.setdefault(reading.account_id, _History())
        history.times.append(reading.at)
        history.values.append(reading)
    return found
