"""An OAuth application of the provider: codes that a browser brings back, and tokens for them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping

from tests.vcs.provider.calls import Reply, Wrong
from tests.vcs.provider.records import Person, next_id
from tests.vcs.provider.tokens import Token, Tokens


class OAuth:
    """The application. ``expires`` is how long its tokens are good for, in seconds; None: for ever, without refresh."""

    def __init__(self, prefix: str, *, expires: int | None) -> None:
        self.client_id = f"client-{next_id()}"
        self.client_secret = "secret-" + secrets.token_hex(16)
        self.expires = expires
        self.redirect_uris: set[str] = set()
        self._prefix = prefix
        self._codes: dict[str, Person] = {}

    def allow(self, person: Person) -> str:
        """Return a code, as if somebody had agreed in the browser; it works once."""
        code = secrets.token_hex(10)
        self._codes[code] = person
        return code

    def exchange(self, tokens: Tokens, given: Mapping[str, str], *, error_status: int) -> Reply:
        """Answer a request for a token by a code or a refresh token. Raises Wrong for one that is badly made."""
        known = {"client_id", "client_secret", "code", "redirect_uri", "grant_type", "refresh_token", "state"}
        if unknown := given.keys() - known:
            raise Wrong(400, f"{', '.join(sorted(unknown))}: no field of this call")
        if given.get("client_id") != self.client_id or given.get("client_secret") != self.client_secret:
            return Reply(error_status, {"error": "incorrect_client_credentials"})
        grant = given.get("grant_type", "authorization_code")
        if grant == "authorization_code":
            person = self._codes.pop(given.get("code", ""), None)
            if person is None:
                return Reply(error_status, {"error": "bad_verification_code"})
            return self._answer(tokens, person)
        if grant == "refresh_token" and self.expires is not None:
            old = tokens.take_refresh(given.get("refresh_token", ""))
            if old is None or old.revoked:
                return Reply(error_status, {"error": "invalid_grant"})
            old.revoked = True
            return self._answer(tokens, old.user)
        raise Wrong(400, f"grant_type is {grant!r}")

    def _answer(self, tokens: Tokens, person: Person) -> Reply:
        token: Token = tokens.give(self._prefix, person, "oauth")
        content: dict[str, object] = {"access_token": token.text, "token_type": "bearer", "scope": "repo"}
        if self.expires is not None:
            token.ends_at = time.time() + self.expires
            content |= {"expires_in": self.expires, "refresh_token": tokens.give_refresh(token)}
        return Reply(200, content)
