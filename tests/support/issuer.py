"""A small OpenID Connect issuer on the loopback: discovery, keys, sign-in page, codes with PKCE, signed tokens."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.loopback import LoopbackServer, QuietHandler

CLIENT_ID = "terrakube"


@lru_cache(maxsize=1)
def _first_key() -> rsa.RSAPrivateKey:
    # Making one takes longer than all else that an issuer does.
    return rsa.generate_private_key(65537, 2048)


def text_of(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int) -> str:
    return text_of(value.to_bytes((value.bit_length() + 7) // 8))


@dataclass
class Issuer:
    """``person`` is who is signed in there; a test changes it, and what is wrong with the issuer, as it goes."""

    person: dict[str, Any] = field(default_factory=dict)
    secret: str = ""
    """What the client must prove itself with; nothing for a public client."""
    ends_sessions: bool = True
    spoil: Callable[[dict[str, Any]], None] = lambda claims: None
    """Changes the claims before they are signed."""
    signed_by: Any = None
    algorithm: str = "RS256"
    key_id: str = "first"

    def __post_init__(self) -> None:
        self.key = self.signed_by = _first_key()
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.codes: dict[str, dict[str, str]] = {}
        issuer = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                issuer._get(self, parts.path, _plain(parts.query))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
                issuer._token(self, _plain(body))

        server = LoopbackServer(Handler)
        self.address = f"{server.url}/dex"
        self.stop = server.stop

    # ---- what it answers --------------------------------------------------------------------------------------------

    def _get(self, handler: BaseHTTPRequestHandler, path: str, query: dict[str, str]) -> None:
        self.asked.append((path, query))
        if path == "/dex/.well-known/openid-configuration":
            _answer(handler, json.dumps(self._configuration()))
        elif path == "/dex/keys":
            _answer(handler, json.dumps({"keys": [self.public()]}))
        elif path == "/dex/auth":
            if query.get("code_challenge_method") != "S256" or not query.get("code_challenge"):
                _answer(handler, "a code challenge is missing", status=400)
                return
            code = secrets.token_urlsafe()
            self.codes[code] = query
            back = f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query.get('state', '')})}"
            page = f'<!doctype html><title>Issuer</title><a href="{html.escape(back)}">Continue</a>'
            _answer(handler, page, kind="text/html", headers={"X-Back": back})
        elif path == "/dex/logout":
            _answer(handler, "<!doctype html><title>Signed out</title>", kind="text/html")
        else:
            _answer(handler, "{}", status=404)

    def _configuration(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/auth",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/keys",
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }
        return found | ({"end_session_endpoint": f"{self.address}/logout"} if self.ends_sessions else {})

    def public(self) -> dict[str, str]:
        numbers = self.key.public_key().public_numbers()
        return {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.key_id,
            "n": _number(numbers.n),
            "e": _number(numbers.e),
        }

    def _token(self, handler: BaseHTTPRequestHandler, body: dict[str, str]) -> None:
        self.asked.append(("/dex/token", body))
        # A code is good for one time.
        asked = self.codes.pop(body.get("code", ""), None)
        challenge = text_of(hashlib.sha256(body.get("code_verifier", "").encode()).digest())
        login = f"{CLIENT_ID}:{self.secret}"
        given = base64.b64decode(handler.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        proved = given == login if self.secret else body.get("client_id") == CLIENT_ID
        if (
            asked is None
            or not proved
            or challenge != asked["code_challenge"]
            or body.get("redirect_uri") != asked["redirect_uri"]
        ):
            _answer(handler, '{"error": "invalid_grant"}', status=400)
            return
        answer = {
            "access_token": secrets.token_urlsafe(),
            "token_type": "bearer",
            "id_token": self.token(nonce=asked.get("nonce")),
        }
        _answer(handler, json.dumps(answer))

    def token(self, *, key_id: str | None = None, **claims: Any) -> str:
        """Sign the person's claims and these."""
        signed = {
            "iss": self.address,
            "aud": CLIENT_ID,
            "exp": time.time() + 600,
            "iat": time.time(),
            **self.person,
            **claims,
        }
        self.spoil(signed)
        return jwt.encode(signed, self.signed_by, algorithm=self.algorithm, headers={"kid": key_id or self.key_id})


def _plain(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}


def _answer(
    handler: BaseHTTPRequestHandler,
    body: str,
    *,
    status: int = 200,
    kind: str = "application/json",
    headers: dict[str, str] | None = None,
) -> None:
    handler.send_response(status)
    content = body.encode()
    for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **(headers or {})}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content)
