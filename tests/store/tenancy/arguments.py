"""What the sweep hands to a method: a maker by `Class.method.parameter`, else by the parameter's name."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from inspect import Parameter, signature
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cs_ml.domain.actor import Role
from cs_ml.domain.ctas.inbox import InboxQuery, Section
from cs_ml.domain.ctas.playbooks import PlannedTask, PlaybookDraft, PlaybookStatus, PlaybookStep
from cs_ml.domain.ctas.values import CtaPriority, CtaType, Dismissal, DismissedBy, Outcome
from cs_ml.domain.identity.audit_log import AuditQuery
from cs_ml.domain.jobs import BatchCounts, BatchRequest, BatchRun, Claim, Finished, Schedule
from cs_ml.domain.policy import RiskBand
from cs_ml.domain.portfolio import PortfolioQuery
from cs_ml.domain.predictions import PredictionType
from cs_ml.domain.truth.backtests import BacktestRequest, BacktestStatus
from cs_ml.engines.rules import RulesEngine
from cs_ml.engines.scorecard import default_scorecard
from cs_ml.services.clock import Moment
from cs_ml.services.importing import write_template
from cs_ml.services.learning.lineup import Lineup
from cs_ml.services.learning.quality import SplitRow
from cs_ml.services.operations.batches import BatchLimit
from cs_ml.services.predicting.limits import PredictionLimit
from cs_ml.services.work.changes import CtaEdit
from cs_ml.store.learning.models import StoredCalibration, StoredModel
from cs_ml.store.portfolio import Refreshed
from cs_ml.store.tables import CRMActivity, ExternalRef
from cs_ml.store.work.inbox import Days
from cs_ml.store.work.suggestions import Sought
from tests.store.tenancy.twins import Named
from tests.support.factories import NOW

AGO = NOW - timedelta(days=60)
_DAYS_AGO = "2026-05-01 00:00:00.000"
_COUNTS = [f"BacktestRepository.{step}.{what}" for step in ("advance", "finish") for what in ("done", "predictions")]

_STEP = PlaybookStep(title="a step", description=None, days_from_start=1)

Maker = Callable[[Named], Any]


def _inbox(named: Named) -> InboxQuery:
    return InboxQuery(section=Section.LATER, owner_id=named.user_id)


# Parameters that name something: with these a method is asked for what belongs to the other tenant.
_OF_RUNS = {
    "BatchRepository": "add_items any_waiting cancel claim close find_begun get held is_running leased_until left "
    "moved_since renew reopen spread was_spread",
    "BatchRunService": "cancel get resume retry_failed",
    "BatchWork": "mend predict predict_chunk spread",
    "GroupWork": "predict",
}
NAMING: Mapping[str, Maker] = {
    **{
        f"{owner}.{method}.run_id": lambda named: named.run
        for owner, methods in _OF_RUNS.items()
        for method in methods.split()
    },
    "account": lambda named: named.account_id,
    "account_id": lambda named: named.account_id,
    "account_ids": lambda named: [named.account_id],
    "claim": lambda named: Claim(run_id=named.run, account_id=named.account_id, attempt=1, waits=0),
    "event_id": lambda named: named.churn_id,
    "holder": lambda named: named.holder,
    "ids": lambda named: [named.activity_id],
    "owner_id": lambda named: named.user_id,
    "pipeline_id": lambda named: named.pipeline_id,
    "PredictionService.second_opinion.prediction": lambda named: SimpleNamespace(
        account_id=named.account_id, type=PredictionType.CHURN, window_days=90, as_of=AGO
    ),
    "query": lambda named: PortfolioQuery(owner_id=named.user_id),
    "refs": lambda named: [named.ref],
    "run_id": lambda named: named.backtest_id,
    "reservation": lambda named: named.holder,
    "user_id": lambda named: named.user_id,
    "words": lambda named: named.ref,
    "AuditService.export.query": lambda named: AuditQuery(user_id=named.user_id),
    "AuditService.page.query": lambda named: AuditQuery(user_id=named.user_id),
    "AuditLogRepository.count.query": lambda named: AuditQuery(user_id=named.user_id),
    "AuditLogRepository.page.query": lambda named: AuditQuery(user_id=named.user_id),
    "chosen": lambda named: {named.cta_id: NOW},
    "cta_id": lambda named: named.cta_id,
    "cta_ids": lambda named: [named.cta_id],
    "entity_id": lambda named: str(named.cta_id),
    "playbook_id": lambda named: named.playbook_id,
    "prediction_id": lambda named: named.prediction_id,
    "sought": lambda named: Sought(kind=PredictionType.CHURN, bands=list(RiskBand), account_ids=[named.account_id]),
    "task_id": lambda named: named.task_id,
    "CtaRepository.move_tasks.due": lambda named: {named.task_id: NOW.date()},
    "InboxRepository.counts.query": _inbox,
    "InboxRepository.page.query": _inbox,
    "InboxService.list.query": _inbox,
    "InboxService.show.query": _inbox,
    "AccountRepository.find.account": lambda named: named.ref,
    "ContextService.resolve.account": lambda named: named.ref,
    "SignalRepository.load.account_ids": lambda named: [named.account_id],
    "QualityService.rows.split": lambda named: [SplitRow(named.ref, AGO.date(), "train")],
    "read_rows.asked": lambda named: {AGO: {named.account_id: True}},
    "ImportStore.find_pipeline.name": lambda named: named.pipeline,
    "ImportStore.update.columns": lambda named: {"id": [named.activity_id], "subject": ["taken over"]},
    "ImportStore.add_stages.rows": lambda named: [
        {"pipelineId": named.pipeline_id, "name": "x", "order": 1, "createdAt": NOW, "updatedAt": NOW}
    ],
}
_PLAIN: Mapping[str, Callable[[], Any]] = {
    "CalibrationRepository.save.found": lambda: StoredCalibration(
        engine="rules", version="v", fitted_at=NOW, outcomes=1, churned=0, numbers={}
    ),
    "ModelRepository.save.model": lambda: StoredModel(
        version="v", kind="base", window_days=90, fingerprint="", trained_at=NOW, metrics={}, numbers={}
    ),
    "TenantLineups.rules.rules": lambda: RulesEngine(default_scorecard()),
    "bundle": lambda: Path("nowhere"),
    "scorecard": default_scorecard,
    "progress": lambda: lambda _text: None,
    "as_of": lambda: AGO,
    "at": lambda: NOW,
    "attempts": list,
    "end": lambda: Finished(outcome="computed"),
    "error": lambda: "VALIDATION",
    "run": lambda: BatchRun(
        id="mine-new",
        request=BatchRequest(),
        state="running",
        counts=BatchCounts(total=1),
        errors={},
        user_id=None,
        started_at=NOW,
        finished_at=None,
    ),
    "scheduled": lambda: False,
    "states": lambda: ["failed"],
    "complete": lambda: NOW,
    "dead_since": lambda: AGO,
    "engine": lambda: "rules",
    "engines_at": lambda: {"rules": lambda _actor, _at: RulesEngine(default_scorecard())},
    "checked_at": lambda: NOW,
    "entity": lambda: CRMActivity,
    "expected": lambda: Decimal("0.01"),
    "found": lambda: None,
    "key": lambda: "zone",
    "known_by": lambda: NOW,
    "dropped": dict,
    "right": dict,
    "kind": lambda: PredictionType.CHURN,
    "limit": lambda: 10,
    "model": lambda: "a model",
    "now": lambda: NOW,
    "on": AGO.date,
    "operation": lambda: "churn-prediction",
    "predictions": list,
    "replays": lambda: False,
    "request": lambda: BacktestRequest(engine="rules", first=AGO.date(), last=AGO.date(), every_days=30),
    "since": lambda: AGO,
    "status": lambda: BacktestStatus.STOPPED,
    "summary": lambda: False,
    "text": lambda: "Europe/Berlin",
    "until": lambda: NOW,
    "value": lambda: "Europe/Berlin",
    "window_days": lambda: 90,
    "accounts": lambda: "owned",
    "after": lambda: None,
    "BatchRunService.plan.request": BatchRequest,
    "BatchRunService.start.request": BatchRequest,
    "MonitoringService.overview.days": lambda: 30,
    "BatchRepository.forget_items.before": lambda: NOW,
    "RetentionRepository.count_left.before": lambda: NOW,
    "RetentionRepository.left.before": lambda: NOW,
    "UsageRepository.count_before.before": lambda: NOW,
    "UsageRepository.forget.before": lambda: NOW,
    "TenantSettingsService.weigh.code": lambda: "support",
    "TenantSettingsService.weigh.weight": lambda: 1.5,
    "PortfolioService.pick.most": lambda: 5,
    "BatchRepository.add.key": lambda: "new",
    "ScheduleRepository.begin.name": lambda: "expire",
    "ScheduleRepository.fail.name": lambda: "expire",
    "ScheduleRepository.succeed.name": lambda: "expire",
    "ScheduleService.run.name": lambda: "expire",
    "UsageRepository.days.since": AGO.date,
    "before": lambda: None,
    "kept": list,
    "origin": lambda: "replay",
    "what": lambda: "portfolio",
    "ExplanationService.explain.scorecard": lambda: lambda _actor: RulesEngine(default_scorecard()),
    "HealthForecaster.compute.at": lambda: Moment(NOW, live=True),
    "role": lambda: Role.VIEWER,
    "days": lambda: Days(now=NOW, today=NOW.date()),
    "dismissed": lambda: DismissedBy(at=NOW, user_id=None, reason=Dismissal.OTHER, note=""),
    "done": lambda: True,
    "draft": lambda: PlaybookDraft(
        name="Mine", description="", status=PlaybookStatus.ACTIVE, cta_type=None, category="", steps=(_STEP,)
    ),
    "edit": lambda: CtaEdit(title="taken over", priority=CtaPriority.LOW, due=NOW.date()),
    "entity_type": lambda: "CTA",
    "entries": list,
    "from_playbook": lambda: True,
    "note": lambda: "taken over",
    "outcome": lambda: Outcome.SOLVED,
    "reason": lambda: "a reason",
    "tasks": lambda: [PlannedTask(title="taken over", description=None, due=NOW.date(), owner_id=None)],
    "values": lambda: {"title": "taken over", "updated_at": NOW},
    "version": lambda: NOW,
    "BacktestRepository.replays.version": lambda: "1",
    "AcceptingService.accept.draft": lambda: None,
    "AcceptingService.dismiss.reason": lambda: Dismissal.OTHER,
    "CtaChangeService.snooze.until": (NOW + timedelta(days=7)).date,
    "CtaRepository.last_automated.kind": lambda: CtaType.RISK,
    "CtaRepository.open_titles.kind": lambda: CtaType.RISK,
    "PredictionRepository.without_valid.after": lambda: 0,
    "PredictionRepository.claim.now": lambda: NOW + timedelta(days=1),
    "PredictionRepository.claim.until": lambda: NOW + timedelta(days=2),
    "PredictionRepository.claim_each.now": lambda: NOW + timedelta(days=1),
    "PredictionRepository.claim_each.until": lambda: NOW + timedelta(days=2),
    "held_until": lambda: NOW,
    "lease": lambda: timedelta(minutes=1),
    "refresh": lambda: True,
    "ImportStore.add_pipeline.name": lambda: "a new pipeline",
    "ImportStore.earliest.name": lambda: "completedAt",
    "ImportStore.rows.names": lambda: ("id", "subject"),
    "ImportStore.rows.where": dict,
    "ImportStore.referenced.kind": lambda: "account",
    "ImportStore.referenced.names": lambda: ("id", "subject"),
    "ImportStore.forget.kind": lambda: "account",
    "ImportStore.insert_referenced.kind": lambda: "activity",
    "ImportStore.insert_referenced.columns": dict,
    "ImportStore.insert_referenced.refs": list,
    "ImportStore.insert.entity": lambda: ExternalRef,
    "ImportStore.insert.columns": lambda: {"kind": ["contact"], "ref": ["new"], "targetId": [1]},
    "ImportStore.drop_references.since": lambda: _DAYS_AGO,
    "BandDayRepository.keep.counted": lambda: [(0, None, "good", 3)],
    "PortfolioRepository.kept_tiles.found": lambda: Refreshed(at=NOW, accounts=0, totals=[]),
    "wait": lambda: True,
    **dict.fromkeys((*_COUNTS, "PortfolioRepository.add.first", "PortfolioRepository.add.last"), lambda: 1),
    "OutcomeRepository.record.at": lambda: AGO,
    "reference_at.at": lambda: AGO,
    "read_scenes.at": lambda: Moment(NOW, live=True),
    "ContextService.gather_contexts.as_of": lambda: None,
    "HealthForecaster.compute.origin": lambda: "replay",
}
# Of these a value is made for the test that needs it: rows that the tenant writes for itself.
NEEDS_A_ROW = {
    "BatchRepository.add_items",
    "CtaRepository.add",
    "HealthScoreRepository.save_reference",
    "PredictionRepository.save",
    "ReferenceRepository.save",
}


class NoMakerError(Exception):
    """A new parameter: add a maker, to NAMING if it names something that a tenant owns."""


def arguments(owner: str, function: Callable[..., Any], named: Named, given: Mapping[str, Any]) -> dict[str, Any]:
    """A value for each parameter without a default, and for each that names something. `owner`: `Class.method`."""
    found = dict[str, Any]()
    for parameter in signature(function).parameters.values():
        if parameter.name in given:
            found[parameter.name] = given[parameter.name]
        elif parameter.name != "self" and parameter.kind is not Parameter.VAR_KEYWORD:
            _add(found, owner, parameter, named)
    return found


def _add(found: dict[str, Any], owner: str, parameter: Parameter, named: Named) -> None:
    for name in (f"{owner}.{parameter.name}", parameter.name):
        if name in NAMING:
            found[parameter.name] = NAMING[name](named)
            return
        if name in _PLAIN:
            if parameter.default is Parameter.empty:
                found[parameter.name] = _PLAIN[name]()
            return
    if parameter.default is Parameter.empty:
        raise NoMakerError(f"tests/store/tenancy/arguments.py has no maker for {owner}.{parameter.name}")


def given_to_services(folder: Path) -> dict[str, Any]:
    """What services are made of, and what only they are handed."""
    write_template(folder)
    return {
        "clock": lambda: NOW,
        "engines": [RulesEngine(default_scorecard())],
        "lineups": lambda _actor, _at: Lineup(free=[], idle=[RulesEngine(default_scorecard())]),
        "limit": PredictionLimit(100),
        "batch_limit": BatchLimit(100),
        "schedules": (Schedule(name="expire", cron="0 0 * * *", says="Nothing.", do=lambda _: None),),
        "lanes": 1,
        "daily_limit": 50,
        "source": folder,
        "file": folder.with_suffix(".zip"),
        "forget": lambda _tenant_id: None,
        "data_date": datetime(2026, 6, 1, tzinfo=UTC).date(),
    }
