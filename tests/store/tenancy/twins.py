"""Two tenants of the same shape, and what a caller may know of the other one."""

import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from cs_ml.domain.actor import Actor
from cs_ml.domain.jobs import BatchCounts, BatchRequest, BatchRun
from cs_ml.domain.llm.overnight import Entry, ProviderBatch
from cs_ml.domain.predictions import PredictionType
from cs_ml.store.database import Database
from cs_ml.store.identity.tenant_settings import TenantSettingRepository
from cs_ml.store.operations.batches import BatchRepository
from cs_ml.store.operations.provider_batches import ProviderBatchRepository
from cs_ml.store.operations.schedules import ScheduleRepository
from cs_ml.store.predictions import PredictionRepository
from cs_ml.store.scope import Scope
from cs_ml.store.tables import CTA, Base, CTATask, Pipeline, Playbook, PlaybookTask, SalesPipelineStage
from tests.support.factories import (
    NOW,
    SUGGESTED,
    add_account,
    add_activity,
    add_backtest,
    add_churn,
    add_contact,
    add_cta,
    add_fact,
    add_health,
    add_opportunity,
    add_outcome,
    add_playbook,
    add_prediction,
    add_reference,
    add_snapshot,
    add_stage,
    add_task,
    add_user,
)

SECRET = "Zwilling"  # in every text of the other tenant
_IDS = re.compile(r"\b(55|77|99)0\d{3}\b")  # those of the tenants begin at 550001 and 770001, and 990001 is missing


@dataclass(frozen=True, kw_only=True)
class Named:
    """What a method may be asked for: things of the other tenant, or things that do not exist at all."""

    account_id: int
    user_id: int
    pipeline_id: int
    activity_id: int
    churn_id: int
    backtest_id: int
    cta_id: int
    task_id: int
    playbook_id: int
    prediction_id: int
    ref: str
    holder: str
    pipeline: str
    run: str

    def hidden(self, outcome: str) -> str:
        """`outcome` without the names that it was asked for."""
        for value in (self.ref, self.holder, self.pipeline, self.run):
            outcome = outcome.replace(value, "<name>")
        return _IDS.sub("<id>", outcome)


MISSING = Named(
    account_id=990_001,
    user_id=990_002,
    pipeline_id=990_003,
    activity_id=990_004,
    churn_id=990_005,
    backtest_id=990_006,
    cta_id=990_005,
    task_id=990_006,
    playbook_id=990_007,
    prediction_id=990_008,
    ref="nowhere",
    holder="nobody",
    pipeline="nopipeline",
    run="norun",
)


def night_of(named: Named) -> str:
    """The batch at the provider of the run."""
    return named.run.replace("-run", "-night")


def populate(database: Database, actor: Actor, word: str, first_id: int, *, house: str | None = None) -> Named:
    """Fills a tenant; its ids begin at `first_id` and all its texts hold `word`.

    `house`: the word in what is the tenant's and not the account's, if that is another.
    """
    house = house or word
    user = add_user(database, id=first_id + 1, name=f"{house} Owner", email=f"owner@{house.lower()}.example")
    account = add_account(database, actor, id=first_id, name=f"{word} Ltd", owner_id=user)
    stage = add_stage(database, actor, name=f"{house} stage")
    add_reference(database, actor, account, f"{word}-1")
    add_contact(database, actor, account, first_name=word)
    activity = add_activity(database, actor, account, id=first_id + 3, subject=f"{word} call")
    add_health(database, actor, account, calculation_notes=word)
    playbook = add_playbook(database, actor, 1, id=first_id + 6, name=house, category=house)
    cta = add_cta(database, actor, account, id=first_id + 4, title=f"{word} task", playbook_id=playbook)
    add_task(database, cta, id=first_id + 5, title=word)
    add_opportunity(database, actor, account, name=f"{word} deal", stage_id=stage)
    add_fact(database, actor, account, arr=Decimal(777_777), segment=word, plan=word)
    add_snapshot(database, actor, account, NOW - timedelta(days=1), type="CUSTOMER")
    add_outcome(database, actor, account)
    churn = add_churn(
        database,
        actor,
        account,
        id=first_id + 4,
        churned_at=NOW - timedelta(days=400),
        reason=word,
        type_before="CUSTOMER",
    )
    backtest = add_backtest(database, actor, id=first_id + 5)
    suggested = {"id": first_id + 7, "suggested_cta": {**SUGGESTED, "title": word}, "category": "high"}
    add_prediction(database, actor, account, explanation=word, drivers=[word], **suggested)
    with database.write(actor) as scope:
        _add_run(scope, house, account)
        TenantSettingRepository(scope).save("zone", "Asia/Tokyo", NOW)
        PredictionRepository(scope).claim(
            account, PredictionType.CHURN, 90, holder=f"{word}-holder", now=NOW, until=NOW + timedelta(minutes=1)
        )
        row = {"id": first_id + 2, "name": f"{house} pipeline", "updatedAt": NOW}
        pipeline = scope.insert_returning_ids(Pipeline, [row])[0]
    return Named(
        account_id=account,
        user_id=user,
        pipeline_id=pipeline,
        activity_id=activity,
        churn_id=churn,
        backtest_id=backtest,
        cta_id=first_id + 4,
        task_id=first_id + 5,
        playbook_id=first_id + 6,
        prediction_id=first_id + 7,
        ref=f"{word}-1",
        holder=f"{word}-holder",
        pipeline=f"{house} pipeline",
        run=f"{house}-run",
    )


def _add_run(scope: Scope, word: str, account: int) -> None:
    """A batch with one account, and a night."""
    run = BatchRun(
        id=f"{word}-run",
        request=BatchRequest(),
        state="running",
        counts=BatchCounts(total=1),
        errors={},
        user_id=None,
        started_at=NOW,
        finished_at=None,
    )
    batches = BatchRepository(scope)
    batches.add(run, f"{word}-key", scheduled=False)
    batches.add_items(run.id, [account])
    night = ProviderBatch(
        key=f"{word}-night",
        run_id=run.id,
        model="a model",
        state="submitting",
        entries=[Entry(account_id=account, attempt=1, fingerprint=word)],
        done=0,
        submitted_at=NOW,
        wait_until=NOW,
        reservation=None,
    )
    ProviderBatchRepository(scope).add(night, NOW)
    ScheduleRepository(scope).begin("night", NOW)


def rows_of(connection: Any, actor: Actor) -> dict[str, list[Any]]:
    """Everything that a tenant has, by table."""
    found = {
        table.name: connection.execute(select(table).where(table.c.tenantId == actor.tenant_id)).all()
        for table in Base.metadata.sorted_tables
        if "tenantId" in table.c
    }
    pipelines = Pipeline.__table__
    mine = select(pipelines.c.id).where(pipelines.c.tenantId == actor.tenant_id)
    stages: Any = SalesPipelineStage.__table__
    found["stages"] = connection.execute(select(stages).where(stages.c.pipelineId.in_(mine))).all()
    for child, parent, key in ((CTATask, CTA, "ctaId"), (PlaybookTask, Playbook, "playbookId")):
        children: Any = child.__table__
        parents: Any = parent.__table__
        own = select(parents.c.id).where(parents.c.tenantId == actor.tenant_id)
        found[child.__name__] = connection.execute(select(children).where(children.c[key].in_(own))).all()
    return {name: sorted(map(repr, rows)) for name, rows in found.items()}


def populated_tables(rows: dict[str, list[Any]]) -> int:
    return sum(bool(found) for found in rows.values())
