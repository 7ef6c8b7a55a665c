"""Who asks, and as of when: what the verbs around one account share."""

from datetime import UTC, datetime, time
from typing import Annotated

import typer

from cs_ml.bootstrap import Services
from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import Invalid

AsOf = Annotated[str | None, typer.Option("--as-of", help="See the world as of the end of this day (UTC).")]


def actor_of(services: Services, slug: str) -> Actor:
    """The whole tenant. Raises NotFound."""
    return Actor.system(services.access.tenant_by_slug(slug).id)


def end_of(day: str, option: str = "as_of") -> datetime:
    """The last millisecond of an ISO day, UTC. Raises Invalid, which names the option."""
    try:
        parsed = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        expected = "a date such as 2026-03-31"
        shown = f"--{option.replace('_', '-')}"
        raise Invalid(f"{shown} must be {expected}, not `{day[:40]}`.", fields={option: expected}) from error
    return datetime.combine(parsed.date(), time(23, 59, 59, 999000), UTC)
