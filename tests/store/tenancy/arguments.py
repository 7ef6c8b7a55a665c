"""What the sweep hands to a method: a maker by `Class.method.parameter`, else by the parameter's name."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from inspect import Parameter, signature
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cs_ml.domain.ctas.inbox import InboxQuery, Section
from cs_ml.domain.identity.audit_log import AuditQuery
from cs_ml.domain.jobs import Claim, Schedule
from cs_ml.domain.llm.overnight import Entry, ProviderBatch
from cs_ml.domain.policy import RiskBand
from cs_ml.domain.portfolio import PortfolioQuery
from cs_ml.domain.predictions import PredictionType
from cs_ml.engines.rules import RulesEngine
from cs_ml.engines.scorecard import default_scorecard
from cs_ml.services.importing import write_template
from cs_ml.services.learning.lineup import Lineup
from cs_ml.services.learning.quality import SplitRow
from cs_ml.services.operations.batches import BatchLimit
from cs_ml.services.predicting.limits import PredictionLimit
from cs_ml.store.work.suggestions import Sought
from tests.store.tenancy.plain import AGO, PLAIN
from tests.store.tenancy.twins import Named, night_of
from tests.support.factories import NOW

Maker = Callable[[Named], Any]


def _night(named: Named) -> ProviderBatch:
    """Of the account, whoever's it is."""
    return ProviderBatch(
        key=night_of(named),
        run_id=named.run,
        model="a model",
        state="waiting",
        entries=[Entry(account_id=named.account_id, attempt=1, fingerprint="")],
        done=0,
        submitted_at=AGO,
        wait_until=NOW,
        reservation=named.holder,
        provider_id="batch-1",
    )


def _inbox(named: Named) -> InboxQuery:
    return InboxQuery(section=Section.LATER, owner_id=named.user_id)


# Parameters that name something: with these a method is asked for what belongs to the other tenant.
_OF_RUNS = {
    "BatchRepository": "add_items any_waiting cancel claim close find_begun get held is_running leased_until left "
    "moved_since renew reopen spread was_spread",
    "BatchRunService": "cancel get resume retry_failed",
    "BatchWork": "close mend one_by_one predict predict_chunk refuse_unknown send spread",
    "GroupWork": "predict",
    "OvernightWork": "ask",
    "ProviderBatchRepository": "asked hurry looks",
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
    "batch": _night,
    "batch_key": night_of,
    "part": lambda named: dict(enumerate(_night(named).entries, start=1)),
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
# Of these a value is made for the test that needs it: rows that the tenant writes for itself.
NEEDS_A_ROW = {
    "BatchRepository.add_items",
    "CtaRepository.add",
    "HealthScoreRepository.save_reference",
    "PredictionRepository.save",
    "ProviderBatchRepository.add",
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
        if name in PLAIN:
            if parameter.default is Parameter.empty:
                found[parameter.name] = PLAIN[name]()
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
