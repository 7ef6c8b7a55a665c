"""Verbs around one prediction: context, predict, predictions."""

from typing import Annotated

import typer

from cs_ml.bootstrap import open_services
from cs_ml.cli.output import show

Tenant = Annotated[str, typer.Option("--tenant", help="The tenant's slug.")]
Json = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]


def register(app: typer.Typer) -> None:
    """Adds these verbs to the command line."""
    app.command("context")(context)




def context(account: str, tenant: Tenant, as_json: Json = False) -> None:
    """What is known of ACCOUNT (an id or the imported reference)."""
    with open_services():
        show(account)
