"""The token with which terraform in a step reads shared states: it lives as long as the attempt, and only reads.

It is derived, not stored, and looked up with each use: once the attempt has ended, nobody has it any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings

from executors.attempts.tokens import STATES, derived_token, is_derived_token
from executors.choices import ACTIVE
from executors.installation.settings import installation
from executors.models import Attempt
from workspaces.actors import TokenUser
from workspaces.models import Workspace

PREFIX = "tkrun."


@dataclass(frozen=True, slots=True, kw_only=True)
class RunUser(TokenUser):
    """The bearer of an attempt's token: in no group, so without any right but to read what its workspace may read."""

    workspace: Workspace


def state_token(attempt: Attempt) -> str:
    """Return the token of an attempt."""
    return f"{PREFIX}{attempt.pk.hex}.{derived_token(attempt, STATES)}"


def host_tokens(attempt: Attempt) -> dict[str, str]:
    """Return the token for each host, with its port, by which configurations may name this site.

    Terraform calls a host by https alone.
    """
    addresses = (settings.PUBLIC_URL, installation().api_url or "")
    parts = [urlsplit(address) for address in addresses]
    return {part.netloc.lower(): state_token(attempt) for part in parts if part.scheme == "https" and part.netloc}


def bearer_of(token: str) -> RunUser | None:
    """Return the bearer of an attempt's token; None for any other token, and once the attempt has ended."""
    key, _, proof = token.removeprefix(PREFIX).partition(".")
    try:
        number = UUID(hex=key)
    except ValueError:
        return None
    rows = Attempt.objects.select_related("step__job__workspace__organization")
    attempt = rows.filter(pk=number, state__in=ACTIVE).first()
    if attempt is None or not is_derived_token(attempt, STATES, proof):
        return None
    job = attempt.step.job
    return RunUser(name=f"run-{job.pk}", workspace=job.workspace)
