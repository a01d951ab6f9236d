"""Attempts that run on this machine, with real processes that hold the lock of a real executor."""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.utils import timezone

from executors.attempts import lifecycle
from executors.choices import AttemptOutcome, AttemptState, ExecutorKind
from executors.contract import last_words
from executors.installation.settings import Installation
from executors.launching import local_process
from executors.models import Attempt
from executors.watching.sweep import Sweep
from tests.executors.watching.conftest import Make, shift
from tests.support.patience import patient
from workspaces.choices import JobStatus
from workspaces.models import Job, RecoveredState
from workspaces.reasons import told

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
    return make(state, executor=ExecutorKind.LOCAL, seconds=seconds, host=host or local_process.this_host())


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
    assert one.wait(patient(5)) == -signal.SIGKILL
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
    assert local_process.is_alive(attempt)
    assert job_of(attempt).holds_workspace
    sweep.run(None, None)
    assert terraform.wait(patient(5)) == -signal.SIGTERM
    assert not local_process.is_alive(attempt)


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
    later(sweep.limits.for_attempt(fresh(attempt)).ending_seconds)
    assert one.wait(patient(5)) == -signal.SIGKILL
    for _ in range(2):
        later(6)
    job = job_of(attempt)
    assert (fresh(attempt).outcome, job.status, job.reason_code) == (AttemptOutcome.LOST, JobStatus.FAILED, "deadline")
    assert "exceeded its deadline of 360 minutes" in job.reason
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


# ---- a database that was restored to before the claim ---------------------------------------------------------------


@pytest.mark.parametrize("left", ["its word that it had claimed", "nothing"])
def test_a_process_that_had_claimed_is_not_followed_by_another(
    make: Make, sweep: Sweep, conf: Installation, left: str
) -> None:
    attempt = made(make)
    if left != "nothing":
        folder = conf.local_work_dir / str(attempt.pk)
        folder.mkdir(parents=True)
        (folder / "claimed").write_text(last_words.CLAIMED)
    sweep.run(None, None)
    shift(attempt, 10)
    sweep.run(None, None)
    found = fresh(attempt)
    assert (found.outcome, found.reason_code) == (AttemptOutcome.LOST, "claimed-before")
    assert "Compare the state with what exists" in found.reason
    assert found.step.attempts.count() == 1
    assert job_of(attempt).status == JobStatus.FAILED


def test_a_process_that_runs_and_had_claimed_is_given_time_to_claim_once_more(
    make: Make, sweep: Sweep, conf: Installation, process: Callable[..., object]
) -> None:
    attempt = made(make, seconds=10_000)
    process(attempt)
    (conf.local_work_dir / str(attempt.pk) / "claimed").write_text(last_words.CLAIMED)
    sweep.run(None, None)
    assert fresh(attempt).state == AttemptState.LAUNCHED
    assert lifecycle.claim_attempt(attempt, "s" * 43) is lifecycle.Claim.WON


STATE = {"version": 4, "serial": 7, "lineage": "l-1", "outputs": {}, "resources": []}


def _leave_state(conf: Installation, attempt: Attempt, content: bytes) -> Path:
    left = conf.local_work_dir / str(attempt.pk) / "work" / "terrakube-x" / "terraform.tfstate.undelivered"
    left.parent.mkdir(parents=True)
    left.write_bytes(content)
    return left


def test_a_state_that_was_not_delivered_is_recovered_before_its_folder_goes(
    conf: Installation, make: Make, sweep: Sweep
) -> None:
    attempt = made(make, AttemptState.CLAIMED)
    lifecycle.fail_attempt(attempt, told("state-undelivered", "It could not be delivered"))
    left = _leave_state(conf, attempt, json.dumps(STATE).encode())
    sweep.run(None, None)
    kept = RecoveredState.objects.get()
    assert (kept.workspace_id, kept.job_id, kept.serial) == (attempt.step.job.workspace_id, attempt.step.job_id, 7)
    assert json.loads(kept.content) == STATE
    assert not left.exists()


def test_what_cannot_be_recovered_stays_where_it_is(conf: Installation, make: Make, sweep: Sweep) -> None:
    attempt = made(make, AttemptState.CLAIMED)
    lifecycle.fail_attempt(attempt, told("state-undelivered", "It could not be delivered"))
    left = _leave_state(conf, attempt, b"half a sta")
    sweep.run(None, None)
    assert left.exists()
    assert not RecoveredState.objects.exists()
    attempt.refresh_from_db()
    assert attempt.cleaned_at is not None
