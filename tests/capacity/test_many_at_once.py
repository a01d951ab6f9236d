"""Several workers at once hand steps over under limits: never one too many, and nobody is forgotten. No sweep helps."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections
from django.db.models import Count, Q

from executors import tasks
from tests.capacity.conftest import organization, workspace
from tests.factories import PLAN, PLAN_AND_APPLY
from tests.support.patience import patient
from workspaces import run_limits
from workspaces.choices import EXCLUSIVE_TYPES, FINAL_JOB, JobStatus
from workspaces.jobs import transitions
from workspaces.jobs.capacity import Limit
from workspaces.jobs.transitions import Outcome
from workspaces.models import Job, Organization, Step
from workspaces.run_limits import Limits
from workspaces.services import jobs

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
WORKERS, EXECUTORS, SECONDS = 6, 8, 60
WHOLE, ALL_APPLIES, OWN = 5, 2, 3


class Runner:
    """The task runner and the executors, as threads with a connection each."""

    def __init__(self) -> None:
        self.tasks: queue.Queue[tuple[Any, ...]] = queue.Queue()
        self.launched: queue.Queue[str] = queue.Queue()
        self.errors: list[BaseException] = []
        self.full = threading.Event()
        self._over = threading.Event()
        self._threads = [
            *(threading.Thread(target=self._run, args=(self._work,)) for _ in range(WORKERS)),
            *(threading.Thread(target=self._run, args=(self._execute,)) for _ in range(EXECUTORS)),
        ]

    def __enter__(self) -> Runner:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self._over.set()
        self.full.set()
        for thread in self._threads:
            thread.join()

    def _run(self, turn: Callable[[], None]) -> None:
        try:
            while not self._over.is_set():
                try:
                    turn()
                except queue.Empty:
                    continue
        except BaseException as error:
            self.errors.append(error)
        finally:
            connections.close_all()

    def _work(self) -> None:
        name, *arguments = self.tasks.get(timeout=0.1)
        getattr(tasks, name.rpartition(".")[2])(*arguments)

    def _execute(self) -> None:
        step_id = self.launched.get(timeout=0.1)
        transitions.start_step(step_id)  # type: ignore[arg-type]
        # Until as many steps as may be were seen in execution together, none ends.
        self.full.wait(patient(SECONDS))
        transitions.finish_step(step_id, Outcome(succeeded=True, changes=True))  # type: ignore[arg-type]


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    made = Runner()
    monkeypatch.setattr("workspaces.task_queue.client.async_task", lambda *task, **options: made.tasks.put(task))
    monkeypatch.setattr(
        "executors.launching.launcher.launch_due_attempt", lambda step_id: made.launched.put(str(step_id))
    )
    monkeypatch.setattr(
        "executors.launching.launcher.launch_attempt", lambda attempt, needs: made.launched.put(str(attempt.step_id))
    )
    used = Limit.used

    def slowly(limit: Limit) -> int:
        # Between the count and what follows from it there is time for all others to do the same.
        found = used(limit)
        time.sleep(0.01)
        return found

    monkeypatch.setattr(Limit, "used", slowly)
    before = run_limits._source
    run_limits.register_installation_limits(lambda: Limits(running_steps=WHOLE, running_applies=ALL_APPLIES))
    yield made
    run_limits.register_installation_limits(before)


@pytest.mark.parametrize("level", ["installation", "organization", "workspace"])
def test_two_who_look_for_room_at_the_same_moment_never_both_find_the_last_of_it(
    monkeypatch: pytest.MonkeyPatch, queued: list[Any], whole: Callable[..., None], level: str
) -> None:
    if level == "installation":
        whole(running_steps=1)
    owner = organization(running_steps=1) if level == "organization" else organization()
    place = workspace(owner, running_steps=1) if level == "workspace" else None
    both = [jobs.create_job(place or workspace(owner), by=None, tcl=PLAN) for _ in range(2)]
    used, meeting = Limit.used, threading.Barrier(2)

    def count_and_meet(limit: Limit) -> int:
        found = used(limit)
        # Who alone may count waits in vain; where both may, both have counted before either goes on.
        with contextlib.suppress(threading.BrokenBarrierError):
            meeting.wait(2)
        return found

    monkeypatch.setattr(Limit, "used", count_and_meet)

    def advance(job: Job) -> None:
        try:
            transitions.advance(job.pk)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=advance, args=(job,)) for job in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Step.objects.in_executor().count() == 1
    (waits,) = Job.objects.exclude(waits_for_room="")
    assert waits.reason_code == f"{level}-limit"


def _most(seen: dict[str, int], owner: Organization) -> None:
    """Keep the most that was ever seen in execution; one query is one moment."""
    counted = Step.objects.in_executor().aggregate(
        whole=Count("pk"),
        applies=Count("pk", filter=Q(type__in=EXCLUSIVE_TYPES)),
        own=Count("pk", filter=Q(job__organization=owner)),
    )
    for name, number in counted.items():
        seen[name] = max(seen.get(name, 0), number)


def test_no_limit_is_ever_exceeded_and_no_job_is_forgotten(runner: Runner) -> None:
    limited, others = organization(running_steps=OWN), [organization(), organization(share=3)]
    places = [workspace(owner) for owner in (limited, *others) for _ in range(4)]
    seen: dict[str, int] = {}
    with runner:
        for number in range(2):
            for place in places:
                jobs.create_job(place, by=None, tcl=PLAN if number == 1 else PLAN_AND_APPLY)
        until = time.monotonic() + patient(SECONDS)
        while Job.objects.exclude(status__in=FINAL_JOB).exists() and time.monotonic() < until and not runner.errors:
            _most(seen, limited)
            if seen["whole"] >= WHOLE:
                runner.full.set()
    assert runner.errors == []
    left = Job.objects.exclude(status__in=FINAL_JOB).values_list("pk", "status", "waits_for_room", "reason")
    assert list(left) == []
    assert set(Job.objects.values_list("status", flat=True)) == {JobStatus.COMPLETED}
    assert seen["whole"] == WHOLE
    assert seen["applies"] <= ALL_APPLIES
    assert seen["own"] <= OWN
