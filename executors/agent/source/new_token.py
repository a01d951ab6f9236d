"""Another token for the source, asked of the site once git was refused with the first."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from executors.agent.api import Answer, retrying
from executors.agent.context import Context
from executors.agent.errors import ApiRefused, ApiUnavailable, StepFailed

_REFUSED = re.compile(
    rb"Authentication failed|could not read (Username|Password)|HTTP Basic: Access denied"
    rb"|Invalid username or (password|token)|Bad credentials|requested URL returned error: 40[13]"
)
_SECONDS = 60.0
"""How long the site is asked again while the provider is away."""
_CONFLICT = 409


def is_login_refused(said: bytes) -> bool:
    """Return True if git's words say that the server refused its login."""
    return _REFUSED.search(said) is not None


def renew_token(context: Context, failure: StepFailed) -> None:
    """Put another token into the context's claim. Raises StepFailed: with the site's reason why there is none, or
    ``failure`` where the source has no tokens or the site is older than this executor.
    """
    if context.job.vcs_type == "PUBLIC" or context.job.vcs_type.startswith("SSH"):
        raise failure
    deadline = time.monotonic() + _SECONDS
    while True:
        answer = _ask(context, failure)
        seconds = _refusal(answer).get("retryAfter") if answer.status == _CONFLICT else None
        left = deadline - time.monotonic()
        if not isinstance(seconds, int) or seconds > left:
            break
        context.control.pause(max(seconds, 1))
    if answer.status == _CONFLICT:
        raise _reason_of(_refusal(answer)) or failure
    token = answer.json().get("token")
    if not isinstance(token, str) or not token:
        raise failure
    context.log.hide(token)
    if context.claim.fetch_only:
        context.claim = replace(context.claim, fetch_token=token)
    else:
        context.claim = replace(context.claim, job=replace(context.job, access_token=token))


def _ask(context: Context, failure: StepFailed) -> Answer:
    content = {"fetchOnly": True} if context.claim.fetch_only else {}
    try:
        return retrying(
            lambda: context.api.post_json("/source-token", content, accept=frozenset({_CONFLICT})),
            seconds=context.claim.outage_seconds,
            pause=context.control.pause,
        )
    except (ApiUnavailable, ApiRefused):
        raise failure from None


def _refusal(answer: Answer) -> Mapping[str, Any]:
    errors = answer.json().get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    return first if isinstance(first, dict) else {}


def _reason_of(refusal: Mapping[str, Any]) -> StepFailed | None:
    """Return the failure in the site's words; None if the source is not read by a connection with tokens."""
    match refusal:
        case {"code": "no-token", "format": str(format_text), "values": dict(values)}:
            try:
                return StepFailed("source-failed", format_text, **values)
            except (KeyError, TypeError):
                return None
    return None
