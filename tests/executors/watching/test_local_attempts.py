"""Attempts that run on this machine, with real processes that hold the lock of a real executor."""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.utils import timezone

from executors.choices import AttemptOutcome, AttemptState, ExecutorKind
from executors.conf import Installation
from executors.launching import on_machine
from executors.models import Attempt
from executors.watching.sweep import Sweep
from tests.executors.watching.conftest import Make, shift
from workspaces.choices import JobStatus
from workspaces.models import Job

pytestmark = pytest.mark.django_db
# Ends at SIGTERM unless it was told not to hear it.
_SLEEP = """
import signal, sys, time
if sys.argv[1:]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def process(conf: Installation) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a process that is an attempt's, as far as anybody can tell from outside."""
    started: list[subprocess.Popen[bytes]] = []

    def start(attempt: Attempt, *, deaf: bool = False) -> subprocess.Popen[bytes]:
        folder = conf.local_work_dir / str(attempt.pk)
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / "alive.lock", os.O_RDWR | os.O_CREAT)
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [sys.executable, "-c", _SLEEP, *(["deaf"] if deaf else [])]
        one = subprocess.Popen(command, pass_fds=(lock,), stdout=subprocess.PIPE)
        assert one.stdout is not None
        one.stdout.readline()
        os.close(lock)
        (folder / "pid").write_text(str(one.pid))
        started.append(one)
        return one

    yield start
    for one in started:
        one.kill()
        one.communicate()


def made(
    make: Make, state: AttemptState = AttemptState.LAUNCHED, *, host: str | None = None, seconds: float = 30
) -> Attempt:
    return make(state, executor=ExecutorKind.LOCAL, seconds=seconds, host=host or on_machine.this_host())


def fresh(attempt: Attempt) -> Attempt:
    return Attempt.objects.get(pk=attempt.pk)


def job_of(attempt: Attempt) -> Job:
    return Job.objects.get(steps__attempts=attempt)


def test_a_process_that_lives_is_left_alone(make: Make, sweep: Sweep, process: Callable[..., object]) -> None:
    attempt = made(make, AttemptState.CLAIMED)
    process(attempt)
    sweep.run(None, None)
    assert (fresh(attempt).state, fresh(attempt).missing_since) == (AttemptState.CLAIMED, None)


def test_a_process_that_ended_before_its_claim_is_replaced_with_its_last_words(
    make: Make, sweep: Sweep, conf: Installation
) -> None:
    attempt = made(make)
    folder = conf.local_work_dir / str(attempt.pk)
    folder.mkdir(parents=True)
    (folder / "executor.log").write_text("The API did not answer the claim, nothing was run: no connection\n")
    sweep.run(None, None)
    assert fresh(attempt).state == AttemptState.LAUNCHED
    shift(attempt, 6)
    sweep.run(None, None)
    assert (fresh(attempt).outcome, fresh(attempt).reason_code) == (AttemptOutcome.REPLACED, "process-ended")
    assert "nothing was run: no connection" in job_of(attempt).reason
    assert Attempt.objects.filter(step=attempt.step_id, number=2).exists()


def test_a_claimed_process_that_died_is_lost_and_frees_the_workspace_since_it_is_surely_gone(
    make: Make, sweep: Sweep, process: Callable[..., subprocess.Popen[bytes]]
) -> None:
    attempt = made(make, AttemptState.CLAIMED)
    one = process(attempt)
    one.kill()
    one.wait()
    sweep.run(None, None)
    shift(attempt, 6)
    sweep.run(None, None)
    assert (fresh(attempt).outcome, job_of(attempt).status) == (AttemptOutcome.LOST, JobStatus.FAILED)
    assert not job_of(attempt).holds_workspace
    assert Attempt.objects.filter(step=attempt.step_id).count() == 1


def test_a_cancelled_process_that_does_not_end_is_killed_when_its_time_is_over(
    make: Make, sweep: Sweep, conf: Installation, process: Callable[..., subprocess.Popen[bytes]]
) -> None:
    attempt = made(make, AttemptState.INTERRUPTING, seconds=0)
    one = process(attempt, deaf=True)
    sweep.run(None, None)
    with pytest.raises(subprocess.TimeoutExpired):
        one.wait(0.3)
    assert job_of(attempt).holds_workspace
    shift(attempt, conf.termination_grace_seconds(may_change=True) + 31)
    sweep.run(None, None)
    assert one.wait(5) == -signal.SIGKILL
    for _ in range(2):
        sweep.run(None, None)
        shift(attempt, 6)
    sweep.run(None, None)
    assert (fresh(attempt).outcome, job_of(attempt).holds_workspace) == (AttemptOutcome.KILLED, False)


def test_what_outlives_a_killed_executor_keeps_the_workspace_and_is_told_to_end(
    make: Make, sweep: Sweep, conf: Installation, process: Callable[..., subprocess.Popen[bytes]]
) -> None:
    attempt = made(make, AttemptState.INTERRUPTING, seconds=0)
    terraform = process(attempt)
    # The executor is gone; what it started still has its lock.
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (conf.local_work_dir / str(attempt.pk) / "pid").write_text(str(gone.pid))
    assert on_machine.is_alive(attempt)
    assert job_of(attempt).holds_workspace
    sweep.run(None, None)
    assert terraform.wait(5) == -signal.SIGTERM
    assert not on_machine.is_alive(attempt)


def test_a_process_that_outlives_its_steps_deadline_is_asked_to_end_then_killed_and_said_to_have_been_too_slow(
    make: Make, sweep: Sweep, conf: Installation, process: Callable[..., subprocess.Popen[bytes]]
) -> None:
    attempt = made(make, AttemptState.CLAIMED, seconds=0)
    one = process(attempt, deaf=True)

    def later(seconds: float) -> None:
        shift(attempt, seconds)
        # It goes on to report all the time.
        Attempt.objects.filter(pk=attempt.pk, state=AttemptState.CLAIMED).update(heartbeat_at=timezone.now())
        sweep.run(None, None)

    later(conf.deadline_seconds - 5)
    assert fresh(attempt).leaving_code == ""
    later(5)
    assert fresh(attempt).leaving_code == "deadline"
    with pytest.raises(subprocess.TimeoutExpired):
        one.wait(0.3)
    later(sweep.limits.of(fresh(attempt)).ending_seconds)
    assert one.wait(5) == -signal.SIGKILL
    for _ in range(2):
        later(6)
    job = job_of(attempt)
    assert (fresh(attempt).outcome, job.status, job.reason_code) == (AttemptOutcome.LOST, JobStatus.FAILED, "deadline")
    assert "longer than its deadline of 360 minutes" in job.reason
    assert not job.holds_workspace


def test_the_work_folder_of_an_ended_attempt_is_removed(make: Make, sweep: Sweep, conf: Installation) -> None:
    attempt = made(make)
    folder: Path = conf.local_work_dir / str(attempt.pk)
    (folder / "work").mkdir(parents=True)
    Attempt.objects.filter(pk=attempt.pk).update(
        state=AttemptState.ENDED, outcome=AttemptOutcome.FAILED, ended_at=timezone.now()
    )
    sweep.run(None, None)
    assert not folder.exists()
    assert fresh(attempt).cleaned_at is not None


def test_another_machines_process_is_judged_by_its_silence_alone(make: Make, sweep: Sweep, conf: Installation) -> None:
    attempt = made(make, AttemptState.CLAIMED, host="elsewhere")
    sweep.run(None, None)
    assert (fresh(attempt).state, fresh(attempt).missing_since) == (AttemptState.CLAIMED, None)
    shift(attempt, conf.lost_after_seconds)
    sweep.run(None, None)
    assert fresh(attempt).outcome == AttemptOutcome.LOST
    sweep.run(None, None)
    assert job_of(attempt).holds_workspace, "nobody here can tell that it is gone"
    earlier = timezone.now() - dt.timedelta(seconds=conf.deadline_seconds + 1)
    Attempt.objects.filter(pk=attempt.pk).update(ended_at=earlier)
    sweep.run(None, None)
    assert not job_of(attempt).holds_workspace
