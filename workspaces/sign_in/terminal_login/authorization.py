"""Read and check the parameters with which terraform or tofu opens the browser."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.translation import gettext as _

from terrakube_site.visible import visible
from workspaces.sign_in.terminal_login.client import CLIENT_ID, PORTS

METHOD = "S256"
_LONGEST_STATE = 512
_LONGEST_SHOWN = 100
_REDIRECT_URI = re.compile(r"http://localhost:([0-9]{5})/login")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_STATE = re.compile(rf"[\x20-\x7e]{{1,{_LONGEST_STATE}}}")


class WrongParameter(Exception):
    """A parameter is missing, repeated or not allowed; the message is for the user, in the language of the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """What a terminal asks for. ``redirect_uri`` is an address of the user's own computer."""

    redirect_uri: str
    code_challenge: str
    state: str

    @property
    def origin(self) -> str:
        """The origin of the terminal's address, for the page's policy."""
        return self.redirect_uri.removesuffix("/login")

    def address_with(self, **answer: str) -> str:
        """Return the terminal's address with an answer and its own state."""
        return f"{self.redirect_uri}?{urlencode({**answer, 'state': self.state})}"


def read_authorization(query: QueryDict) -> Authorization:
    """Return what a terminal asks for. Raises WrongParameter with the parameter, its value and what is allowed."""
    _require(query, "response_type", "code", _one(query, "response_type") == "code")
    _require(query, "client_id", CLIENT_ID, _one(query, "client_id") == CLIENT_ID)
    redirect_uri = _one(query, "redirect_uri")
    # A browser is never sent to an address that was not checked, not even with an error.
    _require(
        query,
        "redirect_uri",
        _("http://localhost:PORT/login with a port from {first} to {last}").format(first=PORTS[0], last=PORTS[1]),
        _is_terminal(redirect_uri),
    )
    _require(query, "code_challenge_method", METHOD, _one(query, "code_challenge_method") == METHOD)
    challenge = _one(query, "code_challenge")
    _require(
        query,
        "code_challenge",
        _("43 characters of a SHA-256 hash in base64url"),
        _CHALLENGE.fullmatch(challenge) is not None,
    )
    state = _one(query, "state")
    _require(
        query,
        "state",
        _("1 to {longest} printable ASCII characters").format(longest=_LONGEST_STATE),
        _STATE.fullmatch(state) is not None,
    )
    return Authorization(redirect_uri=redirect_uri, code_challenge=challenge, state=state)


def _is_terminal(address: str) -> bool:
    match = _REDIRECT_URI.fullmatch(address)
    return match is not None and PORTS[0] <= int(match[1]) <= PORTS[1]


def _one(query: QueryDict, name: str) -> str:
    """Return a parameter that is given once; empty if it is missing or repeated."""
    values = query.getlist(name)
    return values[0] if len(values) == 1 else ""


def _require(query: QueryDict, name: str, allowed: str, is_right: bool) -> None:
    if is_right:
        return
    values = query.getlist(name)
    if not any(values):
        raise WrongParameter(
            _("The parameter {name} is missing; it must be {allowed}.").format(name=name, allowed=allowed)
        )
    if len(values) > 1:
        raise WrongParameter(_("The parameter {name} is given {count} times.").format(name=name, count=len(values)))
    value = visible(values[0])
    if len(value) > _LONGEST_SHOWN:
        value = f"{value[:_LONGEST_SHOWN]}…"
    raise WrongParameter(
        _("The parameter {name} is “{value}”; it must be {allowed}.").format(name=name, value=value, allowed=allowed)
    )
