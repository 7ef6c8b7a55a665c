"""The verb `import`: a CSV bundle into a tenant, or a template of one."""

import sys
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from cs_ml.bootstrap import Services, open_services
from cs_ml.cli.options import Json, SkipCta
from cs_ml.cli.output import EXIT_INVALID, show, show_data, show_error
from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import Invalid, NotFound
from cs_ml.services.importing import ImportReport, InvalidBundle, write_template

_TERMINAL_S, _LOG_S = 0.2, 5.0  # seconds between two words on progress


def register(app: typer.Typer) -> None:
    """Adds this verb to the command line."""
    app.command("import")(import_bundle)


def import_bundle(
    source: Annotated[Path | None, typer.Argument(help="A folder of CSV files, or a .zip of one.")] = None,
    *,
    tenant: Annotated[str | None, typer.Option("--tenant", help="The tenant's slug.")] = None,
    create_tenant: Annotated[
        str | None, typer.Option("--create-tenant", metavar="NAME", help="Make the tenant if it is not there.")
    ] = None,
    data_date: Annotated[
        str | None, typer.Option("--data-date", metavar="DATE", help="When the undated columns were true.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and count, write nothing.")] = False,
    template: Annotated[
        Path | None, typer.Option("--template", metavar="DIR", help="Write an example bundle into DIR instead.")
    ] = None,
    skip_cta: SkipCta = False,
    as_json: Json = False,
) -> None:
    """Import a CSV bundle: all of it or nothing, and only what is new or changed."""
    if template is not None:
        _write_template(template, as_json=as_json)
        return
    if source is None or tenant is None:
        raise typer.TyperException("Name the bundle and --tenant, or --template DIR.")
    day = _day(data_date)
    with open_services() as services:
        try:
            report, bands = _import(services, source, tenant, create_tenant, day, dry_run=dry_run, skip_cta=skip_cta)
        except InvalidBundle as error:
            _show_faults(error, as_json=as_json)
            raise typer.Exit(EXIT_INVALID) from None
    if as_json:
        show_data({"tenant": tenant, **_plain(report), "bands": bands})
    else:
        _show(report, bands)


def _import(
    services: Services, source: Path, slug: str, name: str | None, day: date | None, *, dry_run: bool, skip_cta: bool
) -> tuple[ImportReport, Mapping[str, int] | None]:
    """What became of the bundle, and accounts per risk band once each has a prediction (None in a dry run)."""
    with _Progress() as progress:
        actor = _find_actor(services, slug)
        if actor is None and name is None:
            raise NotFound(
                f"There is no tenant `{slug}`. Add --create-tenant NAME to make it.", code="TENANT_NOT_FOUND"
            )
        if actor is None:
            report = services.importing.import_new_tenant(
                slug, name or slug, source, data_date=day, dry_run=dry_run, progress=progress.show
            )
        else:
            report = services.importing.import_bundle(
                actor, source, data_date=day, dry_run=dry_run, progress=progress.show
            )
        if dry_run:
            return report, None
        actor = Actor.system(services.access.tenant_by_slug(slug).id)
        return report, services.batches.predict_missing(
            actor, lambda done: progress.show("predicting", done), skip_cta=skip_cta
        )


def _find_actor(services: Services, slug: str) -> Actor | None:
    try:
        return Actor.system(services.access.tenant_by_slug(slug).id)
    except NotFound:
        return None


class _Progress:
    """Words on standard error: one line that changes on a terminal, else a line every few seconds."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._every = _TERMINAL_S if self._terminal else _LOG_S
        self._next = time.monotonic() + self._every
        self._width = 0

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")

    def show(self, what: str, rows: int) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self._every
        words = f"{what}: {rows:,}"
        if self._terminal:
            sys.stderr.write("\r" + words.ljust(self._width))
            self._width = max(self._width, len(words))
        else:
            sys.stderr.write(words + "\n")
        sys.stderr.flush()


def _write_template(folder: Path, *, as_json: bool) -> None:
    files = [path.name for path in write_template(folder)]
    if as_json:
        show_data({"folder": str(folder), "files": files})
    else:
        show(f"Wrote {len(files)} files into {folder}. Fill them, then: cs-ml import {folder} --tenant SLUG")


def _day(text: str | None) -> date | None:
    """Raises Invalid."""
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        expected = "a date such as 2026-03-31"
        fields = {"data_date": expected}
        raise Invalid(f"--data-date must be {expected}, not `{text[:40]}`.", fields=fields) from None


def _show_faults(error: InvalidBundle, *, as_json: bool) -> None:
    if not as_json:
        for fault in error.faults:
            sys.stderr.write(f"{fault}\n")
    more = {"errors": error.faults, "errorCount": error.total}
    show_error(error.message, error.code, fields=error.fields, as_json=as_json, more=more)


def _plain(report: ImportReport) -> dict[str, object]:
    return {
        "dryRun": report.dry_run,
        "dataDate": report.data_date,
        "files": report.files,
        "warnings": report.warnings,
    }


def _show(report: ImportReport, bands: Mapping[str, int] | None) -> None:
    for warning in report.warnings:
        show(f"Warning: {warning}")
    for file in report.files:
        counts = f"{file.new:,} new, {file.changed:,} changed, {file.unchanged:,} unchanged"
        show(f"{file.name}: {file.rows:,} {'row' if file.rows == 1 else 'rows'}, {counts}")
    show(f"Undated values count from {report.data_date} on.")
    if bands is None:
        show("This was a dry run: nothing was written.")
    else:
        show("Accounts by risk of churn: " + ", ".join(f"{band} {count:,}" for band, count in bands.items()))
