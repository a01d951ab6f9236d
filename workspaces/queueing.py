"""Hand work to the background task runner once the transaction is committed."""

import logging
from functools import partial

from django.db import transaction
from django_q.tasks import async_task

logger = logging.getLogger(__name__)


def _send(name: str, *args: str | int) -> None:
    try:
        async_task(name, *args)
    except Exception:
        # What was decided is committed. The sweep finds every record that waits for a lost task, so a broker that is
        # away must not turn a success into an error.
        logger.exception("The task %s could not be queued; the sweep will find its work", name)


def enqueue(name: str, *args: str | int) -> None:
    """Queue a task, by its dotted name and with plain arguments, when the current transaction is committed."""
    transaction.on_commit(partial(_send, name, *args))
