"""One process at a time asks a provider: a lease in a row, taken by a conditional UPDATE, so that no lock is held
meanwhile. After a failure the next try waits for a backoff.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

from django.db.models import Q
from django.utils import timezone

from terrakube_site.messages import message
from vcs.connections.problems import BUSY, ConnectionProblem
from vcs.models import InstallationToken, RepositoryHook
from workspaces.models import Vcs

LEASE = dt.timedelta(seconds=90)
"""Longer than all requests of one renewal may take."""
WAIT_SECONDS = 8.0
"""How long another process waits; an executor's claim waits ten seconds for all."""
_PAUSE_SECONDS = 0.1
type Leased = Vcs | InstallationToken | RepositoryHook


def renewed_once[R: (Vcs, InstallationToken)](
    row: R, *, enough: Callable[[R], bool], usable: Callable[[R], bool], renew: Callable[[R, dt.datetime], None]
) -> R:
    """Return the row with a token that is ``enough``: the present one, or the one that ``renew`` stores.

    ``renew`` takes the row and the end of its lease. If it fails, or another process is at it for long, a token that is
    ``usable`` is taken. Raises ConnectionProblem.
    """
    end = time.monotonic() + WAIT_SECONDS
    while not enough(row):
        lease = take_lease(row)
        if lease is not None:
            try:
                # Another process may have finished between the look and the lease.
                row.refresh_from_db()
                if not enough(row):
                    renew(row, lease)
            except ConnectionProblem:
                if not usable(row):
                    raise
                return row
            finally:
                release_lease(row, lease)
            row.refresh_from_db()
            return row
        if usable(row):
            return row
        if time.monotonic() >= end:
            raise ConnectionProblem(message(BUSY, name=_name(row)), temporary=True)
        time.sleep(_PAUSE_SECONDS)
        row.refresh_from_db()
    return row


def take_lease(row: Leased, lease: dt.timedelta = LEASE) -> dt.datetime | None:
    """Take the lease and return its end; None while another process has it."""
    now = timezone.now()
    until = now + lease
    free = type(row)._base_manager.filter(Q(lease_until=None) | Q(lease_until__lt=now), pk=_key(row))
    return until if free.update(lease_until=until) else None


def release_lease(row: Leased, until: dt.datetime) -> None:
    """Give a lease back; nothing if another process has it by now."""
    type(row)._base_manager.filter(pk=_key(row), lease_until=until).update(lease_until=None)


def backoff(tries: int, *, first: dt.timedelta, longest: dt.timedelta, retry_after: int | None = None) -> dt.timedelta:
    """Return how long to wait after the last of some failed tries: ``retry_after`` seconds at least, if it is given."""
    doubled: dt.timedelta = min(first * 2 ** min(max(tries - 1, 0), 16), longest)
    return max(doubled, dt.timedelta(seconds=retry_after or 0))


def _key(row: Leased) -> Any:
    """Return the primary key, a UUID or a number."""
    return row.pk


def _name(row: Vcs | InstallationToken) -> str:
    """Return the name of the connection."""
    return row.name if isinstance(row, Vcs) else row.vcs.name
