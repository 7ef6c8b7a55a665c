"""Validation: every prediction gets the outcome that the facts know, as often as one asks."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.identity.tenant_settings import read_settings
from cs_ml.domain.predictions import PredictionType
from cs_ml.domain.truth.outcomes import OutcomeCounts
from cs_ml.services.clock import Clock
from cs_ml.services.truth.trends import judge_trends
from cs_ml.store.database import Database
from cs_ml.store.history.references import ReferenceRepository
from cs_ml.store.identity.tenant_settings import TenantSettingRepository
from cs_ml.store.learning.judgements import JudgementRepository
from cs_ml.store.learning.outcomes import OutcomeRepository
from cs_ml.store.learning.predicted import PredictedRepository
from cs_ml.store.scope import Scope

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class ValidationReport:
    """`validated`: got an outcome this time; `withdrawn`: lost one that the facts know no more. `complete_until`: up to
    when a customer without a churn date has stayed; None where nobody records churn."""

    validated: int
    withdrawn: int
    complete_until: date | None
    live: OutcomeCounts
    replayed: OutcomeCounts


class ValidationService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def validate(self, actor: Actor) -> ValidationReport:
        """Judges the tenant's predictions whose window has passed or whose account has left, whatever accounts the
        actor sees; the counts are of those that the actor sees."""
        actor.require(Permission.PREDICT)
        now = self._clock()
        with self._database.write(Actor.system(actor.tenant_id)) as scope:
            PredictedRepository(scope).count()
            validated, withdrawn = judge(scope, now)
        with self._database.read(actor) as scope:
            complete = complete_until(scope, now)
            judgements = JudgementRepository(scope)
            live, replayed = (
                judgements.counts(PredictionType.CHURN, replays=replays, now=now, complete=complete)
                for replays in (False, True)
            )
        return ValidationReport(
            validated=validated,
            withdrawn=withdrawn,
            complete_until=last_day(complete),
            live=live,
            replayed=replayed,
        )


def last_day(complete: datetime) -> date | None:
    """The last day of what `complete_until` answers; None where nobody records churn."""
    return None if complete == _NEVER else (complete - timedelta(milliseconds=1)).date()


def judge(scope: Scope, now: datetime) -> tuple[int, int]:
    """Within the caller's transaction: how many predictions got an outcome, and how many lost theirs.

    One judge per type of prediction.
    """
    OutcomeRepository(scope).note_gone(now)
    judged, lost = JudgementRepository(scope).judge_churn(now, complete_until(scope, now))
    return judged + judge_trends(scope, now), lost


def complete_until(scope: Scope, now: datetime) -> datetime:
    """Up to when an account without a churn date counts as kept: what the tenant set; else its newest fact, as long as
    somebody records churn dates; else never (1970)."""
    stated = read_settings(TenantSettingRepository(scope).list()).churn_complete_until
    if stated is not None:
        return datetime.combine(stated + timedelta(days=1), time(), UTC)
    if not OutcomeRepository(scope).has_exact_churn(now):
        return _NEVER
    return ReferenceRepository(scope).newest_fact(now) or _NEVER
