"""Verbs about learning: train, champion, bench-quality."""

from pathlib import Path
from typing import Annotated

import typer

from cs_ml.bootstrap import open_scratch, open_services
from cs_ml.cli.options import Json, Tenant
from cs_ml.cli.output import note, show, show_data
from cs_ml.domain.actor import Actor
from cs_ml.domain.policy import DEFAULT_WINDOW_DAYS
from cs_ml.services.learning.leaderboard import Leaderboard
from cs_ml.services.learning.quality import Quality
from cs_ml.services.learning.training import TrainingReport

_SLUG = "quality"


def register(app: typer.Typer) -> None:
    """Adds these verbs to the command line."""
    app.command("train")(train)
    app.command("champion")(champion)
    app.command("bench-quality")(bench_quality)


def train(*, tenant: Tenant, as_json: Json = False) -> None:
    """Learn from a tenant's own outcomes: its model, and how the other engines' chances are adjusted."""
    with open_services() as services:
        report = services.training.train(Actor.system(services.access.tenant_by_slug(tenant).id))
    if as_json:
        show_data(report)
    else:
        _show_training(report)


def champion(*, tenant: Tenant, as_json: Json = False) -> None:
    """Which engine was best on judged predictions; settles what the champion `auto` means."""
    with open_services() as services:
        board = services.leaderboard.settle(Actor.system(services.access.tenant_by_slug(tenant).id))
    if as_json:
        show_data(board)
    else:
        _show_board(board, tenant)


def bench_quality(
    bundle: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="A bundle's folder with a split.csv.")],
    *,
    window: Annotated[int, typer.Option(help="Days to look ahead, 30 to 365.")] = DEFAULT_WINDOW_DAYS,
    train_outcomes: Annotated[int | None, typer.Option(min=1, help="Train on so many random ones, five times.")] = None,
    as_json: Json = False,
) -> None:
    """Measure every engine on a bundle whose outcomes are known, in a database of its own."""
    with open_scratch() as services:
        services.importing.import_new_tenant(_SLUG, "Quality", bundle)
        note("imported")
        actor = Actor.system(services.access.tenant_by_slug(_SLUG).id)
        found = services.quality.measure(actor, bundle, window_days=window, outcomes=train_outcomes, progress=note)
    if as_json:
        answer = {"n_train": found.n_train, "n_test": found.n_test, "base_rate": found.base_rate}
        show_data({**answer, "models": found.models})
    else:
        _show_quality(found)


def _show_training(report: TrainingReport) -> None:
    show(report.says)
    show(f"{report.rows} judged windows, {report.churned} of them left. Model {report.version} ({report.kind}).")
    for kind, loss in report.losses.items():
        show(f"  {kind:<10} log loss {loss:.4f} in the validation")
    for one in report.calibrations:
        what = one.method or "not adjusted, too few outcomes"
        show(f"Chances of {one.engine}: {what} ({one.outcomes} outcomes, {one.churned} left).")


def _show_board(board: Leaderboard, slug: str) -> None:
    for place, one in enumerate(board.places, start=1):
        skill = "too few to tell" if one.skill is None else f"Brier skill {one.skill:+.3f}"
        show(f"{place}. {one.engine}: {skill} on {one.n} judged predictions, {one.churned} left.")
    if not board.places:
        show("No prediction is judged yet. `cs-ml validate` judges those whose time has passed.")
    show(f"Champion: {board.champion or 'by the usual order'}; `cs-ml tenant set {slug} champion auto` follows this.")


def _show_quality(found: Quality) -> None:
    show(f"{found.n_train} outcomes to learn from, {found.n_test} to test on, {found.base_rate:.1%} of them left.")
    for name, figures in found.models.items():
        show(name)
        for figure, span in figures.items():
            if span["value"] is not None:
                ends = "" if span["low"] is None else f" [{span['low']:.3f}, {span['high']:.3f}]"
                show(f"  {figure:<9} {span['value']:.4f}{ends}")
    for says in dict.fromkeys(found.says):
        show(says)
