"""Every service, wired: the only place that knows all parts."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from cs_ml.bootstrap.telemetry import Telemetry
from cs_ml.domain.predictions import EngineName
from cs_ml.engines.rules import RulesEngine
from cs_ml.engines.scorecard import default_scorecard
from cs_ml.jobs.tasks import Tasks
from cs_ml.jobs.workforce import Workforce
from cs_ml.llm.client import LlmClient
from cs_ml.services.accounts import AccountService
from cs_ml.services.clock import Clock
from cs_ml.services.context import ContextService
from cs_ml.services.health.backtest import HealthBacktestService
from cs_ml.services.health.explaining import ExplanationService
from cs_ml.services.health.movements import MovementService
from cs_ml.services.health.standing_out import AnomalyService
from cs_ml.services.identity.access import AccessService
from cs_ml.services.identity.audit import AuditService
from cs_ml.services.identity.leaving import LeavingService
from cs_ml.services.identity.members import MemberService
from cs_ml.services.identity.tenant_settings import TenantSettingsService
from cs_ml.services.importing import ImportService
from cs_ml.services.learning.leaderboard import LeaderboardService
from cs_ml.services.learning.lineup import TenantLineups
from cs_ml.services.learning.quality import QualityService
from cs_ml.services.learning.shadows import ShadowService
from cs_ml.services.learning.training import TrainingService
from cs_ml.services.llm.chain import EngineChain, LanguageModel
from cs_ml.services.llm.entities import KnownEntitiesCache
from cs_ml.services.llm.prompts import PromptService
from cs_ml.services.llm.trial import TrialService
from cs_ml.services.llm.usage import UsageService
from cs_ml.services.operations.batches import BatchLimit, BatchRunService
from cs_ml.services.operations.monitoring import MonitoringService
from cs_ml.services.operations.retention import RetentionService
from cs_ml.services.operations.schedules import ScheduleService
from cs_ml.services.operations.wiring import HowToAsk, LongWork, LongWorkParts, wire_long_work
from cs_ml.services.portfolio import PortfolioService
from cs_ml.services.predicting.batches import BatchService
from cs_ml.services.predicting.limits import PredictionLimit
from cs_ml.services.predicting.predictions import CLAIM_TTL, PredictionService
from cs_ml.services.predicting.references import FreshnessService
from cs_ml.services.truth.accuracy import AccuracyService
from cs_ml.services.truth.backtests import BacktestService
from cs_ml.services.truth.model_alone import ModelAlone
from cs_ml.services.truth.outcomes import OutcomeService
from cs_ml.services.truth.replaying import EngineAt
from cs_ml.services.truth.validation import ValidationService
from cs_ml.services.work.accepting import AcceptingService
from cs_ml.services.work.automation import AutomationService
from cs_ml.services.work.changes import CtaChangeService
from cs_ml.services.work.inbox import InboxService
from cs_ml.services.work.playbooks import PlaybookService
from cs_ml.settings import Settings
from cs_ml.store.database import Database


class Process(NamedTuple):
    """What a process has beside its database. `llm` is None where no model is set up."""

    llm: LlmClient | None
    workforce: Workforce
    telemetry: Telemetry


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """Everything that pages, the command line and workers call. `llm` is None where no model is set up."""

    settings: Settings
    database: Database
    clock: Clock
    access: AccessService
    members: MemberService
    audit: AuditService
    leaving: LeavingService
    tenant_settings: TenantSettingsService
    accounts: AccountService
    portfolio: PortfolioService
    context: ContextService
    predictions: PredictionService
    batches: BatchService
    long_work: LongWork
    tasks: Tasks
    workforce: Workforce
    health_backtest: HealthBacktestService
    explanations: ExplanationService
    anomalies: AnomalyService
    movements: MovementService
    importing: ImportService
    freshness: FreshnessService
    usage: UsageService
    prompts: PromptService
    trial: TrialService
    suggestions: AcceptingService
    automation: AutomationService
    inbox: InboxService
    cta_changes: CtaChangeService
    playbooks: PlaybookService
    outcomes: OutcomeService
    validation: ValidationService
    accuracy: AccuracyService
    backtests: BacktestService
    training: TrainingService
    leaderboard: LeaderboardService
    quality: QualityService
    llm: LlmClient | None
    telemetry: Telemetry

    @property
    def runs(self) -> BatchRunService:
        return self.long_work.runs

    @property
    def schedules(self) -> ScheduleService:
        return self.long_work.schedules

    @property
    def retention(self) -> RetentionService:
        return self.long_work.retention

    @property
    def monitoring(self) -> MonitoringService:
        return self.long_work.monitoring


def wire(settings: Settings, database: Database, clock: Clock, process: Process) -> Services:
    """Every service over these parts, which the caller closes."""
    points = default_scorecard()
    scorecard, training = RulesEngine(points), TrainingService(database, clock, points)
    engines = TenantLineups(database, scorecard, points)
    known, usage = KnownEntitiesCache(database), UsageService(database, clock)
    prompts, leaving = PromptService(database, clock, known), LeavingService(database, clock, known.forget)
    model = LanguageModel(client=process.llm, prompts=prompts, usage=usage) if process.llm else None
    chain, limit = EngineChain(engines, model), PredictionLimit(settings.limit_predictions_per_day)
    ttl, daily_ctas = CLAIM_TTL + timedelta(seconds=settings.llm_timeout_s), settings.limit_ctas_per_day
    access, automation = AccessService(database, clock), AutomationService(database, clock, daily_limit=daily_ctas)
    portfolio, validation = PortfolioService(database, clock), ValidationService(database, clock)
    batches = BatchService(database, clock, engines, after=automation.after)
    predictions = PredictionService(database, clock, chain, limit, claim_ttl=ttl, after=automation.after)
    shadows, leaderboard = _shadows(database, clock, engines, model), LeaderboardService(database, clock)
    parts = LongWorkParts(
        database, clock, portfolio, predictions, batches, validation, leaderboard, training, shadows, leaving
    )
    long_work = _long_work(parts, process.workforce, limit, settings)
    return Services(
        settings=settings,
        database=database,
        clock=clock,
        access=access,
        members=MemberService(database, clock),
        audit=AuditService(database, clock),
        leaving=leaving,
        tenant_settings=TenantSettingsService(database, clock),
        accounts=AccountService(database, clock),
        portfolio=portfolio,
        context=ContextService(database, clock),
        predictions=predictions,
        freshness=FreshnessService(database, clock),
        importing=ImportService(database, clock),
        batches=batches,
        long_work=long_work,
        tasks=_tasks(access, long_work, process),
        workforce=process.workforce,
        suggestions=AcceptingService(database, clock, daily_limit=daily_ctas),
        automation=automation,
        inbox=InboxService(database, clock),
        cta_changes=CtaChangeService(database, clock),
        playbooks=PlaybookService(database, clock),
        health_backtest=HealthBacktestService(database, clock),
        explanations=ExplanationService(database, clock, engines.rules),
        anomalies=AnomalyService(database, clock),
        movements=MovementService(database, clock),
        usage=usage,
        prompts=prompts,
        trial=TrialService(process.llm, usage),
        outcomes=OutcomeService(database, clock),
        validation=validation,
        accuracy=AccuracyService(database, clock),
        backtests=BacktestService(database, clock, _engines_at(engines, training, model)),
        training=training,
        leaderboard=leaderboard,
        quality=QualityService(database, clock, points),
        llm=process.llm,
        telemetry=process.telemetry,
    )


def _tasks(access: AccessService, long: LongWork, process: Process) -> Tasks:
    queue, watch = process.workforce.queue, process.telemetry.watch
    return Tasks(
        access, long.runs, long.work, long.schedules, queue, groups=long.groups, overnight=long.overnight, watch=watch
    )


def _long_work(parts: LongWorkParts, workforce: Workforce, limit: PredictionLimit, settings: Settings) -> LongWork:
    batch_limit = BatchLimit(settings.limit_batches_per_day)
    how = HowToAsk(lanes=workforce.lanes, group=workforce.group, overnight=settings.llm_batch_api)
    return wire_long_work(parts, workforce.queue, limit, batch_limit, how)


def _shadows(database: Database, clock: Clock, engines: TenantLineups, model: LanguageModel | None) -> ShadowService:
    return ShadowService(database, clock, engines, partial(ModelAlone, model=model) if model else None)


def _engines_at(
    lineups: TenantLineups, training: TrainingService, model: LanguageModel | None
) -> dict[EngineName, EngineAt]:
    """What a backtest asks: the rules as the tenant weighs them now; a learned model is trained on what was judged
    by each day; a language model is asked as it is now."""
    engines: dict[EngineName, EngineAt] = {
        "rules": lambda actor, _at: lineups.rules(actor),
        "learned": training.engine_at,
    }
    if model is not None:
        engines["llm"] = lambda actor, _at: ModelAlone(actor, model)
    return engines
