"""What is done for version control systems without anybody asking: lost tasks, due tries, reports, retention."""

from __future__ import annotations

import datetime as dt

from vcs import retention
from vcs.deliveries import handling, receiving
from vcs.hooks import synchronization
from vcs.reports import sending
from workspaces.services.webhooks import SYNCHRONIZE
from workspaces.task_queue.client import enqueue

_AT_ONCE = 500
_MINUTES = 60


def turn(now: dt.datetime) -> None:
    """Queue what is due, and remove what is old; called at each beat of the worker."""
    for delivery_id in handling.due_deliveries(now):
        enqueue(receiving.HANDLE, delivery_id)
    due = set(synchronization.due_connections(now))
    # Each connection is compared with its provider's webhooks in one minute of each hour, for tasks that were lost.
    due |= {key for key in synchronization.listening_connections() if key.int % _MINUTES == now.minute}
    for key in sorted(due):
        enqueue(SYNCHRONIZE, str(key))
    sending.send_due()
    retention.remove_old(at_most=_AT_ONCE)
