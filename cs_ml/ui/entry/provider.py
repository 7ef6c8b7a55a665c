"""Sign-in by the company's own accounts (OpenID Connect), through Streamlit's `st.login`.

Switched on by `[auth]` in `.streamlit/secrets.toml`. What Streamlit then keeps in a cookie (for 30 days, not to be
revoked) opens nothing by itself: once, and within minutes of the provider's word, it is traded for a session of ours.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from cs_ml.domain.errors import Invalid
from cs_ml.domain.identity.sessions import Vouched
from cs_ml.services.identity.keys import require_strong

# What Streamlit answers for it; closed where no provider is set up.
PATHS = ("/auth/", "/oauth2callback")
LEAVE_PATH = "auth/logout"
_CALLBACK = "/oauth2callback"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_MAX_CLAIM = 254  # characters of an address (RFC 5321), and of what names a sign-in


def has_provider() -> bool:
    return bool(_section())


def check_provider() -> None:
    """Raises Invalid where a provider is set up in a way that cannot work or is not safe."""
    section = _section()
    if not section:
        return
    for name in ("client_id", "client_secret", "redirect_uri", "server_metadata_url"):
        if not isinstance(section.get(name), str) or not section[name]:
            raise Invalid(f"`{name}` is missing in [auth] of secrets.toml.", fields={name: "a value"})
    require_strong(str(section.get("cookie_secret", "")), "cookie_secret in [auth] of secrets.toml")
    if not section["redirect_uri"].endswith(_CALLBACK):
        raise Invalid(f"`redirect_uri` must be the app's address with {_CALLBACK} behind it.")
    for name in ("redirect_uri", "server_metadata_url"):
        address = urlsplit(section[name].replace("{port}", "1"))
        if address.scheme != "https" and address.hostname not in _LOOPBACK:
            raise Invalid(f"`{name}` in [auth] of secrets.toml must begin with https://.")


def vouched() -> Vouched | None:
    """Whom the provider has named to this browser, now or earlier; None where nobody or nothing that can be used."""
    if not has_provider() or not is_known_there():
        return None
    claims = st.user.to_dict()
    email, proof, issued = claims.get("email"), claims.get("nonce"), claims.get("iat")
    if not (_is_word(email) and _is_word(proof) and isinstance(issued, int) and 0 < issued < 2**40):
        return None
    return Vouched(
        email=str(email),
        verified=claims.get("email_verified") is True,
        proof=f"{claims.get('iss')} {proof}",
        issued_at=datetime.fromtimestamp(issued, UTC),
    )


def is_known_there() -> bool:
    """Whether Streamlit still keeps a word of the provider's in this browser."""
    return getattr(st.user, "is_logged_in", False) is True


def _is_word(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MAX_CLAIM and value.isprintable()


def _section() -> Mapping[str, Any]:
    return st.secrets.get("auth", {}) if st.secrets.load_if_toml_exists() else {}
