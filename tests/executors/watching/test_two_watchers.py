"""Two watchers that act at once: after a dead connection the former one goes on for some seconds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from executors.choices import AttemptOutcome, AttemptState, EventKind
from executors.installation.settings import Installation
from executors.models import Attempt
from executors.watching import sweep
from tests.executors.watching.conftest import Make, MemoryCluster
from tests.factories import WorkspaceFactory
from tests.support.patience import patient
from workspaces.choices import JobStatus
from workspaces.models import Job

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
WATCHERS, EACH = 2, 4


def both(monkeypatch: pytest.MonkeyPatch, one: Callable[[], None]) -> None:
    """Run the same pass in two threads, each of which has read the records before the other one changes any."""
    have_read = threading.Barrier(WATCHERS, timeout=patient(30))
    opened = sweep.open_attempts
    errors: list[BaseException] = []

    def read() -> list[Attempt]:
        found = list(opened())
        have_read.wait()
        return found

    def run() -> None:
        try:
            one()
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(WATCHERS)]
    with monkeypatch.context() as patch:
        patch.setattr(sweep, "open_attempts", read)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []


def test_each_attempt_is_replaced_or_failed_once(
    make: Make,
    memory_cluster: MemoryCluster,
    conf: Installation,
    queued: list[tuple[Any, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unclaimed = [make(on=WorkspaceFactory.create()) for _ in range(EACH)]
    claimed = [make(AttemptState.CLAIMED, on=WorkspaceFactory.create()) for _ in range(EACH)]
    for attempt in (*unclaimed, *claimed):
        memory_cluster.put(attempt, "exit-21")

    def once() -> None:
        sweep.Sweep(conf).run(memory_cluster.snapshot(), memory_cluster)  # type: ignore[arg-type]

    both(monkeypatch, once)
    # What one of them left because the other had it locked, the next pass takes.
    once()
    for attempt in unclaimed:
        tries = Attempt.objects.filter(step=attempt.step_id).order_by("number")
        assert [(one.number, one.state, one.outcome) for one in tries] == [
            (1, AttemptState.ENDED, AttemptOutcome.REPLACED),
            (2, AttemptState.NEW, ""),
        ]
        assert attempt.events.filter(kind=EventKind.ENDED).count() == 1
    for attempt in claimed:
        assert Attempt.objects.filter(step=attempt.step_id).count() == 1
        job = Job.objects.get(steps__attempts=attempt)
        assert job.status == JobStatus.FAILED
        assert attempt.events.filter(kind=EventKind.ENDED).count() == 1
