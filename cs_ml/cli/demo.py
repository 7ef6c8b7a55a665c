"""Verbs for the demo: seed, example."""

import json
from typing import Annotated

import typer

from cs_ml.bootstrap import Services, open_services
from cs_ml.cli.options import Json
from cs_ml.cli.output import note, plain, show, show_data
from cs_ml.demo.seed import Demo


def register(app: typer.Typer) -> None:
    """Adds these verbs to the command line."""
    demo = typer.Typer(help="Made-up customers to try the product with.", no_args_is_help=True)
    demo.command("seed")(seed)
    demo.command("example")(example)
    app.add_typer(demo, name="demo")


def seed(
    *,
    if_empty: Annotated[bool, typer.Option("--if-empty", help="Do nothing where a tenant is there.")] = False,
    as_json: Json = False,
) -> None:
    """Fill the database with two made-up tenants and print their sign-ins.

    Passwords are made up and shown once, or taken from CS_ML_DEMO_PASSWORD.
    """
    with open_services() as services:
        if if_empty and services.access.has_tenants():
            note("Sign in as before; `cs-ml user password EMAIL` sets a new password.")
            return
        secret = services.settings.demo_password
        users = demo_of(services).seed(services.clock(), secret, note)
    if as_json:
        show_data(users)
        return
    for user in users:
        shown = user.password or "(as before)"
        show(f"{user.tenant:<10} {user.email:<28} {shown:<26} {user.role.lower()}, {user.scope} accounts")


def example(as_json: Json = False) -> None:
    """Name a tenant, its riskiest account and its users, for scripts."""
    with open_services() as services:
        found = demo_of(services).example()
    if as_json:
        show(json.dumps(plain(found)))
        return
    show(f"Tenant {found.tenant}, riskiest account {found.riskiest_account}.")
    show(f"Users: {found.admin}, {found.member}, {found.viewer}.")


def demo_of(services: Services) -> Demo:
    """The demo over these services."""
    return Demo(
        access=services.access,
        importing=services.importing,
        context=services.context,
        batches=services.batches,
        playbooks=services.playbooks,
        validation=services.validation,
    )
