"""What a page needs to begin: the wired services, and who is asking."""

import atexit
import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from functools import cache
from typing import ParamSpec, TypeVar

import streamlit as st

from cs_ml import bootstrap
from cs_ml.bootstrap import Services, open_services, open_sessions
from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import Forbidden
from cs_ml.domain.identity.sessions import SignedIn
from cs_ml.services.identity.sessions import SessionService

P = ParamSpec("P")
T = TypeVar("T")

# `__Host-` binds the cookie to this very host, which browsers grant over https only.
SECURE_COOKIE = "__Host-cs_ml_session"
PLAIN_COOKIE = "cs_ml_session"
_HERE: ContextVar[SignedIn | None] = ContextVar("_HERE", default=None)
_LONGEST_ADDRESS = 64  # characters
SIGN_IN_NOTICE = "You are not signed in, or not any more. Load this page again to sign in."


@cache
def services() -> Services:
    """The services of this process, opened once and closed with it."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(open_services())


def serve_metrics() -> None:
    """Answers Prometheus, where a setting asks for it. Raises Invalid where the port is taken."""
    bootstrap.serve_metrics(services())


def note_keys() -> None:
    """Tells the audit log where a key is another one than at the last start."""
    bootstrap.note_keys(services())


@cache
def sessions() -> SessionService:
    """Signing in. Raises Invalid where the session key is missing or weak."""
    return open_sessions(services())


def telling(ask: Callable[P, T]) -> Callable[P, T]:
    """`ask`, which raises DatabaseAway while the database is away."""
    return services().database.telling()(ask)


@cache
def settle(page: str) -> None:
    """Once per page, after it was drawn: what lives as long as the process needs no collector. Streamlit lets one walk
    through everything after each run, which takes longer than the run where half a million objects never change."""
    del page  # only what the cache goes by
    gc.collect()
    gc.freeze()


def session_token() -> str | None:
    """What the browser holds; never kept in session state, so that it is looked up anew at every run."""
    for name in (SECURE_COOKIE, PLAIN_COOKIE):
        value = st.context.cookies.get(name)
        if isinstance(value, str):
            return value
    return None


def client_address() -> str | None:
    """Who asks, for the rate of failed sign-ins; None where it is not known, as on this machine itself."""
    header = services().settings.client_header
    address = (st.context.headers.get(header) if header else None) or st.context.ip_address
    return address[:_LONGEST_ADDRESS] if isinstance(address, str) and address else None


@contextmanager
def one_look(found: SignedIn | None) -> Iterator[None]:
    """While the main script draws one run, who is here is looked up once. Callbacks and fragments run outside of it
    and look for themselves."""
    mark = _HERE.set(found)
    try:
        yield
    finally:
        _HERE.reset(mark)


def signed_in() -> SignedIn | None:
    """Who uses this browser now; None where nobody is signed in, or not any more."""
    if found := _HERE.get():
        return found
    token = session_token()
    return sessions().resolve(token) if token else None


def require_actor(permission: Permission = Permission.READ) -> Actor:
    """The first statement of every page, fragment and callback: who asks, or the run ends with a notice."""
    found = signed_in()
    if found is None:
        st.info(SIGN_IN_NOTICE)
        st.stop()
    actor = found.actor
    try:
        actor.require(permission)
    except Forbidden as error:
        st.error(error.message)
        st.stop()
    return actor
