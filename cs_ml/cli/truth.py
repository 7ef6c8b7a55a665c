"""Verbs about what became of predictions: validate, accuracy, backtest."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import typer

from cs_ml.bootstrap import open_services
from cs_ml.cli.asking import actor_of, end_of
from cs_ml.cli.options import Json, Tenant
from cs_ml.cli.output import camel, note, show, show_data
from cs_ml.domain.errors import Invalid
from cs_ml.domain.policy import DEFAULT_WINDOW_DAYS
from cs_ml.domain.predictions import EngineName, PredictionType
from cs_ml.domain.truth.backtests import BacktestRequest
from cs_ml.domain.truth.outcomes import UNJUDGED_SENTENCES, OutcomeCounts, Unjudged
from cs_ml.services.truth.backtests import BacktestReport
from cs_ml.services.truth.validation import ValidationReport

_SHOWN = {
    "skill": "Brier skill against the base rate",
    "brier": "Brier score",
    "log_loss": "Log loss",
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "ece": "Calibration error (ECE)",
    "lift10": "Lift of the top 10 %",
}


def register(app: typer.Typer) -> None:
    """Adds these verbs to the command line."""
    app.command("validate")(validate)
    app.command("accuracy")(accuracy)
    app.command("backtest")(backtest)


def validate(*, tenant: Tenant, as_json: Json = False) -> None:
    """Judge the predictions whose time has passed or whose customer has left; safe to repeat."""
    with open_services() as services:
        report = services.validation.validate(actor_of(services, tenant))
    if as_json:
        show_data(_validation_answer(report))
    else:
        _show_validation(report)


def accuracy(
    *,
    tenant: Tenant,
    kind: Annotated[PredictionType | None, typer.Option("--type", case_sensitive=False, help="Only this type.")] = None,
    backtests: Annotated[bool, typer.Option("--backtest", help="Of backtests in the place of live ones.")] = False,
    as_json: Json = False,
) -> None:
    """How often predictions were right, among those that are judged."""
    with open_services() as services:
        found = services.accuracy.summary(actor_of(services, tenant), kind, replays=backtests)
    if as_json:
        headline = {name: _figures(one) for name, one in found.headline.items()}
        answer = {**asdict(found), "by_type": found.by_type, "unjudged": _reasons(found.unjudged)}
        show_data({camel(name): value for name, value in answer.items()} | {"headline": headline})
        return
    show(f"{found.total_predictions} predictions, {found.validated_count} judged, {found.open_count} still open.")
    if found.accuracy is not None:
        show(f"{found.accurate_count} of {found.validated_count} were right ({found.accuracy:.1%}).")
    for name, one in found.headline.items():
        show(f"\n{name}, one prediction per customer and window:")
        _show_figures(one)


def backtest(
    *,
    tenant: Tenant,
    engine: Annotated[str, typer.Option("--engine", help="rules, learned or llm.")],
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="The first day.")],
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="No day after this one.")],
    every: Annotated[str, typer.Option("--every", metavar="DAYS", help="The step, such as 30d.")] = "30d",
    window: Annotated[int, typer.Option(help="Days to look ahead, 30 to 365.")] = DEFAULT_WINDOW_DAYS,
    store: Annotated[
        bool, typer.Option("--store", help="Keep the predictions for the Accuracy page; the same again goes on.")
    ] = False,
    max_calls: Annotated[int | None, typer.Option(help="Of a language model, at most.")] = None,
    max_cost: Annotated[float | None, typer.Option(help="US dollars for a language model, at most.")] = None,
    as_json: Json = False,
) -> None:
    """Predict the past again with only what was known on each day, and compare with what came."""
    request = BacktestRequest(
        engine=_engine(engine),
        first=end_of(first, "from").date(),
        last=end_of(last, "to").date(),
        every_days=_days(every),
        window_days=window,
        max_calls=max_calls,
        max_cost=None if max_cost is None else Decimal(str(max_cost)),
    )
    with open_services() as services:
        report = services.backtests.run(actor_of(services, tenant), request, store=store, progress=_progress)
    if as_json:
        show_data(_backtest_answer(report))
    else:
        _show_backtest(report)


def _progress(day: date, done: int) -> None:
    note(f"{day}: {done:,} predictions")


def _engine(name: str) -> EngineName:
    match name.strip().lower():
        case "rules":
            return "rules"
        case "learned":
            return "learned"
        case "llm":
            return "llm"
        case _:
            expected = "rules, learned or llm"
            raise Invalid(f"--engine must be {expected}, not `{name[:40]}`.", fields={"engine": expected})


def _days(text: str) -> int:
    number = text.strip().lower().removesuffix("d")
    if not (number.isascii() and number.isdigit() and 0 < int(number[:9]) < 10_000):
        expected = "a number of days such as 30d"
        raise Invalid(f"--every must be {expected}, not `{text[:40]}`.", fields={"every": expected})
    return int(number)


def _reasons(unjudged: Mapping[Unjudged, int]) -> dict[str, int]:
    return {why.name.lower(): number for why, number in unjudged.items() if why is not Unjudged.OPEN}


def _counts_answer(counts: OutcomeCounts) -> dict[str, Any]:
    return {
        "judged": counts.judged,
        "churned": counts.churned,
        "accurate": counts.accurate,
        "open": counts.open,
        "cannotBeJudged": _reasons(counts.unjudged),
    }


def _validation_answer(report: ValidationReport) -> dict[str, Any]:
    return {
        "validated": report.validated,
        "withdrawn": report.withdrawn,
        "churnCompleteUntil": report.complete_until,
        "live": _counts_answer(report.live),
        "backtests": _counts_answer(report.replayed),
    }


def _show_validation(report: ValidationReport) -> None:
    show(f"{report.validated} predictions were judged now; {report.withdrawn} lost an outcome that is known no more.")
    for name, counts in (("Live predictions", report.live), ("Backtests", report.replayed)):
        if counts.total:
            show(f"{name}: {counts.judged} judged, {counts.open} still open, {counts.never} cannot be judged.")
            _show_reasons(counts.unjudged)
    if report.complete_until is None:
        show(
            "No churn date was ever recorded, so nobody can be said to have stayed. If nobody left, say up to when that"
            " is known: cs-ml tenant set SLUG churn_complete_until DATE"
        )
    else:
        show(f"A customer without a churn date has stayed up to {report.complete_until}.")


def _show_reasons(unjudged: Mapping[Unjudged, int]) -> None:
    for why, number in unjudged.items():
        if why is not Unjudged.OPEN:
            show(f"  {number}: {UNJUDGED_SENTENCES[why]}")


def _figures(found: Any) -> dict[str, Any]:
    figures = {
        camel(name): {"value": one.value, "low": one.low, "high": one.high} for name, one in found.figures.items()
    }
    return {"n": found.n, "accounts": found.accounts, "churned": found.churned, "baseRate": found.base_rate, **figures}


def _show_figures(found: Any) -> None:
    show(f"  {found.n} predictions of {found.accounts} customers, {found.churned} left.")
    for name, label in _SHOWN.items():
        one = found.figures[name]
        if one.value is not None:
            span = f" [{one.low:.3f}, {one.high:.3f}]" if one.low is not None else ""
            show(f"  {label}: {one.value:.3f}{span}")


def _backtest_answer(report: BacktestReport) -> dict[str, Any]:
    request = report.request
    return {
        "engine": request.engine,
        "from": request.first,
        "to": request.last,
        "everyDays": request.every_days,
        "windowDays": request.window_days,
        "stored": report.stored,
        "finished": report.finished,
        "predictions": report.predictions,
        "failed": report.failed,
        "open": report.unjudged.get(Unjudged.OPEN, 0),
        "cannotBeJudged": _reasons(report.unjudged),
        "approximate": report.approximate,
        "dates": report.dates,
        "withoutEngine": report.without_engine,
        "headline": _figures(report.headline),
        "every": _figures(report.every),
    }


def _show_backtest(report: BacktestReport) -> None:
    if not report.finished:
        show("Stopped before the end. The same backtest with --store goes on where it stopped.")
    for one in report.dates:
        show(f"{one.day}: {one.predictions} predicted, {one.judged} judged, {one.churned} left")
    for day in report.without_engine:
        show(f"{day}: the engine could not have served then; too few outcomes were known")
    if report.failed:
        show(f"{report.failed} customers got no answer.")
    _show_reasons(report.unjudged)
    show("One prediction per customer and window:")
    _show_figures(report.headline)
    show("Every prediction:")
    _show_figures(report.every)
