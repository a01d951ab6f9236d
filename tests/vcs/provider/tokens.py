"""Tokens that the fake provider gave out: whose they are, what they allow, and until when."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.vcs.provider.records import Person, Repository

LEVELS = ("read", "write", "admin")


@dataclass(eq=False)
class Token:
    """A token. ``permissions`` are levels by subject, None allows all subjects; ``repositories`` None are all.

    ``ends_at`` is in seconds as ``time.time``, None: it does not expire. A revoked token says so by ``revoked``.
    """

    text: str = field(repr=False)
    user: Person
    kind: str
    permissions: Mapping[str, str] | None = None
    repositories: frozenset[int] | None = None
    ends_at: float | None = None
    revoked: bool = False

    @property
    def valid(self) -> bool:
        """Tell whether it is neither revoked nor past its end."""
        return not self.revoked and (self.ends_at is None or time.time() < self.ends_at)

    def allows(self, subject: str, level: str, right: str, repository: Repository | None = None) -> bool:
        """Tell whether it allows an act in a repository, or beside all of them.

        ``level`` is that of its permission on ``subject``, ``right`` what its user must have in the repository.
        """
        if self.permissions is not None and not _reaches(self.permissions.get(subject, ""), level):
            return False
        if repository is None:
            return True
        if self.repositories is not None and repository.id not in self.repositories:
            return False
        return self.kind == "installation" or _reaches(repository.right_of(self.user.login), right)


def _reaches(given: str, asked: str) -> bool:
    return given in LEVELS and LEVELS.index(given) >= LEVELS.index(asked)


class Tokens:
    """All tokens of a provider, by their text."""

    def __init__(self) -> None:
        self._all: dict[str, Token] = {}
        self._refresh: dict[str, str] = {}

    def give(self, prefix: str, user: Person, kind: str, **attributes: object) -> Token:
        """Give out a new token, whose text begins with ``prefix``."""
        made = Token(prefix + secrets.token_hex(18), user, kind, **attributes)  # type: ignore[arg-type]
        self._all[made.text] = made
        return made

    def find(self, text: str) -> Token | None:
        """Return a token by its text, also one that is no longer valid."""
        return self._all.get(text)

    def all(self, kind: str = "") -> list[Token]:
        """Return the tokens of a kind, oldest first; of each kind without one."""
        return [token for token in self._all.values() if not kind or token.kind == kind]

    def revoke_all(self) -> None:
        """Let no token be valid any more that there is now."""
        for token in self._all.values():
            token.revoked = True

    def give_refresh(self, token: Token) -> str:
        """Give out a refresh token, which works once."""
        text = "refresh-" + secrets.token_hex(18)
        self._refresh[text] = token.text
        return text

    def take_refresh(self, text: str) -> Token | None:
        """Use a refresh token up: return the token that it was given with, None when it was used before."""
        return self._all.get(self._refresh.pop(text, ""))
