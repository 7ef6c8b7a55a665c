"""Verbs around the health score: health, health-backtest, explain."""

from typing import Annotated

import typer

from cs_ml.bootstrap import open_services
from cs_ml.cli.asking import AsOf, actor_of, end_of
from cs_ml.cli.options import Account, Json, Tenant
from cs_ml.cli.output import show, show_data
from cs_ml.domain.health.changes import Change
from cs_ml.domain.health.insights import HealthInsights
from cs_ml.domain.predictions import Prediction, PredictionType
from cs_ml.services.health.answers import backtest_answer, changes_answer, health_answer


def register(app: typer.Typer) -> None:
    """Adds these verbs to the command line."""
    app.command("health")(health)
    app.command("health-backtest")(health_backtest)
    app.command("explain")(explain)


def health(
    account: Account,
    *,
    tenant: Tenant,
    refresh: Annotated[bool, typer.Option("--refresh", help="Compute anew, even if a valid one is stored.")] = False,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """What the health score does, what stands out, and where it will be in 30 days."""
    with open_services() as services:
        actor = actor_of(services, tenant)
        found = services.predictions.predict(
            actor,
            services.context.resolve(actor, account),
            PredictionType.HEALTH_TREND,
            force_refresh=refresh,
            as_of=None if as_of is None else end_of(as_of),
        )
    if as_json:
        show_data(health_answer(found))
    elif found.health:
        _show_insights(found, found.health)


def health_backtest(*, tenant: Tenant, as_json: Json = False) -> None:
    """How good the 30-day forecasts of the score would have been, beside two simple ones."""
    with open_services() as services:
        found = services.health_backtest.run(actor_of(services, tenant))
    if as_json:
        show_data(backtest_answer(found))
        return
    show("Score 30 days ahead; the interval should hold 80 % of what came, and a smaller interval score is better.")
    for name, figures in found.models.items():
        show(
            f"  {name:<7} n {figures.n:>6}  mean error {figures.mae:5.2f} points  "
            f"held {figures.coverage_80:.1%}  interval score {figures.interval_score_80:6.2f}"
        )
    drop = found.drop
    show(f"Chance of a drop: Brier {drop.brier:.4f}, of the usual rate {drop.base_rate_brier:.4f} (n {drop.n}).")


def explain(
    account: Account,
    *,
    tenant: Tenant,
    since: Annotated[str, typer.Option("--from", metavar="DATE", help="The end of this day (UTC) is compared ...")],
    until: Annotated[str, typer.Option("--to", metavar="DATE", help="... with the end of this one.")],
    as_json: Json = False,
) -> None:
    """What changed between two dates and why, in parts that add up."""
    first, last = end_of(since, "from"), end_of(until, "to")
    with open_services() as services:
        actor = actor_of(services, tenant)
        account_id = services.context.resolve(actor, account)
        found = services.explanations.explain(actor, account_id, first, last)
    if as_json:
        show_data(changes_answer(account_id, found))
        return
    name = "Health score (derived)" if found.derived else "Health score"
    if found.health:
        _show_change(name, found.health)
    else:
        show(found.no_health)
    _show_change(f"Chance of leaving within {found.window_days} days, %", found.churn)


def _show_change(name: str, change: Change) -> None:
    show(f"{name}: {change.before} to {change.after}, {change.points:+} points.")
    for part in change.parts:
        held = "" if part.before is None else f"  ({part.before} to {part.after})"
        show(f"  {part.points:+6}  {part.label}{held}")
    show(f"  {change.note}")


def _show_insights(prediction: Prediction, found: HealthInsights) -> None:
    show(prediction.explanation)
    source = prediction.provenance
    if found.words is not None:
        show(f"  (In the words of {source.model}; every figure below is of the statistics.)")
    if prediction.unmatched_numbers:
        show(f"  Not found in the data: {', '.join(prediction.unmatched_numbers)}.")
    if source.fallback_reason:
        show(f"  The language model gave no words this time: {source.fallback_reason}.")
    for insight in found.insights:
        show(f"  {insight.insight} {insight.suggested_action}".rstrip())
    for number, anomaly in enumerate(found.anomalies):
        show(f"  {anomaly.ended:%Y-%m-%d}  {anomaly.meaning:<7}  {anomaly.description}")
        named = [cause.text for cause in found.words.causes if cause.anomaly == number] if found.words else []
        for cause in (*anomaly.possible_causes, *named):
            show(f"              {cause}")
