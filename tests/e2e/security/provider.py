"""A small identity provider on loopback that speaks OpenID Connect: discovery, code flow with PKCE, keys, sign-out."""

import hashlib
import json
import secrets
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID, CLIENT_SECRET = "cs-ml", "for the tests alone"


class Provider:
    """`claims`: what it says of whoever comes next. `left`: the requests to sign out."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.claims: dict[str, Any] = {}
        self.left: list[Mapping[str, str]] = []
        self._key = RSAKey.generate_key(2048, auto_kid=True)
        self._stranger = RSAKey.generate_key(2048, {"kid": self._key.kid or ""})
        self._codes: dict[str, Mapping[str, str]] = {}
        self.forges = False

    def metadata(self) -> dict[str, Any]:
        ends = {"authorization": "authorize", "token": "token", "end_session": "leave"}
        return {f"{name}_endpoint": f"{self.address}/{path}" for name, path in ends.items()} | {
            "issuer": self.address,
            "jwks_uri": f"{self.address}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def keys(self) -> dict[str, Any]:
        return {"keys": [self._key.as_dict(private=False)]}

    def authorize(self, asked: Mapping[str, str]) -> str:
        """Where to send the browser: nobody is asked anything here."""
        assert (asked["client_id"], asked["response_type"]) == (CLIENT_ID, "code")
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, posted: Mapping[str, str], client: str) -> dict[str, Any]:
        """The tokens for a code that is given out once, to the client that asked for it."""
        asked = self._codes.pop(posted["code"])
        assert client == f"{CLIENT_ID}:{CLIENT_SECRET}"
        assert posted["redirect_uri"] == asked["redirect_uri"]
        challenge = urlsafe_b64encode(hashlib.sha256(posted["code_verifier"].encode()).digest()).rstrip(b"=")
        assert challenge.decode() == asked["code_challenge"]
        now = int(time.time())
        claims = {"iss": self.address, "aud": CLIENT_ID, "sub": "1", "iat": now, "exp": now + 300}
        key = self._stranger if self.forges else self._key
        header = {"alg": "RS256", "kid": self._key.kid or ""}
        signed = jwt.encode(header, claims | {"nonce": asked["nonce"]} | self.claims, key)
        return {
            "access_token": secrets.token_urlsafe(16),
            "token_type": "Bearer",
            "expires_in": 300,
            "id_token": signed,
        }


@contextmanager
def running_provider() -> Iterator[Provider]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    provider = _Handler.provider = Provider(f"http://localhost:{server.server_port}")
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/.well-known/openid-configuration":
            self._answer(self.provider.metadata())
        elif parts.path == "/keys":
            self._answer(self.provider.keys())
        elif parts.path == "/authorize":
            self._send_to(self.provider.authorize(asked))
        elif parts.path == "/leave":
            self.provider.left.append(asked)
            self._send_to(asked["post_logout_redirect_uri"])
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        posted = {name: values[0] for name, values in parse_qs(body).items()}
        client = b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
        self._answer(self.provider.token(posted, unquote(client)))

    def _answer(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send_to(self, address: str) -> None:
        self.send_response(302)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""
