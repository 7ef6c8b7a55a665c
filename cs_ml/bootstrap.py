"""The composition root: settings in, wired services out. The only place that knows all parts, and the only clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from cs_ml.domain.errors import Invalid
from cs_ml.domain.predictions import EngineName
from cs_ml.engines.base import Engine
from cs_ml.engines.rules import RulesEngine
from cs_ml.engines.scorecard import default_scorecard
from cs_ml.llm.client import LlmClient
from cs_ml.llm.pricing import load_prices
from cs_ml.llm.transport import Endpoint
from cs_ml.logs import configure_logs
from cs_ml.services.accounts import AccountService
from cs_ml.services.clock import Clock
from cs_ml.services.context import ContextService
from cs_ml.services.databases import DatabaseService, prepare
from cs_ml.services.health.backtest import HealthBacktestService
from cs_ml.services.health.explaining import ExplanationService
from cs_ml.services.health.movements import MovementService
from cs_ml.services.health.standing_out import AnomalyService
from cs_ml.services.identity.access import AccessService
from cs_ml.services.identity.audit import AuditService
from cs_ml.services.identity.leaving import LeavingService
from cs_ml.services.identity.members import MemberService
from cs_ml.services.identity.sessions import SessionService
from cs_ml.services.identity.tenant_settings import TenantSettingsService
from cs_ml.services.importing import ImportService
from cs_ml.services.learning.leaderboard import LeaderboardService
from cs_ml.services.learning.lineup import TenantLineups
from cs_ml.services.learning.quality import QualityService
from cs_ml.services.learning.training import TrainingService
from cs_ml.services.llm.chain import EngineChain, LanguageModel
from cs_ml.services.llm.entities import KnownEntitiesCache
from cs_ml.services.llm.prompts import PromptService
from cs_ml.services.llm.trial import TrialService
from cs_ml.services.llm.usage import UsageService
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
from cs_ml.store.migrations.copying import backup, restore

MIN_KEY_LENGTH = 32
MIN_KEY_LETTERS = 8  # fewer different ones are no random choice


def system_clock() -> datetime:
    return datetime.now(UTC)


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


@contextmanager
def open_services(settings: Settings | None = None, clock: Clock = system_clock) -> Iterator[Services]:
    """Services over the configured database; closed at the end.

    A new SQLite file gets its tables here. Raises Invalid where another database lacks them or they are not current,
    and for settings of the language model that cannot be.
    """
    settings = settings or Settings()
    configure_logs(settings.log_level, settings.secrets())
    llm = _language_model(settings, clock)
    database = Database(settings.database_url)
    points = default_scorecard()
    scorecard, training = RulesEngine(points), TrainingService(database, clock, points)
    engines = TenantLineups(database, scorecard, points)
    known = KnownEntitiesCache(database)
    prompts, usage = PromptService(database, clock, known), UsageService(database, clock)
    model = LanguageModel(client=llm, prompts=prompts, usage=usage) if llm else None
    chain, limit = EngineChain(engines, model), PredictionLimit(settings.limit_predictions_per_day)
    ttl, daily_ctas = CLAIM_TTL + timedelta(seconds=settings.llm_timeout_s), settings.limit_ctas_per_day
    automation = AutomationService(database, clock, daily_limit=daily_ctas)
    try:
        prepare(database)
        yield Services(
            settings=settings,
            database=database,
            clock=clock,
            access=AccessService(database, clock),
            members=MemberService(database, clock),
            audit=AuditService(database, clock),
            leaving=LeavingService(database, clock, known.forget),
            tenant_settings=TenantSettingsService(database, clock),
            accounts=AccountService(database, clock),
            portfolio=PortfolioService(database, clock),
            context=ContextService(database, clock),
            predictions=PredictionService(database, clock, chain, limit, claim_ttl=ttl, after=automation.after),
            freshness=FreshnessService(database, clock),
            importing=ImportService(database, clock),
            batches=BatchService(database, clock, engines, after=automation.after),
            suggestions=AcceptingService(database, clock, daily_limit=daily_ctas),
            automation=automation,
            inbox=InboxService(database, clock),
            cta_changes=CtaChangeService(database, clock),
            playbooks=PlaybookService(database, clock),
            health_backtest=HealthBacktestService(database, clock),
            explanations=ExplanationService(database, clock, scorecard),
            anomalies=AnomalyService(database, clock),
            movements=MovementService(database, clock),
            usage=usage,
            prompts=prompts,
            trial=TrialService(llm, usage),
            outcomes=OutcomeService(database, clock),
            validation=ValidationService(database, clock),
            accuracy=AccuracyService(database, clock),
            backtests=BacktestService(database, clock, _engines_at(scorecard, training, model)),
            training=training,
            leaderboard=LeaderboardService(database, clock),
            quality=QualityService(database, clock, points),
            llm=llm,
        )
    finally:
        _close(llm, database)


def _close(llm: LlmClient | None, database: Database) -> None:
    if llm is not None:
        llm.close()
    database.close()


@contextmanager
def open_scratch() -> Iterator[Services]:
    """Services over an empty database of their own, without a language model, gone at the end."""
    with TemporaryDirectory() as folder:
        settings = Settings(database_url=f"sqlite:///{folder}/scratch.db", openai_api_key=None)
        with open_services(settings) as services:
            yield services


def _engines_at(rules: Engine, training: TrainingService, model: LanguageModel | None) -> dict[EngineName, EngineAt]:
    """What a backtest asks: the rules were always what they are; a learned model is trained on what was judged by each
    day; a language model is asked as it is now."""
    engines: dict[EngineName, EngineAt] = {"rules": lambda _actor, _at: rules, "learned": training.engine_at}
    if model is not None:
        engines["llm"] = lambda actor, _at: ModelAlone(actor, model)
    return engines


def _language_model(settings: Settings, clock: Clock) -> LlmClient | None:
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else ""
    if not key:
        return None
    following = settings.openai_api_key_fallback
    endpoint = Endpoint(
        base_url=settings.openai_base_url,
        api_key=key,
        model=settings.llm_model,
        allow_http=settings.llm_allow_http,
        fallback_key=(following.get_secret_value() or None) if following else None,
    )
    return LlmClient(endpoint, load_prices(settings.llm_prices), timeout_s=settings.llm_timeout_s, now=clock)


def open_sessions(services: Services) -> SessionService:
    """Signing in, for the app. Raises Invalid where there is no good key: none is shipped, and none is made up here."""
    key = services.settings.session_key or ""
    if len(key) < MIN_KEY_LENGTH or len(set(key)) < MIN_KEY_LETTERS:
        raise Invalid(
            f"CS_ML_SESSION_KEY must be a secret of {MIN_KEY_LENGTH} random characters or more. "
            'Make one: python3 -c "import secrets; print(secrets.token_urlsafe(32))"',
            fields={"session_key": f"{MIN_KEY_LENGTH} random characters or more"},
        )
    return SessionService(services.database, services.clock, services.access, key=key.encode())


@contextmanager
def open_schema(settings: Settings | None = None, *, as_owner: bool = False) -> Iterator[DatabaseService]:
    """The database itself, whatever state its schema is in; with the rights of the role that migrates `as_owner`."""
    settings = settings or Settings()
    owner_url = settings.owner_database_url if as_owner else None
    database = Database(owner_url or settings.database_url)
    try:
        yield DatabaseService(database)
    finally:
        database.close()


@contextmanager
def open_leaving(settings: Settings | None = None, clock: Clock = system_clock) -> Iterator[LeavingService]:
    """Deleting tenants, with the rights of the role that migrates."""
    settings = settings or Settings()
    database = Database(settings.owner_database_url or settings.database_url)
    try:
        prepare(database)
        yield LeavingService(database, clock)
    finally:
        database.close()


def backup_database(file: Path) -> int:
    """Copies the configured SQLite database into a new file; answers its bytes."""
    return backup(Settings().database_url, file)


def restore_database(file: Path, *, overwrite: bool) -> int:
    """Puts a copy in the configured SQLite database's place; answers its bytes."""
    return restore(Settings().database_url, file, overwrite=overwrite)
