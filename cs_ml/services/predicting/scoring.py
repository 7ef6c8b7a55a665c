"""From what is known to a prediction: the scene that an engine judges, and the value that comes out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cs_ml.domain.actor import Actor
from cs_ml.domain.context import AccountContext, TenantReference
from cs_ml.domain.ctas.calendar import WorkCalendar
from cs_ml.domain.ctas.proposing import Planning, propose
from cs_ml.domain.errors import Invalid
from cs_ml.domain.health.insights import FORECAST_DAYS
from cs_ml.domain.identity.tenant_settings import read_settings
from cs_ml.domain.policy import (
    DEFAULT_BASE_RATE,
    DEFAULT_WINDOW_DAYS,
    FALLBACK_VALIDITY,
    MAX_PRIMARY_DRIVERS,
    MAX_WINDOW_DAYS,
    MIN_WINDOW_DAYS,
    URGENCY,
    VALIDITY,
    Bands,
)
from cs_ml.domain.predictions import Origin, Prediction, PredictionStatus, PredictionType
from cs_ml.engines.base import Answer, Engine
from cs_ml.engines.fallback import assess
from cs_ml.services.clock import Moment
from cs_ml.services.context import read_contexts
from cs_ml.services.predicting.references import reference_at
from cs_ml.store.database import Database
from cs_ml.store.identity.tenant_settings import TenantSettingRepository
from cs_ml.store.work.playbooks import PlaybookRepository


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictionRequest:
    """What is asked for. Raises Invalid for a window outside 30..365 days or a type that nothing answers.

    Health is always forecast FORECAST_DAYS ahead, whatever window is asked for. `patient`: whoever asks comes back
    later, so an engine that is only busy is not passed over. `words`: of a language model around health insights, where
    one serves the tenant.
    """

    account_id: int
    type: PredictionType = PredictionType.CHURN
    window_days: int = DEFAULT_WINDOW_DAYS
    origin: Origin = "single"
    patient: bool = False
    words: bool = False

    def __post_init__(self) -> None:
        if self.type is PredictionType.HEALTH_TREND:
            object.__setattr__(self, "window_days", FORECAST_DAYS)
        if not MIN_WINDOW_DAYS <= self.window_days <= MAX_WINDOW_DAYS:
            expected = f"{MIN_WINDOW_DAYS} to {MAX_WINDOW_DAYS} days"
            raise Invalid(f"The window must be {expected}, not {self.window_days}.", fields={"window": expected})
        if self.type not in (PredictionType.CHURN, PredictionType.HEALTH_TREND):
            raise Invalid(
                f"{self.type} cannot be predicted yet; use CHURN or HEALTH_TREND.",
                fields={"type": "CHURN or HEALTH_TREND"},
                code="INVALID_PREDICTION_TYPE",
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """What an engine judges, the bands that the tenant fixed (None: the engine's own), and what a CTA is planned with
    (None: none is)."""

    context: AccountContext
    reference: TenantReference
    bands: Bands | None
    planning: Planning | None = None


def read_scenes(
    database: Database, actor: Actor, account_ids: Sequence[int], at: Moment, now: datetime, *, signals: bool = False
) -> dict[int, Scene]:
    """The scenes of these accounts at `at`, set-based; accounts that do not exist for the actor are absent. `signals`:
    with the long view that a learned engine wants."""
    reference = reference_at(database, actor, at.at, now)
    with database.read(actor) as scope:
        contexts = read_contexts(scope, account_ids, at, signals=signals)
        settings = read_settings(TenantSettingRepository(scope).list())
        playbooks = PlaybookRepository(scope).list() if at.live else ()
    bands, planning = settings.bands, Planning(calendar=WorkCalendar.of(settings), playbooks=playbooks)
    return {
        account_id: Scene(context=context, reference=reference, bands=bands, planning=planning)
        for account_id, context in contexts.items()
    }


def score(engines: Sequence[Engine], request: PredictionRequest, scene: Scene, origin: Origin) -> Prediction:
    """Runs the engine chain."""
    answer = assess(engines, scene.context, scene.reference, request.window_days)
    return predicted(answer, request, scene, origin)


def predicted(answer: Answer, request: PredictionRequest, scene: Scene, origin: Origin) -> Prediction:
    """What an engine's answer means. Category, urgency and validity are ours, never an engine's."""
    found, context = answer.assessment, scene.context
    known = found.base_rate if found.base_rate is not None else scene.reference.base_rate
    base_rate = DEFAULT_BASE_RATE if known is None else known
    own = Bands.around(base_rate) if found.calibrated else Bands()
    band = (scene.bands or own).of(found.probability)
    validity = FALLBACK_VALIDITY if answer.provenance.fallback_reason else VALIDITY
    made = Prediction(
        id=None,
        account_id=request.account_id,
        type=request.type,
        status=PredictionStatus.EXPIRED if origin == "replay" else PredictionStatus.ACTIVE,
        origin=origin,
        as_of=context.as_of,
        predicted_at=context.as_of,
        valid_until=context.as_of + validity,
        window_days=request.window_days,
        probability=found.probability,
        confidence=found.confidence,
        base_rate=base_rate,
        band=band,
        urgency=URGENCY[band],
        base=found.base,
        window_part=found.window_part,
        clipping=found.clipping,
        rest=found.rest,
        raw_probability=found.raw_probability,
        drivers=tuple(factor.factor for factor in found.factors[:MAX_PRIMARY_DRIVERS]),
        factors=found.factors,
        protective=found.protective,
        evidence=found.evidence,
        explanation=found.explanation,
        recommendations=found.recommendations,
        unmatched_numbers=found.unmatched_numbers,
        doubts=found.doubts,
        completeness=context.completeness.score,
        missing=context.completeness.missing,
        provenance=answer.provenance,
    )
    if origin == "replay" or scene.planning is None:  # nobody acts on the past
        return made
    return replace(made, proposal=propose(made, context.profile, scene.planning))
