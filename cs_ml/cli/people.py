"""Verbs for people and tenants: user add, password, disable, enable, sessions, reset; tenant set, show."""

import select
import sys
from typing import Annotated, Any

import typer

from cs_ml.bootstrap import open_services
from cs_ml.cli.data import leaving
from cs_ml.cli.options import Json, Tenant
from cs_ml.cli.output import show, show_data
from cs_ml.domain.actor import AccountScope, Actor, Role
from cs_ml.domain.identity.people import Tenant as TenantValue
from cs_ml.services.identity.access import ISSUED_HOURS, AddedUser
from cs_ml.services.identity.sessions import IDLE

_STDIN_WAIT_S = 2.0  # an open pipe that nobody writes to is no password
Email = Annotated[str, typer.Argument(help="The user's e-mail address.")]
Slug = Annotated[str, typer.Argument(help="The tenant's slug.")]


def register(app: typer.Typer) -> None:
    """Adds these verbs to the command line."""
    user = typer.Typer(help="Users and their access.", no_args_is_help=True)
    user.command("add")(add_user)
    user.command("password")(set_password)
    user.command("disable")(disable_user)
    user.command("enable")(enable_user)
    user.command("sessions")(show_sessions)
    user.command("reset")(reset_user)
    app.add_typer(user, name="user")
    tenant = typer.Typer(help="Settings of a tenant.", no_args_is_help=True)
    tenant.command("set")(set_tenant)
    tenant.command("show")(show_tenant)
    leaving.register(app, tenant)
    app.add_typer(tenant, name="tenant")


def add_user(
    email: Email,
    *,
    tenant: Tenant,
    role: Annotated[Role, typer.Option(case_sensitive=False, help="What the user may do in this tenant.")],
    scope: Annotated[AccountScope, typer.Option(help="All accounts, or only those that the user owns.")] = "all",
    name: Annotated[str | None, typer.Option(help="The user's name; default: the address before the @.")] = None,
    as_json: Json = False,
) -> None:
    """Give a new or known user a place in a tenant.

    The password is read from standard input; without one there, it is made up, printed once, and holds for 72 hours:
    whoever signs in with it chooses another.
    """
    password = _password_from_input()
    with open_services() as services:
        actor = Actor.system(services.access.tenant_by_slug(tenant).id)
        added = services.access.add_user(actor, email, role=role, scope=scope, name=name, password=password)
    if as_json:
        show_data(_plain_user(added))
        return
    accounts = "all accounts" if added.scope == "all" else "the accounts that they own"
    show(f"{added.person.email} is {added.role.lower()} of {added.tenant.name}, with {accounts}.")
    if added.password_kept:
        show("The user was known before, and the password stays as it is. `cs-ml user password` sets a new one.")
    if added.password:
        _show_issued(added.password)


def set_password(email: Email, as_json: Json = False) -> None:
    """Set a new password, from standard input or made up for 72 hours; ends the user's sessions."""
    password = _password_from_input()
    with open_services() as services:
        made_up = services.access.set_password(email, password)
    if as_json:
        show_data({"email": email, "password": made_up, "passwordHours": ISSUED_HOURS if made_up else None})
        return
    show(f"The password of {email} is changed.")
    if made_up:
        _show_issued(made_up)


def disable_user(email: Email, as_json: Json = False) -> None:
    """Switch a user off: no sign-in, and every session ends."""
    _switch(email, disabled=True, as_json=as_json)


def enable_user(email: Email, as_json: Json = False) -> None:
    """Let a user that was switched off sign in again."""
    _switch(email, disabled=False, as_json=as_json)


def show_sessions(email: Email, as_json: Json = False) -> None:
    """List the browsers that a user is signed in with; `cs-ml user reset` ends them."""
    with open_services() as services:
        found = services.access.open_sessions(email, idle=IDLE)
    if as_json:
        show_data([{"since": one.created_at, "lastSeen": one.last_seen_at, "until": one.expires_at} for one in found])
        return
    for one in found:
        show(
            f"since {one.created_at:%Y-%m-%d %H:%M}, last seen {one.last_seen_at:%H:%M}, "
            f"until {one.expires_at:%Y-%m-%d %H:%M} UTC"
        )
    if not found:
        show(f"{email} is not signed in.")


def reset_user(email: Email, as_json: Json = False) -> None:
    """End every session of a user and forget the failed sign-ins; the password stays."""
    with open_services() as services:
        services.access.reset(email)
    if as_json:
        show_data({"email": email})
    else:
        show(f"{email} is signed out everywhere and may sign in again.")


def set_tenant(
    slug: Slug,
    key: Annotated[str, typer.Argument(help="The setting's name; `cs-ml tenant show` lists them.")],
    value: Annotated[str, typer.Argument(help="The new value; `default` removes the tenant's own.")],
    as_json: Json = False,
) -> None:
    """Change one setting of a tenant."""
    with open_services() as services:
        found = services.access.tenant_by_slug(slug)
        settings = services.tenant_settings.set(Actor.system(found.id), key, value)
    _show_settings(found, settings.plain(), as_json=as_json)


def show_tenant(slug: Slug, as_json: Json = False) -> None:
    """Show the settings of a tenant."""
    with open_services() as services:
        found = services.access.tenant_by_slug(slug)
        settings = services.tenant_settings.settings_of(Actor.system(found.id))
    _show_settings(found, settings.plain(), as_json=as_json)


def _show_issued(password: str) -> None:
    show(f"It holds for {ISSUED_HOURS} hours: whoever signs in with it by then chooses a password of their own.")
    show(f"Password (shown once): {password}")


def _switch(email: str, *, disabled: bool, as_json: bool) -> None:
    with open_services() as services:
        services.access.set_disabled(email, disabled=disabled)
    if as_json:
        show_data({"email": email, "disabled": disabled})
    else:
        show(f"{email} can{'not' if disabled else ''} sign in{'' if disabled else ' again'}.")


def _show_settings(tenant: TenantValue, settings: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_data({"tenant": tenant.slug, "name": tenant.name, "settings": settings})
        return
    show(f"{tenant.name} ({tenant.slug})")
    for key, value in settings.items():
        show(f"  {key} = {_written(value)}")


def _written(value: Any) -> str:
    """A setting as it would be typed."""
    match value:
        case None:
            return "default"
        case bool():
            return "on" if value else "off"
        case list():
            return ",".join(str(item) for item in value) or "none"
        case {"critical": critical, "high": high, "medium": medium}:
            return f"{critical},{high},{medium}"
        case dict():
            return ",".join(f"{part}={weight}" for part, weight in value.items()) or "none"
    return str(value)


def _plain_user(added: AddedUser) -> dict[str, Any]:
    return {
        "userId": added.person.id,
        "email": added.person.email,
        "name": added.person.name,
        "tenant": added.tenant.slug,
        "role": added.role,
        "scope": added.scope,
        "created": added.created,
        "passwordKept": added.password_kept,
        "password": added.password,
        "passwordHours": ISSUED_HOURS if added.password else None,
    }


def _password_from_input() -> str | None:
    """The first line of standard input, spaces kept; None from a terminal or where there is nothing."""
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return None
    if sys.stdin.buffer.seekable() or select.select([sys.stdin], [], [], _STDIN_WAIT_S)[0]:
        return sys.stdin.readline().rstrip("\r\n") or None
    return None
