"""The check of a pooled connection, which asks the server only where its socket does not tell."""

from __future__ import annotations

import select
import time
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

TRUSTED_SECONDS = 5.0
"""How long an answer of the server counts while the socket is silent."""
_ANSWERED_AT = "_terrakube_answered_at"


def check(raw: Any) -> None:
    """Raise psycopg's OperationalError for a connection that is of no use any more.

    A server that ends, restarts or closes a connection makes its socket readable, so a silent socket needs no question
    at each request. One whose other end fell silent is found by the question, or by the timeouts of TCP.
    """
    now = time.monotonic()
    if now - getattr(raw, _ANSWERED_AT, float("-inf")) < TRUSTED_SECONDS and not _has_something_to_read(raw.fileno()):
        return
    raw.execute("")
    setattr(raw, _ANSWERED_AT, now)


def _has_something_to_read(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def use_in_pools() -> None:
    """Let the pool of this process, if it has one, check its connections so. Call it before the first query.

    Django hands the pool its class's own check, and has no setting for another one.
    """
    if not connections[DEFAULT_DB_ALIAS].settings_dict["OPTIONS"].get("pool"):
        return
    from psycopg_pool import ConnectionPool

    ConnectionPool.check_connection = staticmethod(check)  # type: ignore[assignment]
