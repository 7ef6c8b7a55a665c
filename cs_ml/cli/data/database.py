"""Verbs for the database: db upgrade, check, indexes, grants; backup and restore of an embedded one."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from cs_ml.bootstrap import backup_database, open_schema, restore_database
from cs_ml.cli.options import Json
from cs_ml.cli.output import show, show_data
from cs_ml.services.databases import DatabaseReport

_PLURALS = {"table": "tables", "type": "types", "column": "columns"}


def register(app: typer.Typer) -> None:
    """Adds these verbs to the command line."""
    database = typer.Typer(help="The database: its tables, and who may use them.", no_args_is_help=True)
    database.command("upgrade")(upgrade_database)
    database.command("check")(check_database)
    database.command("indexes")(show_indexes)
    database.command("grants")(show_grants)
    app.add_typer(database, name="db")
    app.command("backup")(backup)
    app.command("restore")(restore)


def upgrade_database(*, as_json: Json = False) -> None:
    """Create the tables, or add what is missing beside those of a CRM; safe to repeat.

    Uses CS_ML_OWNER_DATABASE_URL if that is set.
    """
    with open_schema(as_owner=True) as schema:
        added = schema.upgrade()
    if as_json:
        show_data({"added": added})
        return
    if not added:
        show("The schema is current; nothing was changed.")
        return
    counts = Counter(addition.kind for addition in added)
    show("Created " + ", ".join(f"{count} {_PLURALS[kind]}" for kind, count in counts.items()) + ":")
    for addition in added:
        show(f"  {addition.kind} {addition.table + '.' if addition.table else ''}{addition.name}")


def check_database(*, as_json: Json = False) -> None:
    """Say whether the product can work on this database, and how its rows are guarded."""
    with open_schema() as schema:
        report = schema.check()
    if as_json:
        show_data(report)
        return
    for line in _sentences(report):
        show(line)


def show_indexes() -> None:
    """Print SQL for indexes that the tables of an adopted CRM lack. An administrator may run it at any time."""
    with open_schema() as schema:
        for statement in schema.indexes():
            show(statement)


def show_grants(
    *, role: Annotated[str | None, typer.Option(help="Who may work; default: the role of CS_ML_DATABASE_URL.")] = None
) -> None:
    """Print SQL that lets a role work with the tables, to be run by their owner."""
    with open_schema() as schema:
        for statement in schema.grants(role):
            show(statement)


def backup(
    file: Annotated[Path, typer.Argument(help="The copy to write; must be new.")], as_json: Json = False
) -> None:
    """Write a checked copy of the SQLite database, while the app runs."""
    size = backup_database(file)
    if as_json:
        show_data({"file": str(file), "bytes": size})
    else:
        show(f"Wrote {file}: {size:,} bytes, whole.")


def restore(
    file: Annotated[Path, typer.Argument(help="A copy that `cs-ml backup` wrote.")],
    *,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what the database holds.")] = False,
    as_json: Json = False,
) -> None:
    """Put a copy in the SQLite database's place; then run `cs-ml db upgrade`."""
    size = restore_database(file, overwrite=overwrite)
    if as_json:
        show_data({"file": str(file), "bytes": size})
    else:
        show(f"Restored {file}: {size:,} bytes, whole. `cs-ml db upgrade` adds what a newer release needs.")


def _sentences(report: DatabaseReport) -> list[str]:
    door = report.guarded_by_door_alone
    lines = [f"The schema is current ({report.kind}, version {report.version})."]
    if report.adopted:
        lines.append(f"These tables were there before: {', '.join(report.adopted)}.")
    if report.sqlite:
        keys = "on" if report.sqlite.foreign_keys else "off"
        timeout = report.sqlite.busy_timeout_ms
        lines.append(
            f"Foreign keys are {keys}, the journal is {report.sqlite.journal_mode}, writers wait {timeout} ms."
        )
        lines.append("SQLite has no row-level security: the product's tenant filter is the only guard.")
    elif door:
        lines.append(f"Guarded by the product's tenant filter alone, without row-level security: {', '.join(door)}.")
    return [*lines, *(f"Warning: {warning}" for warning in report.warnings)]
