"""Verbs for long work: batch, worker; schedule list, run."""

import time
from datetime import timedelta
from typing import Annotated

import typer

from cs_ml.bootstrap import Services, open_services, serve_metrics
from cs_ml.cli.options import Json, Tenant
from cs_ml.cli.output import note, show, show_data
from cs_ml.domain.actor import Actor
from cs_ml.domain.jobs import BatchFilter, BatchPlan, BatchRequest, BatchRun, ScheduleState
from cs_ml.domain.predictions import PredictionType

_LOOK_S = 0.5
_TELL_S = 5.0

Type = Annotated[PredictionType, typer.Option("--type", case_sensitive=False, help="What is predicted.")]
Filter = Annotated[BatchFilter, typer.Option("--filter", help="Which accounts.")]
OnlyTenant = Annotated[str | None, typer.Option("--tenant", help="Only this tenant, by its slug.")]
Most = Annotated[int | None, typer.Option("--max", help="Accounts at most, the most urgent first. Default: all.")]

Concurrency = Annotated[int, typer.Option(min=1, max=200, help="Calls of a model at once.")]


def register(app: typer.Typer) -> None:
    """Adds these verbs to the command line."""
    app.command("batch")(batch)
    app.command("worker")(worker)
    schedule = typer.Typer(help="What comes back by itself, mostly at night.", no_args_is_help=True)
    schedule.command("list")(list_schedules)
    schedule.command("run")(run_schedule)
    app.add_typer(schedule, name="schedule")


def batch(
    *,
    tenant: Tenant,
    kind: Type = PredictionType.CHURN,
    most: Most = None,
    choice: Filter = BatchFilter.ALL,
    refresh: Annotated[bool, typer.Option("--refresh", help="Also accounts with a valid prediction.")] = False,
    overnight: Annotated[
        bool, typer.Option("--overnight", help="About half the price, answers within a day (CS_ML_LLM_BATCH_API).")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until it is finished.")] = False,
    as_json: Json = False,
) -> None:
    """Predict many accounts; workers do it (on the embedded database the app, or this command with --wait)."""
    request = BatchRequest(type=kind, filter=choice, most=most, refresh=refresh, overnight=overnight)
    with open_services() as services:
        actor = Actor.system(services.access.tenant_by_slug(tenant).id)
        plan = services.runs.plan(actor, request)
        note(_announced(plan, overnight=overnight))
        run = services.runs.start(actor, request)
        if wait:
            run = _watched(services, actor, run)
    if as_json:
        show_data(_answer(run))
    else:
        show(_summary(run))


def worker(*, concurrency: Concurrency = 8) -> None:
    """Work off what waits, until stopped; as many of these on as many machines as you like (with PostgreSQL)."""
    with open_services() as services:
        serve_metrics(services)
        note("Working. Stop with Ctrl+C; what is under way is finished first.")
        try:
            services.workforce.run(services.tasks, concurrency)
        except KeyboardInterrupt:
            note("Stopped.")


def list_schedules(*, tenant: OnlyTenant = None, as_json: Json = False) -> None:
    """What comes back by itself, when (UTC), and when it last succeeded for each tenant."""
    with open_services() as services:
        chosen = None if tenant is None else services.access.tenant_by_slug(tenant).id
        found = [(key, state) for key, state in services.tasks.states() if chosen in (None, key)]
    if as_json:
        show_data([{"tenant": key, **_schedule_answer(state)} for key, state in found])
        return
    for key, state in found:
        ended = f"last succeeded {state.succeeded_at:%Y-%m-%d %H:%M}" if state.succeeded_at else "never ran yet"
        trouble = f", last run failed: {state.error}" if state.error else ""
        show(f"{state.name:<10} {state.cron:<14} {ended}{trouble}  {state.says}  [{key}]")


def run_schedule(
    name: Annotated[str, typer.Argument(help="One of those that `schedule list` shows.")],
    *,
    tenant: OnlyTenant = None,
) -> None:
    """Do it now, whether it is due or not; doing it twice changes nothing."""
    with open_services() as services:
        slugs = services.access.active_tenants()
        for tenant_id in slugs if tenant is None else [services.access.tenant_by_slug(tenant).id]:
            services.schedules.run(Actor.system(tenant_id), name)
            show(f"{name}: done for {tenant_id}.")


def _watched(services: Services, actor: Actor, run: BatchRun) -> BatchRun:
    """Until the run has ended; on the embedded database this process works on it."""
    if not services.workforce.begin(services.tasks):
        note("Waiting for the workers (`cs-ml worker`).")
    if run.request.overnight:
        note("Asked overnight: the answers come within a day. Ctrl+C ends the waiting, not the batch.")
    told = time.monotonic()
    while run.open:
        time.sleep(_LOOK_S)
        run = services.runs.get(actor, run.id)
        if time.monotonic() - told >= _TELL_S:
            note(f"{run.counts.total - run.counts.left} of {run.counts.total}")
            told = time.monotonic()
    return run


def _announced(plan: BatchPlan, *, overnight: bool) -> str:
    cost = "cost not known yet" if plan.cost is None else f"about {plan.cost:.4f} USD" if plan.cost else "no cost"
    length = f", about {timedelta(seconds=round(plan.duration.total_seconds()))}" if plan.duration else ""
    length = ", answered within a day" if overnight else length
    return f"{plan.accounts} accounts, {plan.compute} to compute, {cost}{length}; {plan.left_today} batches left today."


def _summary(run: BatchRun) -> str:
    counts = run.counts
    unknown = f" (and {counts.unknown_cost} of unknown cost)" if counts.unknown_cost else ""
    return (
        f"Batch {run.id} {run.state}: {counts.total} accounts, {counts.done} done ({counts.computed} computed, "
        f"{counts.cached} cached, {counts.fallback} fallback), {counts.failed} failed, {counts.cancelled} cancelled, "
        f"{counts.left} left. Cost {counts.cost:.4f} USD{unknown}."
    )


def _answer(run: BatchRun) -> dict[str, object]:
    counts = run.counts
    return {
        "batchId": run.id,
        "state": run.state,
        "predictionType": run.request.type,
        "priorityFilter": run.request.filter,
        "overnight": run.request.overnight,
        "total": counts.total,
        "done": counts.done,
        "computed": counts.computed,
        "cached": counts.cached,
        "fallback": counts.fallback,
        "failed": counts.failed,
        "cancelled": counts.cancelled,
        "left": counts.left,
        "cost": counts.cost,
        "unknownCost": counts.unknown_cost,
        "errors": run.errors,
        "startedAt": run.started_at,
        "finishedAt": run.finished_at,
    }


def _schedule_answer(state: ScheduleState) -> dict[str, object]:
    return {
        "name": state.name,
        "cron": state.cron,
        "says": state.says,
        "lastStartedAt": state.started_at,
        "lastSucceededAt": state.succeeded_at,
        "error": state.error,
    }
