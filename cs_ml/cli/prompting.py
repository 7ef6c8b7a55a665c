"""Verbs around what a language model is sent: prompts check, prompts cost, llm preview."""

from pathlib import Path
from typing import Annotated

import typer

from cs_ml.bootstrap import open_services
from cs_ml.cli.options import Account, Json, Tenant
from cs_ml.cli.output import show, show_data
from cs_ml.domain.actor import Actor
from cs_ml.services.llm.prompts import check_prompts


def register(app: typer.Typer) -> None:
    """Adds these verbs to the command line."""
    prompts = typer.Typer(help="The texts that a language model is sent.", no_args_is_help=True)
    prompts.command("check")(check)
    prompts.command("cost")(cost)
    app.add_typer(prompts, name="prompts")
    llm = typer.Typer(help="What a language model would be asked.", no_args_is_help=True)
    llm.callback()(_group)
    llm.command("preview")(preview)
    app.add_typer(llm, name="llm")


def _group() -> None:
    """Keeps `preview` a verb of its own, though it is the only one."""


def check(
    folder: Annotated[Path | None, typer.Option(help="Another folder of prompts; default: those in use.")] = None,
    as_json: Json = False,
) -> None:
    """Render every prompt with a made-up customer; ends with 4 where a variable is unused or missing."""
    versions = check_prompts(folder) if folder else check_prompts()
    if as_json:
        show_data(versions)
        return
    for name, version in versions.items():
        show(f"{name:<16} {version}  fine")


def cost(account: Account, *, tenant: Tenant, as_json: Json = False) -> None:
    """Count the tokens of each part of the prompt about an account."""
    with open_services() as services:
        actor = Actor.system(services.access.tenant_by_slug(tenant).id)
        found = services.prompts.cost(actor, services.context.resolve(actor, account))
    if as_json:
        show_data(found)
        return
    for name, tokens in found.parts.items():
        show(f"{name:<12} {tokens:>6}")
    show(f"{'total':<12} {found.total:>6}  tokens, {found.method}")


def preview(account: Account, *, tenant: Tenant, as_json: Json = False) -> None:
    """Print exactly what a language model would be sent about an account."""
    with open_services() as services:
        actor = Actor.system(services.access.tenant_by_slug(tenant).id)
        found = services.prompts.preview(actor, services.context.resolve(actor, account))
    if as_json:
        show_data(found)
        return
    for message in found.messages:
        show(f"--- {message.role}\n{message.content}")
    hidden = ", ".join(f"{count} {kind}" for kind, count in found.hidden.items())
    free_text = "with" if found.free_text else "without"
    show(f"--- prompt {found.prompt_version}, {free_text} free text; behind placeholders: {hidden}")
