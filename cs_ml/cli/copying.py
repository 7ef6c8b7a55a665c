"""Verbs for copies of an embedded database: backup, restore."""

from pathlib import Path
from typing import Annotated

import typer

from cs_ml.bootstrap import backup_database, restore_database
from cs_ml.cli.options import Json
from cs_ml.cli.output import show, show_data


def register(app: typer.Typer) -> None:
    """Adds these verbs to the command line."""
    app.command("backup")(backup)
    app.command("restore")(restore)


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
