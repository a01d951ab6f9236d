"""What the watcher makes of a pod that runs Terrakube's executor and of its silence."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from executors.choices import AttemptState, ExecutorKind
from executors.installation.settings import read
from executors.models import Attempt
from executors.watching.decisions import Act, Decision, decide, patience
from executors.watching.diagnosis.pods import Diagnosis, Kind, Wait
from workspaces.choices import StepType
from workspaces.models import Step
from workspaces.reasons import told

# Nothing is asked of the database; but only tests with this mark have one made for what all tests here share.
pytestmark = pytest.mark.django_db
NOW = timezone.now()


def ago(seconds: float) -> dt.datetime:
    return NOW - dt.timedelta(seconds=seconds)


def decided(
    version: str, kind: Kind, *, state: AttemptState = AttemptState.CLAIMED, silent: float = 0, session: str = ""
) -> Decision:
    claimed = ago(5000) if state == AttemptState.CLAIMED else None
    attempt = Attempt(
        step=Step(type=StepType.PLAN),
        state=state,
        executor=ExecutorKind.KUBERNETES,
        session_hash=session,
        claimed_at=claimed,
        heartbeat_at=ago(silent) if claimed else None,
        created_at=ago(6000),
        launched_at=ago(silent),
    )
    code = "result-missing" if kind == Kind.SUCCEEDED else "running"
    wait = Wait.CLAIM if kind == Kind.RUNNING else Wait.START
    found = Diagnosis(why=told(code, "Something"), kind=kind, since=ago(silent), wait=wait)
    limits = patience(read({"ExecutorEphemeralImage": f"azbuilder/executor:{version}"}))
    return decide(attempt, found, now=NOW, noted=ago(silent), limits=limits, gone=False)


def test_an_end_without_a_result_is_a_loss_that_names_what_this_executor_does() -> None:
    found = decided("2.30.2", Kind.SUCCEEDED, silent=60)
    assert (found.act, found.why.code) == (Act.LOSE, "result-missing")
    assert "Versions up to 2.32 do so, with exit code 0, when Redis" in str(found.why)
    assert decided("2.30.2", Kind.SUCCEEDED, silent=60, session="x").why == told("result-missing", "Something")


def test_an_end_before_it_began_says_so_too() -> None:
    found = decided("2.30.2", Kind.SUCCEEDED, state=AttemptState.LAUNCHED, silent=60)
    assert found.act == Act.FAIL
    assert "Terrakube's executor ended without a result" in str(found.why)


@pytest.mark.parametrize(
    ("version", "kind", "act"),
    [
        ("2.30.2", Kind.RUNNING, Act.NOTHING),
        ("2.30.2", Kind.WAITING, Act.NOTHING),
        ("2.30.2", Kind.STUCK, Act.LOSE),
        ("2.30.2", Kind.ENDING, Act.LOSE),
        ("2.33.0", Kind.RUNNING, Act.LOSE),
    ],
)
def test_silence_counts_only_where_it_would_speak(version: str, kind: Kind, act: Act) -> None:
    """Before 2.33 it shows no sign of life, so its running pod is one."""
    assert decided(version, kind, silent=1000).act == act


def test_our_own_executor_s_silence_counts_in_any_pod() -> None:
    assert decided("2.30.2", Kind.RUNNING, silent=1000, session="x").act == Act.LOSE


def test_it_may_clone_for_minutes_before_its_first_word() -> None:
    assert decided("2.30.2", Kind.RUNNING, state=AttemptState.LAUNCHED, silent=300).act == Act.EXPLAIN
    assert decided("2.30.2", Kind.RUNNING, state=AttemptState.LAUNCHED, silent=700).act == Act.REPLACE
