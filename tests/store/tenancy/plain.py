"""What the sweep hands to a parameter that names nothing of a tenant's: a maker by `Class.method.parameter`, else by
the parameter's name."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from cs_ml.domain.actor import Role
from cs_ml.domain.ctas.playbooks import PlannedTask, PlaybookDraft, PlaybookStatus, PlaybookStep
from cs_ml.domain.ctas.values import CtaPriority, CtaType, Dismissal, DismissedBy, Outcome
from cs_ml.domain.jobs import BatchCounts, BatchRequest, BatchRun, Finished
from cs_ml.domain.llm.usage import Fault
from cs_ml.domain.predictions import PredictionType
from cs_ml.domain.truth.backtests import BacktestRequest, BacktestStatus
from cs_ml.engines.rules import RulesEngine
from cs_ml.engines.scorecard import default_scorecard
from cs_ml.services.clock import Moment
from cs_ml.services.work.changes import CtaEdit
from cs_ml.store.learning.models import StoredCalibration, StoredModel
from cs_ml.store.portfolio import Refreshed
from cs_ml.store.tables import CRMActivity, ExternalRef
from cs_ml.store.work.inbox import Days
from tests.support.factories import NOW

AGO = NOW - timedelta(days=60)
_DAYS_AGO = "2026-05-01 00:00:00.000"
_COUNTS = [f"BacktestRepository.{step}.{what}" for step in ("advance", "finish") for what in ("done", "predictions")]

_STEP = PlaybookStep(title="a step", description=None, days_from_start=1)

PLAIN: Mapping[str, Callable[[], Any]] = {
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
    "BatchWork.one_by_one.request": BatchRequest,
    "BatchWork.send.request": BatchRequest,
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
    "look_at": lambda: NOW,
    "ProviderBatchRepository.take_look.now": lambda: NOW + timedelta(days=1),
    "ProviderBatchRepository.take_look.until": lambda: NOW + timedelta(days=2),
    "ProviderBatchRepository.advance.done": lambda: 0,
    "ProviderBatchRepository.advance.to": lambda: 1,
    "ProviderBatchRepository.end.state": lambda: "ended",
    "ProviderBatchRepository.note_file.file": lambda: "file-1",
    "ProviderBatchRepository.note_sent.provider_id": lambda: "batch-1",
    "Collecting.give_up.fault": lambda: Fault.TIMEOUT,
    "Collecting.take.status": lambda: "completed",
    "files": list,
    "lines": lambda: {1: Fault.REFUSED},
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
