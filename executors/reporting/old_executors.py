"""Refuse steps to executors that are too old for them: an image can be older than the site."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_noop as _

from executors.models import Attempt
from workspaces.jobs.scope import asked_by

_KEEPS_SCOPE = (1, 1)
"""First version that passes a job's addresses and refresh mode to terraform and checks its plan against them."""


def refusal_reason(agent: Any, attempt: Attempt) -> str | None:
    """Return why the claiming executor must not run this step, None if it may.

    ``agent`` is the executor's user agent in its claim.
    """
    if _version(agent) >= _KEEPS_SCOPE or asked_by(attempt.step.job).asks_nothing:
        return None
    return _(
        "The executor's image is older than this site and would change more than the job asks: "
        "use the image of the site's own release"
    )


def _version(agent: Any) -> tuple[int, ...]:
    text = agent.get("version") if isinstance(agent, dict) else None
    parts = text.split(".") if isinstance(text, str) else []
    numbers = [int(part) for part in parts if part.isascii() and part.isdecimal() and len(part) < 10]
    return tuple(numbers) if parts and len(numbers) == len(parts) else (0,)
