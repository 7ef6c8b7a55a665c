"""Verbs around one account: context, predict, predictions."""

from typing import Annotated

import typer

from cs_ml.bootstrap import open_services
from cs_ml.cli.asking import AsOf, actor_of, end_of
from cs_ml.cli.options import Account, Json, SkipCta, Tenant
from cs_ml.cli.output import show, show_data
from cs_ml.domain.context import AccountContext
from cs_ml.domain.policy import DEFAULT_WINDOW_DAYS
from cs_ml.domain.predictions import DOUBT_SENTENCES, Prediction, PredictionType
from cs_ml.services.predicting.answers import prediction_answer

Type = Annotated[PredictionType, typer.Option("--type", case_sensitive=False, help="What is predicted.")]


def register(app: typer.Typer) -> None:
    """Adds these verbs to the command line."""
    app.command("context")(context)
    app.command("predict")(predict)
    app.command("predictions")(predictions)


def context(account: Account, *, tenant: Tenant, as_of: AsOf = None, as_json: Json = False) -> None:
    """What is known of an account, exactly as a prediction receives it."""
    with open_services() as services:
        actor = actor_of(services, tenant)
        found = services.context.gather_context(
            actor, services.context.resolve(actor, account), None if as_of is None else end_of(as_of)
        )
    if as_json:
        show_data(found)
    else:
        _show_context(found)


def predict(
    account: Account,
    *,
    tenant: Tenant,
    kind: Type = PredictionType.CHURN,
    refresh: Annotated[bool, typer.Option("--refresh", help="Compute anew, even if a valid one is stored.")] = False,
    window: Annotated[int, typer.Option(help="Days to look ahead, 30 to 365.")] = DEFAULT_WINDOW_DAYS,
    as_of: AsOf = None,
    skip_cta: SkipCta = False,
    as_json: Json = False,
) -> None:
    """The risk of an account, why, and what to do; from the store while it is valid."""
    with open_services() as services:
        actor = actor_of(services, tenant)
        found = services.predictions.predict(
            actor,
            services.context.resolve(actor, account),
            kind,
            force_refresh=refresh,
            window_days=window,
            as_of=None if as_of is None else end_of(as_of),
            skip_cta=skip_cta,
        )
    if as_json:
        show_data(prediction_answer(found))
    elif found.health:
        show(found.explanation)
    else:
        _show_prediction(found)


def predictions(
    account: Account,
    *,
    tenant: Tenant,
    kind: Annotated[PredictionType | None, typer.Option("--type", case_sensitive=False, help="Only this type.")] = None,
    active: Annotated[bool, typer.Option("--active", help="Only those in force.")] = False,
    as_json: Json = False,
) -> None:
    """The stored predictions of an account, newest first."""
    with open_services() as services:
        actor = actor_of(services, tenant)
        account_id = services.context.resolve(actor, account)
        found = services.predictions.list(actor, account_id, kind, include_expired=not active)
    if as_json:
        show_data([prediction_answer(one) for one in found])
        return
    for one in found:
        show(
            f"{one.predicted_at:%Y-%m-%d %H:%M}  {one.type:<12} {one.probability:>4.0%}  {one.band:<8} "
            f"{one.provenance.engine:<7} {one.window_days} days  {one.status.lower()}"
        )
    if not found:
        show("No prediction is stored for this account yet. `cs-ml predict` makes one.")


def _show_prediction(found: Prediction) -> None:
    source = found.provenance
    age = "stored" if found.cached else "new"
    show(f"{found.probability:.0%} chance of leaving within {found.window_days} days: {found.band} risk.")
    show(f"Usual here: {found.base_rate:.0%}. Confidence {found.confidence:.2f}. Engine {source.engine} ({age}).")
    if found.raw_probability is not None:
        show(f"The engine alone says {found.raw_probability:.0%}; the chance is adjusted to what happened here.")
    if source.fallback_reason:
        show(f"A better engine could not answer this time: {source.fallback_reason}.")
    if found.unmatched_numbers:
        show(f"Numbers of the explanation that are not in the data: {', '.join(found.unmatched_numbers)}.")
    for doubt in found.doubts:
        show(DOUBT_SENTENCES[doubt])
    show("")
    for factor in found.factors:
        points = "" if factor.points is None else f"{factor.points * 100:+5.1f} points  "
        show(f"  {points}{factor.factor}: {factor.current_value} [{', '.join(factor.evidence)}]")
    for factor in found.protective:
        points = f"{factor.points * 100:+5.1f} points" if factor.points else " protective "
        show(f"  {points}  {factor.factor}: {factor.current_value}")
    show("")
    for advice in found.recommendations:
        show(f"  -> {advice.action} ({advice.timeframe}). {advice.rationale}")
    for gap in found.missing:
        show(f"  ! {gap}")
    if found.new_facts_since:
        show(f"{found.new_facts_since} new facts since this prediction; --refresh takes them in.")


def _show_context(found: AccountContext) -> None:
    profile = found.profile
    show(f"{profile.name} ({profile.reference or profile.account_id}) as of {found.as_of:%Y-%m-%d %H:%M} UTC")
    for metric in found.metrics:
        show(f"  {metric.id} {metric.label}: {'unknown' if metric.value is None else f'{metric.value:g}'}")
    show(
        f"  {len(found.health)} health points, {len(found.activities)} activities, {len(found.ctas)} open CTAs, "
        f"{len(found.opportunities)} opportunities"
    )
    show(f"  complete: {found.completeness.score:.0%} {' '.join(found.completeness.missing)}")
