"""Hand work to the background task runner once the transaction is committed."""

import logging
from functools import lru_cache, partial

from django.db import transaction
from django_q import tasks
from django_q.brokers import Broker, get_broker

logger = logging.getLogger(__name__)


@lru_cache(maxsize=1)
def kept_broker() -> Broker:
    """The broker of this process's queue, connected once."""
    # Without one that is kept, each task would connect to Redis anew and sign in there.
    return get_broker()


def async_task(name: str, *args: str | int) -> None:
    """Queue a task now. Raises whatever its broker raises."""
    tasks.async_task(name, *args, broker=kept_broker())


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
