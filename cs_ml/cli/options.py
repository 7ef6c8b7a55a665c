"""Options that many verbs share."""

from typing import Annotated

import typer

Account = Annotated[str, typer.Argument(help="The account's id, or the reference it was imported under.")]
Tenant = Annotated[str, typer.Option("--tenant", help="The tenant's slug.")]
Json = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]
SkipCta = Annotated[bool, typer.Option("--skip-cta", help="Make no CTA, even where the tenant makes them by itself.")]
