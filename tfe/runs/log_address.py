"""The address of a log: it is the permission itself, since the clients read it without a token.

The secret lies in the path, as the clients replace the query. It stands for one phase of one run, for about a day.
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner

from tfe.runs.status import Phase

_SECONDS = int(timedelta(hours=25).total_seconds())
_signer = TimestampSigner(salt="log-of-a-run")


def log_address(job_id: int, phase: Phase) -> str:
    """Return the address of the log of a run's plan or apply."""
    return f"{settings.PUBLIC_URL}/remote/tfe/v2/logs/{_signer.sign(f'{job_id}.{phase}')}"


def read_address(secret: str) -> tuple[int, Phase] | None:
    """Return whose log an address is; None for one that was not made here, or too long ago."""
    try:
        number, _, phase = _signer.unsign(secret, max_age=_SECONDS).partition(".")
    except BadSignature:
        return None
    return int(number), Phase(phase)
