"""The sign-in form of streamlit-authenticator, over our own verification.

Only its widgets are used. Its credentials, its cookie (readable by scripts, good for 30 days, not revocable) and its
token never come to life: `tests/ui/test_authenticator.py` holds the private parts that this relies on.
"""

import secrets
from collections.abc import Callable
from typing import Any

from streamlit_authenticator import Authenticate
from streamlit_authenticator.controllers import AuthenticationController

from cs_ml.ui.state import Key

FIELDS = {"Form name": "Sign in", "Username": "E-mail", "Password": "Password", "Login": "Sign in"}


class _NoCookie:
    """Stands where the package keeps its cookie: there is none."""

    def get_cookie(self) -> None:
        return None

    def set_cookie(self) -> None:
        return None


class _OurVerification(AuthenticationController):  # type: ignore[misc]
    """Passes what was typed on as it is: the package's own would strip the password."""

    def __init__(self, sign_in: Callable[[str, str], str | None]) -> None:
        # The key would sign captchas and tokens of the package, which are not in use: random, and never kept.
        super().__init__({"usernames": {}}, auto_hash=False, secret_key=secrets.token_hex(32))
        self._sign_in = sign_in
        self.tried = False
        self.ticket: str | None = None

    def login(self, username: str | None = None, password: str | None = None, *_: Any, **__: Any) -> bool:
        self.tried = True
        self.ticket = self._sign_in(username or "", password or "")
        return self.ticket is not None


class Authenticator(Authenticate):  # type: ignore[misc]
    """`sign_in(address, password)` answers a ticket, or None."""

    def __init__(self, sign_in: Callable[[str, str], str | None]) -> None:
        # Not the base's: it would start the cookie component.
        self.path = None
        self.attrs = {"login_sleep_time": 0}
        self.cookie_controller = _NoCookie()
        self.authentication_controller = _OurVerification(sign_in)

    def ask(self) -> str | None:
        """Draws the form. The ticket once the right password came, else None; `refused` tells a wrong one apart."""
        self.login(fields=FIELDS, key=Key.SIGN_IN)
        ticket: str | None = self.authentication_controller.ticket
        return ticket

    @property
    def refused(self) -> bool:
        """Whether an attempt was made in this run and failed."""
        controller = self.authentication_controller
        return bool(controller.tried and controller.ticket is None)
