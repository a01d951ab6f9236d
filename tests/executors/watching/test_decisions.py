"""What follows from what is seen of an attempt: the table of cases, without database or cluster."""

from __future__ import annotations

import copy
import datetime as dt
import itertools
from dataclasses import replace
from typing import Any

import pytest

from executors.choices import AttemptState
from executors.contract import last_words
from executors.models import Attempt
from executors.watching.decisions import Act, Decision, Patience, decide
from executors.watching.diagnosis.pods import Diagnosis, Wait, diagnose
from executors.watching.termination import has_terminated
from tests.executors.watching.recorded_states import NAMES, recorded
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
    assert (after.act, after.why.code) == (Act.REPLACE, before.why.code)


def test_an_unschedulable_pod_has_the_whole_start_timeout() -> None:
    launched = attempt(AttemptState.LAUNCHED, launched_at=ago(601))
    assert decided(launched, of("unschedulable-selector", since=599)).act == Act.EXPLAIN
    assert decided(launched, of("unschedulable-selector", since=600)).act == Act.REPLACE


def test_nobody_is_asked_to_look_again_at_a_time_that_is_over() -> None:
    """Or the watcher would look at once, and at once again, for as long as nothing changes."""
    diagnoses = [of(name) for name in NAMES] + [GONE]
    for launched, since in itertools.product((0, 599, 600, 601, 900, 4000), (0, 1, 5, 59, 599)):
        times = {"created_at": ago(launched), "launched_at": ago(launched)}
        unclaimed = attempt(AttemptState.LAUNCHED, **times)
        claimed = attempt(AttemptState.CLAIMED, **times, heartbeat_at=ago(since))
        for found, one in itertools.product(diagnoses, (unclaimed, claimed)):
            decision = decided(one, replace(found, since=ago(since)), noted=since)
            assert decision.again_at is None or decision.again_at > NOW, (found.code, launched, since, decision)


def test_a_container_that_runs_has_a_minute_to_claim_while_this_site_answers() -> None:
    launched = attempt(AttemptState.LAUNCHED)
    assert decided(launched, of("running", since=59), noted=59, answering=True).act == Act.EXPLAIN
    after = decided(launched, of("running", since=60), noted=60, answering=True)
    assert (after.act, after.why.code) == (Act.REPLACE, "not-claimed")


@pytest.mark.parametrize("answering", [True, False, None])
def test_a_warm_pod_has_seconds_to_claim_from_its_handover_on(answering: bool | None) -> None:
    def handed_over(seconds: float) -> Decision:
        one = attempt(AttemptState.LAUNCHED, launched_at=ago(seconds), created_at=ago(seconds), started_warm=True)
        return decided(one, of("running", since=600), noted=seconds, answering=answering)

    assert handed_over(4.9).act == Act.EXPLAIN
    assert (handed_over(5).act, handed_over(5).why.code) == (Act.REPLACE, "not-claimed")


@pytest.mark.parametrize("answering", [False, None])
def test_a_container_has_longer_to_claim_than_its_executor_tries_while_this_site_may_be_away(
    answering: bool | None,
) -> None:
    launched = attempt(AttemptState.LAUNCHED)
    assert decided(launched, of("running", since=149), noted=149, answering=answering).act == Act.EXPLAIN
    after = decided(launched, of("running", since=150), noted=150, answering=answering)
    assert (after.act, after.why.code) == (Act.REPLACE, "not-claimed")


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
    assert LIMITS.for_attempt(launched).lost_after_seconds == 900


def test_an_ordinary_start_is_only_told_when_it_lasts() -> None:
    launched, found = attempt(AttemptState.LAUNCHED), diagnose(recorded("running").job, [])
    quick = decided(launched, found, noted=1)
    assert (quick.act, quick.again_at) == (Act.NOTHING, NOW + dt.timedelta(seconds=2))
    assert decided(launched, found, noted=3).act == Act.EXPLAIN


def test_a_start_that_nobody_can_explain_fails_at_its_timeout_with_what_was_seen_last() -> None:
    found = diagnose(recorded("running").job, None)
    assert decided(attempt(AttemptState.LAUNCHED, launched_at=ago(599)), found, noted=599).act == Act.EXPLAIN
    after = decided(attempt(AttemptState.LAUNCHED, launched_at=ago(600)), found, noted=600)
    assert (after.act, after.why.code) == (Act.FAIL, "start-timeout")
    assert str(found.why.with_advice()) in str(after.why)


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
    assert (after.act, after.why.code) == (Act.LOSE, of(name).code)


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
    assert (after.act, after.why.code) == (Act.LOSE, "silent")
    assert "15 minutes. The pod's node does not answer" in str(after.why)


def test_a_workspace_may_want_to_know_of_silence_sooner() -> None:
    quick = attempt(AttemptState.CLAIMED, heartbeat_at=ago(90), deadlines={"silence_seconds": 90})
    after = decided(quick, of("running"))
    assert (after.act, after.why.code) == (Act.LOSE, "silent")
    assert "no heartbeat for 90 s" in str(after.why)


def test_what_may_change_something_has_longer_to_end() -> None:
    plan, apply = (attempt(AttemptState.CLAIMED, step=Step(type=kind)) for kind in (StepType.PLAN, StepType.APPLY))
    assert (LIMITS.for_attempt(plan).ending_seconds, LIMITS.for_attempt(apply).ending_seconds) == (150, 330)


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
        assert has_terminated(state.job, pods, absent_since=None, ours=True, now=NOW, ending_seconds=150) is proved


def test_an_executor_that_a_sidecar_outlives_is_proved_gone_by_its_container() -> None:
    state = recorded("sidecar")
    lost = ("ContainerStatusUnknown", False), ("Error", True)
    for why, proved in lost:
        state.pods[0]["status"]["containerStatuses"][0]["state"]["terminated"]["reason"] = why
        gone = has_terminated(state.job, state.pods, absent_since=None, ours=False, now=NOW, ending_seconds=150)
        assert gone is proved
    assert not has_terminated(state.job, None, absent_since=None, ours=True, now=NOW, ending_seconds=150)


def test_a_missing_job_proves_nothing_while_its_pod_is_seen() -> None:
    pods = recorded("pod-terminating").pods
    assert not has_terminated(None, pods, absent_since=ago(10**6), ours=True, now=NOW, ending_seconds=150)


def test_a_missing_job_is_proof_where_pods_can_be_seen_or_it_was_we_who_deleted_it() -> None:
    assert has_terminated(None, [], absent_since=None, ours=False, now=NOW, ending_seconds=150)
    assert has_terminated(None, None, absent_since=None, ours=True, now=NOW, ending_seconds=150)


def test_a_job_that_somebody_deleted_leaves_an_unseen_pod_its_time_to_end() -> None:
    assert not has_terminated(None, None, absent_since=None, ours=False, now=NOW, ending_seconds=150)
    assert not has_terminated(None, None, absent_since=ago(149), ours=False, now=NOW, ending_seconds=150)
    assert has_terminated(None, None, absent_since=ago(150), ours=False, now=NOW, ending_seconds=150)


def test_every_wait_has_a_deadline() -> None:
    assert set(Patience().waits) == set(Wait)


# ---- what proves that an executor had begun -------------------------------------------------------------------------


def ended_with(exit_code: int, *, message: str = "") -> Diagnosis:
    """A Job that is over, whose container ended so."""
    state = recorded("exit-10")
    pods = copy.deepcopy(state.pods)
    assert pods is not None
    terminated = container_status(pods[0])["state"]["terminated"]
    terminated |= {"exitCode": exit_code, "message": message}
    return diagnose(state.job, pods)


def container_status(pod: Any) -> Any:
    return pod["status"]["containerStatuses"][0]


def unclaimed(found: Diagnosis, *, witnessed: bool, limits: Patience = LIMITS) -> Decision:
    launched = attempt(AttemptState.LAUNCHED)
    return decide(launched, found, now=NOW, noted=NOW, limits=limits, gone=True, witnessed=witnessed)


@pytest.mark.parametrize("exit_code", [10, 22, 23])
@pytest.mark.parametrize("witnessed", [True, False])
def test_what_only_an_executor_that_had_claimed_ends_with_is_never_tried_again(exit_code: int, witnessed: bool) -> None:
    decision = unclaimed(ended_with(exit_code), witnessed=witnessed)
    assert (decision.act, decision.why.code) == (Act.DOUBT, "claimed-before")
    assert "Compare the state" in str(decision.why)


def test_success_without_a_claim_is_another_image_or_a_claim_that_was_forgotten() -> None:
    assert unclaimed(ended_with(0), witnessed=True).why.code == "result-missing"
    assert unclaimed(ended_with(0), witnessed=False).why.code == "claimed-before"
    terrakube = Patience(terrakube=True)
    assert unclaimed(ended_with(0), witnessed=False, limits=terrakube).act == Act.FAIL


@pytest.mark.parametrize("exit_code", [1, 11, 137, 143])
def test_an_end_that_proves_nothing_is_tried_again_only_by_who_was_there_all_the_while(exit_code: int) -> None:
    assert unclaimed(ended_with(exit_code), witnessed=True).act == Act.REPLACE
    decision = unclaimed(ended_with(exit_code), witnessed=False)
    assert decision.act == Act.DOUBT
    assert "its commands may have run" in str(decision.why)


@pytest.mark.parametrize("exit_code", [1, 11, 137, 143])
def test_the_last_words_of_an_executor_prove_whether_it_had_claimed(exit_code: int) -> None:
    claimed = ended_with(exit_code, message=last_words.CLAIMED)
    not_claimed = ended_with(exit_code, message=last_words.UNCLAIMED)
    for witnessed in (True, False):
        assert unclaimed(claimed, witnessed=witnessed).why.code == "claimed-before"
        assert unclaimed(not_claimed, witnessed=witnessed).act == Act.REPLACE


def test_what_no_node_ever_started_has_run_nothing() -> None:
    found = of("image-not-found", since=100)
    launched = attempt(AttemptState.LAUNCHED)
    decision = decide(launched, found, now=NOW, noted=ago(100), limits=LIMITS, gone=False, witnessed=False)
    assert decision.act == Act.REPLACE


def test_a_job_of_which_only_the_end_may_be_seen_is_not_tried_again_by_who_was_not_there() -> None:
    state = recorded("exit-10")
    found = diagnose(state.job, None)
    assert unclaimed(found, witnessed=True).act == Act.REPLACE
    assert unclaimed(found, witnessed=False).act == Act.DOUBT


def test_an_executor_that_was_refused_says_that_it_ran_nothing_where_that_is_known() -> None:
    assert ended_with(20, message=last_words.UNCLAIMED).why.sentence.endswith("and nothing was run")
    assert "unless the executor is older than 1.1" in ended_with(20).why.sentence
    assert "while its executor ran" in ended_with(23).why.sentence
