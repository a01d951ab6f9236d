"""What follows from what is seen of an attempt: the table of cases, without database or cluster."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from executors.choices import AttemptState
from executors.models import Attempt
from executors.watching.decisions import Act, Decision, Patience, decide
from executors.watching.diagnosis import Diagnosis, Wait, diagnose
from executors.watching.proof import is_gone
from tests.executors.watching.recorded_states import recorded
from workspaces.choices import StepType
from workspaces.models import Step

NOW = dt.datetime(2027, 1, 1, 12, tzinfo=dt.UTC)
LIMITS = Patience()


def ago(seconds: float) -> dt.datetime:
    return NOW - dt.timedelta(seconds=seconds)


def attempt(state: AttemptState, **columns: Any) -> Attempt:
    columns = {"created_at": ago(30), "launched_at": ago(30), **columns}
    if state in {AttemptState.CLAIMED, AttemptState.INTERRUPTING}:
        columns = {"claimed_at": ago(20), "heartbeat_at": ago(2), "session_hash": "0" * 64, **columns}
    columns.setdefault("step", Step(type=StepType.PLAN))
    return Attempt(state=state, **columns)


def of(name: str, *, since: float | None = None) -> Diagnosis:
    """A recorded state's diagnosis, that of so many seconds ago."""
    state = recorded(name)
    found = diagnose(state.job, state.pods, events=state.events)
    fields = {field: getattr(found, field) for field in Diagnosis.__slots__}
    return Diagnosis(**fields | {"since": None if since is None else ago(since)})


GONE = diagnose(None, [])


def decided(
    one: Attempt,
    found: Diagnosis,
    *,
    noted: float = 0,
    gone: bool = False,
    limits: Patience = LIMITS,
    answering: bool | None = None,
) -> Decision:
    return decide(one, found, now=NOW, noted=ago(noted), limits=limits, gone=gone, answering=answering)


def test_an_attempt_whose_launch_is_not_through_is_left_to_its_launcher() -> None:
    for found in (of("running", since=100), of("exit-21", since=100), GONE):
        assert decided(attempt(AttemptState.NEW, launched_at=None), found).act == Act.NOTHING


# ---- unclaimed ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("image-not-found", 60),
        ("image-denied", 60),
        ("missing-secret", 60),
        ("missing-config-map-volume", 60),
        ("node-unreachable", 60),
    ],
)
def test_what_keeps_a_pod_from_starting_is_told_until_its_deadline_and_then_replaced(name: str, seconds: float) -> None:
    launched = attempt(AttemptState.LAUNCHED)
    before, after = (decided(launched, of(name), noted=noted) for noted in (seconds - 1, seconds))
    assert (before.act, before.again_at) == (Act.EXPLAIN, NOW + dt.timedelta(seconds=1))
    assert (after.act, after.code) == (Act.REPLACE, before.code)


def test_an_unschedulable_pod_has_the_whole_start_timeout() -> None:
    launched = attempt(AttemptState.LAUNCHED, launched_at=ago(601))
    assert decided(launched, of("unschedulable-selector", since=599)).act == Act.EXPLAIN
    assert decided(launched, of("unschedulable-selector", since=600)).act == Act.REPLACE


def test_a_container_that_runs_has_a_minute_to_claim_while_this_site_answers() -> None:
    launched = attempt(AttemptState.LAUNCHED)
    assert decided(launched, of("running", since=59), noted=59, answering=True).act == Act.EXPLAIN
    after = decided(launched, of("running", since=60), noted=60, answering=True)
    assert (after.act, after.code) == (Act.REPLACE, "not-claimed")


@pytest.mark.parametrize("answering", [False, None])
def test_a_container_has_longer_to_claim_than_its_executor_tries_while_this_site_may_be_away(
    answering: bool | None,
) -> None:
    launched = attempt(AttemptState.LAUNCHED)
    assert decided(launched, of("running", since=149), noted=149, answering=answering).act == Act.EXPLAIN
    after = decided(launched, of("running", since=150), noted=150, answering=answering)
    assert (after.act, after.code) == (Act.REPLACE, "not-claimed")


@pytest.mark.parametrize(
    ("name", "limit", "seconds"),
    [
        ("image-not-found", "image_seconds", 20),
        ("missing-secret", "reference_seconds", 25),
        ("unschedulable-selector", "unschedulable_seconds", 30),
        ("running", "claim_seconds", 35),
    ],
)
def test_an_organization_or_workspace_may_have_less_patience(name: str, limit: str, seconds: int) -> None:
    launched = attempt(AttemptState.LAUNCHED, deadlines={limit: seconds})
    for moment, act in ((seconds - 1, Act.EXPLAIN), (seconds, Act.REPLACE)):
        assert decided(launched, of(name, since=moment), noted=moment, answering=True).act == act


def test_no_deadline_is_longer_than_the_installations() -> None:
    launched = attempt(AttemptState.LAUNCHED, deadlines={"image_seconds": 3600, "silence_seconds": 10**6})
    assert decided(launched, of("image-not-found"), noted=60).act == Act.REPLACE
    assert LIMITS.of(launched).lost_after_seconds == 900


def test_an_ordinary_start_is_only_told_when_it_lasts() -> None:
    launched, found = attempt(AttemptState.LAUNCHED), diagnose(recorded("running").job, [])
    quick = decided(launched, found, noted=1)
    assert (quick.act, quick.again_at) == (Act.NOTHING, NOW + dt.timedelta(seconds=2))
    assert decided(launched, found, noted=3).act == Act.EXPLAIN


def test_a_start_that_nobody_can_explain_fails_at_its_timeout_with_what_was_seen_last() -> None:
    found = diagnose(recorded("running").job, None)
    assert decided(attempt(AttemptState.LAUNCHED, launched_at=ago(599)), found, noted=599).act == Act.EXPLAIN
    after = decided(attempt(AttemptState.LAUNCHED, launched_at=ago(600)), found, noted=600)
    assert (after.act, after.code) == (Act.FAIL, "start-timeout")
    assert found.text in after.reason


@pytest.mark.parametrize(
    "name", ["exit-21", "exit-11", "oom-killed", "evicted", "pod-deleted", "container-cannot-start"]
)
def test_a_pod_that_ended_before_its_claim_is_replaced_at_once(name: str) -> None:
    assert decided(attempt(AttemptState.LAUNCHED), of(name, since=0)).act == Act.REPLACE


@pytest.mark.parametrize("name", ["pod-terminating", "preempted", "drained", "node-lost", "job-deleting"])
def test_a_pod_that_leaves_before_its_claim_is_replaced_at_once(name: str) -> None:
    assert decided(attempt(AttemptState.LAUNCHED), of(name)).act == Act.REPLACE


@pytest.mark.parametrize("name", ["deadline-unscheduled", "exit-20", "exit-64", "completed"])
def test_what_would_end_the_same_way_again_fails(name: str) -> None:
    assert decided(attempt(AttemptState.LAUNCHED), of(name, since=0)).act == Act.FAIL


def test_a_missing_job_is_believed_at_the_second_look() -> None:
    first = decided(attempt(AttemptState.LAUNCHED), GONE)
    assert (first.act, first.again_at) == (Act.MISS, NOW + dt.timedelta(seconds=5))
    assert decided(attempt(AttemptState.LAUNCHED, missing_since=ago(4)), GONE).act == Act.NOTHING
    assert decided(attempt(AttemptState.LAUNCHED, missing_since=ago(5)), GONE).act == Act.REPLACE


# ---- claimed: never again -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["exit-10", "exit-22", "oom-killed", "evicted", "pod-deleted", "completed", "deadline"]
)
def test_a_claimed_attempt_whose_job_ended_is_lost_after_a_grace_for_its_report(name: str) -> None:
    claimed = attempt(AttemptState.CLAIMED)
    before = decided(claimed, of(name, since=4), gone=True)
    assert (before.act, before.again_at) == (Act.NOTHING, NOW + dt.timedelta(seconds=1))
    after = decided(claimed, of(name, since=5), gone=True)
    assert (after.act, after.code) == (Act.LOSE, of(name).code)


@pytest.mark.parametrize(
    "name", ["pod-terminating", "drained", "node-lost", "job-deleting", "node-unreachable", "running"]
)
def test_a_claimed_attempt_is_left_alone_while_its_pod_is_there(name: str) -> None:
    assert decided(attempt(AttemptState.CLAIMED), of(name, since=3600), noted=3600).act == Act.NOTHING


def test_no_state_of_a_claimed_attempt_is_ever_replaced() -> None:
    claimed = attempt(AttemptState.CLAIMED, heartbeat_at=ago(10**6), missing_since=ago(10**6))
    states = [of(name, since=10**6) for name in ("running", "exit-21", "image-not-found", "drained", "pod-deleted")]
    acts = {decided(claimed, found, noted=10**6, gone=gone).act for found in (*states, GONE) for gone in (True, False)}
    assert acts == {Act.LOSE}


def test_silence_ends_a_claimed_attempt() -> None:
    assert decided(attempt(AttemptState.CLAIMED, heartbeat_at=ago(899)), of("running")).act == Act.NOTHING
    after = decided(attempt(AttemptState.CLAIMED, heartbeat_at=ago(900)), of("node-unreachable"))
    assert (after.act, after.code) == (Act.LOSE, "silent")
    assert "15 minutes. The pod's node does not answer" in after.reason


def test_a_workspace_may_want_to_know_of_silence_sooner() -> None:
    quick = attempt(AttemptState.CLAIMED, heartbeat_at=ago(90), deadlines={"silence_seconds": 90})
    after = decided(quick, of("running"))
    assert (after.act, after.code) == (Act.LOSE, "silent")
    assert "said nothing for 90 s" in after.reason


def test_what_may_change_something_has_longer_to_end() -> None:
    plan, apply = (attempt(AttemptState.CLAIMED, step=Step(type=kind)) for kind in (StepType.PLAN, StepType.APPLY))
    assert (LIMITS.of(plan).ending_seconds, LIMITS.of(apply).ending_seconds) == (150, 330)


def test_a_claimed_attempt_whose_job_vanished_is_lost_only_when_its_pod_is_gone() -> None:
    claimed = attempt(AttemptState.CLAIMED, missing_since=ago(30), heartbeat_at=ago(30))
    assert decided(claimed, GONE, gone=False).act == Act.NOTHING
    assert decided(claimed, GONE, gone=True).act == Act.LOSE


def test_an_executor_that_still_reports_is_not_lost_with_its_job() -> None:
    # Deleted by hand and in the background: the pod has its grace period, and saves its state in it.
    claimed = attempt(AttemptState.CLAIMED, missing_since=ago(1000), heartbeat_at=ago(1))
    assert decided(claimed, GONE, gone=False).act == Act.NOTHING


# ---- interrupting ---------------------------------------------------------------------------------------------------


def test_a_cancelled_attempt_is_over_when_its_executor_is_gone() -> None:
    stopping = attempt(AttemptState.INTERRUPTING, cancelled_at=ago(20), missing_since=ago(5))
    assert decided(stopping, GONE, gone=False).act == Act.NOTHING
    assert decided(stopping, GONE, gone=True).act == Act.CANCELLED
    assert decided(stopping, of("pod-terminating"), gone=False).act == Act.NOTHING


def test_a_cancelled_attempts_last_report_has_its_grace_too() -> None:
    stopping = attempt(AttemptState.INTERRUPTING, cancelled_at=ago(20))
    assert decided(stopping, of("exit-11", since=4), gone=True).act == Act.NOTHING
    assert decided(stopping, of("exit-11", since=5), gone=True).act == Act.CANCELLED


# ---- proof ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "proved"),
    [
        ("running", False),
        ("pod-terminating", False),
        ("node-lost", False),
        ("job-deleting", False),
        ("exit-10", True),
        ("pod-deleted", True),
        ("deadline", True),
    ],
)
def test_a_job_proves_its_executor_gone_once_it_is_over(name: str, proved: bool) -> None:
    state = recorded(name)
    for pods in (state.pods, None):
        assert is_gone(state.job, pods, absent_since=None, ours=True, now=NOW, ending_seconds=150) is proved


def test_a_missing_job_proves_nothing_while_its_pod_is_seen() -> None:
    pods = recorded("pod-terminating").pods
    assert not is_gone(None, pods, absent_since=ago(10**6), ours=True, now=NOW, ending_seconds=150)


def test_a_missing_job_is_proof_where_pods_can_be_seen_or_it_was_we_who_deleted_it() -> None:
    assert is_gone(None, [], absent_since=None, ours=False, now=NOW, ending_seconds=150)
    assert is_gone(None, None, absent_since=None, ours=True, now=NOW, ending_seconds=150)


def test_a_job_that_somebody_deleted_leaves_an_unseen_pod_its_time_to_end() -> None:
    assert not is_gone(None, None, absent_since=None, ours=False, now=NOW, ending_seconds=150)
    assert not is_gone(None, None, absent_since=ago(149), ours=False, now=NOW, ending_seconds=150)
    assert is_gone(None, None, absent_since=ago(150), ours=False, now=NOW, ending_seconds=150)


def test_every_wait_has_a_deadline() -> None:
    assert set(Patience().waits) == set(Wait)
