"""How derived scores moved: computed when somebody looks, a step of accounts at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np

from cs_ml.domain.context import Dimension
from cs_ml.domain.health.insights import band_of
from cs_ml.domain.health.movements import (
    LEAST_POINTS,
    MOST_MOVERS,
    WEEKS,
    BandMove,
    BandWeek,
    Member,
    Movements,
    Mover,
    week_ends,
)
from cs_ml.domain.policy import HealthBand
from cs_ml.engines.health.derived import WEIGHTS, DerivedScores
from cs_ml.services.health.derived import derived_scores
from cs_ml.store.history.scores import HealthScoreRepository
from cs_ml.store.portfolio.movements import MovementRepository
from cs_ml.store.scope import Scope

_STEP = 500  # accounts at once: 450 days of each in memory
_DAYS = 7 * (WEEKS - 1) + 1


@dataclass(frozen=True, slots=True)
class _Moved:
    """Whole scores of one account, by part; none where unknown. `weeks`: at the end of each week."""

    member: Member
    weeks: Sequence[int | None]
    before: Mapping[Dimension, int]
    after: Mapping[Dimension, int]

    @property
    def points(self) -> int | None:
        """None where one of the two is not known."""
        if "overall" not in self.before or "overall" not in self.after:
            return None
        return self.after["overall"] - self.before["overall"]


def derived_movements(scope: Scope, owner_id: int | None, since: datetime, until: datetime) -> Movements:
    """Two statements and one for names, and two more for each further step of _STEP accounts; twice as many where
    `since` lies before the weeks shown."""
    moved = list(_moved(scope, MovementRepository(scope).members(owner_id, until), since, until))
    movers = sorted((one for one in moved if _is_mover(one)), key=lambda one: (one.points or 0, one.member.account_id))
    return Movements(
        since=since,
        until=until,
        weeks=_weeks(moved, until),
        moves=_moves(moved),
        moved=len(movers),
        movers=[_mover(one) for one in movers[:MOST_MOVERS]],
        derived=True,
    )


def _moved(scope: Scope, members: Sequence[Member], since: datetime, until: datetime) -> Iterator[_Moved]:
    repository = HealthScoreRepository(scope)
    ago = (until.astimezone(UTC).date() - since.astimezone(UTC).date()).days
    for start in range(0, len(members), _STEP):
        part = members[start : start + _STEP]
        ids = [member.account_id for member in part]
        now = derived_scores(repository, ids, until, days=_DAYS)
        then, column = (now, _DAYS - 1 - ago) if ago < _DAYS else (derived_scores(repository, ids, since, days=1), 0)
        for row, member in enumerate(part):
            yield _Moved(
                member=member,
                weeks=[_whole(now.overall[row, 7 * week]) for week in range(WEEKS)],
                before=_scores(then, row, column),
                after=_scores(now, row, _DAYS - 1),
            )


def _scores(found: DerivedScores, row: int, column: int) -> dict[Dimension, int]:
    scores = {name: _whole(lines[row, column]) for name, lines in found.parts().items()}
    return {name: score for name, score in scores.items() if score is not None}


def _whole(score: np.float64) -> int | None:
    return int(score) if np.isfinite(score) else None


def _band(score: int | None) -> HealthBand | None:
    return None if score is None else band_of(score)


def _weeks(moved: Sequence[_Moved], until: datetime) -> list[BandWeek]:
    weeks = []
    for number, end in enumerate(week_ends(until)):
        accounts: dict[HealthBand | None, int] = {}
        for one in moved:
            if one.member.created_at <= end:
                band = _band(one.weeks[number])
                accounts[band] = accounts.get(band, 0) + 1
        weeks.append(BandWeek(at=end, accounts=accounts))
    return weeks


def _moves(moved: Sequence[_Moved]) -> list[BandMove]:
    groups: dict[tuple[HealthBand | None, HealthBand | None, str | None], list[Decimal | None]] = {}
    for one in moved:
        bands = _band(one.before.get("overall")), _band(one.after.get("overall"))
        groups.setdefault((*bands, one.member.currency), []).append(one.member.arr)
    moves = []
    for (before, after, currency), amounts in groups.items():
        known = [amount for amount in amounts if amount is not None]
        arr = sum(known, start=Decimal(0)) if known else None
        moves.append(
            BandMove(before=before, after=after, currency=currency, accounts=len(amounts), arr=arr, with_arr=len(known))
        )
    return moves


def _is_mover(one: _Moved) -> bool:
    if one.points is None:
        return False
    return abs(one.points) >= LEAST_POINTS or band_of(one.before["overall"]) is not band_of(one.after["overall"])


def _mover(one: _Moved) -> Mover:
    falling = (one.points or 0) < 0
    effects = [
        (weight * (one.after[name] - one.before[name]), name)
        for name, weight in WEIGHTS.items()
        if name in one.before and name in one.after
    ]
    effect, cause = (min if falling else max)(effects, default=(0.0, None))
    named = cause if effect and (effect < 0) is falling else None
    return Mover(
        account_id=one.member.account_id,
        reference=one.member.reference,
        name=one.member.name,
        owner_name=one.member.owner_name,
        before=one.before["overall"],
        after=one.after["overall"],
        cause=named,
        cause_points=one.after[named] - one.before[named] if named else None,
    )
