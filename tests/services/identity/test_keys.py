"""No key that others know opens anything: forged tokens, and starts without a good key."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from cs_ml.bootstrap import open_services, open_sessions
from cs_ml.domain.errors import Invalid
from cs_ml.settings import Settings
from cs_ml.store.database import Database
from tests.services.identity.test_sessions import ADA, World
from tests.support.databases import sqlite_copy

KNOWN = ("some_key", "some_signature_key", "secret", "changeme", "your-256-bit-secret", "default", "password", "")


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forged(key: str, algorithm: str = "HS256") -> str:
    """A token as streamlit-authenticator and many others sign it."""
    claims = {"username": ADA, "sub": ADA, "name": "Ada", "exp": 4102444800, "exp_date": 4102444800}
    body = f"{_part({'alg': algorithm, 'typ': 'JWT'})}.{_part(claims)}"
    signature = hmac.digest(key.encode(), body.encode(), hashlib.sha256) if algorithm == "HS256" else b""
    return f"{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def common_keys(number: int) -> Iterator[str]:
    """What somebody would try first: known defaults, then the most common passwords."""
    words = files("cs_ml.services.identity").joinpath("common_passwords.txt").read_text(encoding="utf-8").split()
    yield from [*KNOWN, *words][:number]


def test_no_forged_token_is_accepted(world: World, at_full_size: bool, figure: Callable[[str], None]) -> None:
    tokens = [forged(key) for key in common_keys(1_000 if at_full_size else 50)]
    tokens += [forged("", "none"), world.open() + "x", ADA, str(world.ada.id)]
    accepted = [token for token in tokens if world.sessions.resolve(token) or world.sessions.redeem(token)]
    assert accepted == []
    assert world.sessions.resolve(world.open())
    figure(f"{len(tokens):,} forgeries, {len(accepted)} accepted")


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


@pytest.mark.parametrize("key", [None, *KNOWN, "a" * 40, "changeme" * 5, "secret" * 8, "12" * 20, "x" * 31])
def test_no_start_with_a_weak_key(migrated_sqlite: Path, tmp_path: Path, key: str | None) -> None:
    settings = Settings(database_url=sqlite_copy(migrated_sqlite, tmp_path), session_key=key)
    with open_services(settings) as services, pytest.raises(Invalid, match="CS_ML_SESSION_KEY"):
        open_sessions(services)
