"""Who is told of a job's new status, within its transaction: packages above this one, which it does not know."""

from __future__ import annotations

from collections.abc import Callable

from workspaces.models import Job

type Listener = Callable[[Job], None]
_listeners: list[Listener] = []


def tell_of_moves(listener: Listener) -> None:
    """Call a function for each new status of a job, under its row lock and before the commit.

    It must be quick, call no other host, and change no status.
    """
    if listener not in _listeners:
        _listeners.append(listener)


def tell(job: Job) -> None:
    """Tell all listeners of a job's new status."""
    for listener in _listeners:
        listener(job)
