"""What a token endpoint answers, and requests to one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils import timezone

from vcs.providers.base.api import Api, ApiAnswer, ApiError

_SECRET = frozenset({"assertion", "client_assertion", "client_secret", "code", "refresh_token"})
"""Members of a form that no error may quote."""


class SetupError(Exception):
    """A connection lacks what a token needs; ``message`` is a marked sentence that says what."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Grant:
    """A token with the one that renews it, empty where there is none. ``expires_at`` None: it does not expire."""

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    expires_at: dt.datetime | None = None


def ask_token(
    address: str,
    form: Mapping[str, str],
    *,
    secrets: tuple[str, ...] = (),
    headers: Mapping[str, str] | None = None,
) -> Grant:
    """Post a form to a token endpoint. Raises ApiError, also for an error in an answer of 200, and OutgoingError."""
    hidden = (*secrets, *(text for name, text in form.items() if name in _SECRET and text))
    api = Api(url=address, headers=headers or {}, secrets=hidden)
    answer = api.request("POST", "", form=form)
    try:
        return grant_of(answer)
    except ApiError as error:
        raise ApiError(error.status, api.masked(error.detail)) from None


def grant_of(answer: ApiAnswer) -> Grant:
    """Read a token endpoint's answer. Raises ApiError."""
    data = answer.data if isinstance(answer.data, dict) else {}
    token = data.get("access_token")
    if not isinstance(token, str) or not token:
        # GitHub answers 200 for a code that it does not accept.
        said = data.get("error_description") or data.get("error") or "The answer holds no token"
        raise ApiError(400, str(said))
    renewing = data.get("refresh_token")
    try:
        seconds = int(data.get("expires_in") or 0)
    except (TypeError, ValueError):
        seconds = 0
    return Grant(
        token,
        renewing if isinstance(renewing, str) else "",
        timezone.now() + dt.timedelta(seconds=seconds) if seconds > 0 else None,
    )
