"""Verbs for leaving: purge, tenant export, tenant delete."""

from pathlib import Path
from typing import Annotated

import typer

from cs_ml.bootstrap import open_leaving, open_services
from cs_ml.cli.options import Account, Json, Tenant
from cs_ml.cli.output import show, show_data
from cs_ml.domain.actor import Actor
from cs_ml.services.identity.leaving import require_same

Slug = Annotated[str, typer.Argument(help="The tenant's slug.")]


def register(app: typer.Typer, tenant: typer.Typer) -> None:
    """Adds these verbs to the command line; `tenant` is the group of that name."""
    app.command("purge")(purge)
    tenant.command("export")(export_tenant)
    tenant.command("delete")(delete_tenant)


def purge(account: Account, *, tenant: Tenant, as_json: Json = False) -> None:
    """Remove an account and every row of it, for good."""
    with open_services() as services:
        actor = Actor.system(services.access.tenant_by_slug(tenant).id)
        account_id = services.context.resolve(actor, account)
        services.leaving.purge_account(actor, account_id)
    if as_json:
        show_data({"accountId": account_id})
    else:
        show(f"Account {account_id} and every row of it are gone.")


def export_tenant(
    slug: Slug, file: Annotated[Path, typer.Argument(help="The zip to write; must be new.")], as_json: Json = False
) -> None:
    """Write every row of a tenant into a zip of one JSON-lines file a table."""
    with open_services() as services:
        actor = Actor.system(services.access.tenant_by_slug(slug).id)
        counts = services.leaving.export_tenant(actor, file)
    if as_json:
        show_data({"file": str(file), "rows": counts})
        return
    for table, rows in counts.items():
        show(f"{table}: {rows:,}")


def delete_tenant(
    slug: Slug,
    *,
    confirm: Annotated[str, typer.Option("--confirm", metavar="SLUG", help="The slug once more.")],
    as_json: Json = False,
) -> None:
    """Delete a tenant with every row of it, for good. Uses CS_ML_OWNER_DATABASE_URL if that is set."""
    with open_services() as services:
        tenant = services.access.tenant_by_slug(slug)
    require_same(tenant, confirm)
    with open_leaving() as leaving:
        counts = leaving.delete_tenant(tenant)
    if as_json:
        show_data({"tenant": slug, "rows": counts})
    else:
        show(f"{tenant.name} is gone, with {sum(counts.values()):,} rows.")
