"""Options that many verbs share."""

from typing import Annotated

import typer

Tenant = Annotated[str, typer.Option("--tenant", help="The tenant's slug.")]
Json = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]
