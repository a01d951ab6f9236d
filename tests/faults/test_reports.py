"""What an executor reports twice, late, out of order or with somebody else's token changes nothing that it should not.

Each attempt here is claimed by the test in its executor's place, while its pod waits for a node; when a node takes the
pod at last, its executor is refused and runs nothing.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any
from uuid import uuid4

import pytest

from executors.attempts.tokens import claim_token
from executors.contract.exit_codes import REFUSED
from executors.models import Attempt, LogChunk
from tests.faults.marks import FAULT
from tests.faults.sound import lost_bytes, whole_log
from tests.faults.trial import Trial
from tests.spine.cluster import TOO_LARGE
from tests.spine.waiting import await_that
from tests.support.patience import patient
from workspaces.choices import JobStatus
from workspaces.models import Job
from workspaces.services.jobs import cancel_job

pytestmark = FAULT

SUCCESS = {"outcome": "succeeded", "exitCode": 0, "reason": "done", "message": "Done."}


class Hand:
    """An executor that is played by hand: what it says, and the answers, as (status, code of the error)."""

    def __init__(self, trial: Trial, attempt: Attempt) -> None:
        self.attempt = attempt
        self.session = uuid4().hex * 2
        self._url = f"{trial.site.address}/executor/v1/attempts/{attempt.pk}"

    def say(self, path: str, body: Any = b"", *, token: str | None = None) -> tuple[int, str]:
        request = urllib.request.Request(  # noqa: S310 - the test's own site
            f"{self._url}/{path}",
            body if isinstance(body, bytes) else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.session if token is None else token}"},
            method="POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=patient(10)) as answer:  # noqa: S310
                return int(answer.status), ""
        except urllib.error.HTTPError as error:
            return error.code, str(json.loads(error.read())["errors"][0].get("code", ""))

    def claim(self, session: str = "") -> tuple[int, str]:
        return self.say("claim", {"session": session or self.session}, token=claim_token(self.attempt))

    def log(self, offset: int, data: bytes) -> tuple[int, str]:
        return self.say(f"logs?offset={offset}", data)

    def result(self, **changes: Any) -> tuple[int, str]:
        return self.say("result", {**SUCCESS, **changes})


@pytest.fixture
def job(trial: Trial) -> Job:
    """A job whose pod waits for a node."""
    job = trial.job(environment=TOO_LARGE)
    trial.await_launched(job)
    return job


@pytest.fixture
def hand(trial: Trial, job: Job) -> Hand:
    return Hand(trial, trial.attempt(job))


def refused_pod(trial: Trial, hand: Hand) -> None:
    """Let a node take the pod: its executor runs nothing."""
    pod = trial.cluster.pod_of(hand.attempt)
    trial.cluster.shrink_pod(pod)
    assert trial.cluster.exit_code(pod["metadata"]["name"]) == REFUSED


def test_what_is_said_twice_counts_once(trial: Trial, job: Job, hand: Hand) -> None:
    assert [hand.claim(), hand.claim()] == [(200, "")] * 2
    assert [hand.log(0, b"mark 1\n"), hand.log(0, b"mark 1\n"), hand.log(0, b"mark 1\nmark 2\n")] == [(200, "")] * 3
    assert [hand.result(logSize=14), hand.result(logSize=14)] == [(200, "")] * 2
    refused_pod(trial, hand)
    trial.assert_sound(job, starts=0, marks=2)
    assert LogChunk.objects.filter(attempt=hand.attempt).count() == 2


@pytest.mark.everyday
def test_a_log_out_of_order_is_put_in_order_and_what_never_came_is_shown_as_lost(
    trial: Trial, job: Job, hand: Hand
) -> None:
    hand.claim()
    assert hand.log(7, b"mark 2\n") == (409, "gap")
    assert hand.log(0, b"mark 1\n") == (200, "")
    assert hand.log(7, b"mark 2\n") == (200, "")
    # The result overtakes the last 7 bytes, which then come too late.
    assert hand.result(logSize=21) == (200, "")
    assert hand.log(14, b"mark 3\n") == (410, "attempt-over")
    refused_pod(trial, hand)
    trial.assert_sound(job, starts=0, marks=2, lost=True)
    assert lost_bytes(hand.attempt) == 7
    assert b"[7 bytes of the log were lost]" in whole_log(hand.attempt)


def test_what_comes_late_changes_nothing(trial: Trial, job: Job, hand: Hand) -> None:
    hand.claim()
    assert hand.result() == (200, "")
    late = [
        hand.say("heartbeat", {"phase": "apply"}),
        hand.result(outcome="failed"),
        hand.log(0, b"late"),
        hand.claim(),
    ]
    assert late == [(410, "attempt-over")] * 4
    refused_pod(trial, hand)
    trial.assert_sound(job, starts=0)


def test_a_claim_that_comes_after_the_cancel_is_refused(trial: Trial, job: Job, hand: Hand) -> None:
    cancel_job(job, by=None)
    trial.fault()
    await_that(lambda: hand.claim() == (410, "attempt-over"), "the claim is refused", 10)
    trial.assert_sound(job, status=JobStatus.CANCELLED, code=None, starts=0)


@pytest.mark.everyday
def test_forged_reports_are_refused(trial: Trial, job: Job, hand: Hand) -> None:
    other = trial.job(environment=TOO_LARGE)
    stranger = Hand(trial, trial.await_launched(other))
    assert (hand.claim(), stranger.claim()) == ((200, ""),) * 2
    forged = ["", "x" * 43, stranger.session, claim_token(hand.attempt), claim_token(stranger.attempt)]
    for path, body in (("heartbeat", {}), ("logs?offset=0", b"forged"), ("result", SUCCESS), ("state", b"{}")):
        assert {hand.say(path, body, token=token) for token in forged} == {(401, "unauthorized")}
    for token in ("", "x" * 64, claim_token(stranger.attempt), hand.session):
        assert hand.say("claim", {"session": "y" * 43}, token=token) == (401, "unauthorized")
    hand.attempt.refresh_from_db()
    assert (hand.attempt.log_size, hand.attempt.state) == (0, "claimed")
    for each in (hand, stranger):
        assert each.result() == (200, "")
        refused_pod(trial, each)
    trial.assert_sound(job, starts=0)
    trial.assert_sound(other, starts=0)


@pytest.mark.everyday
def test_the_one_time_token_opens_nothing_a_second_time(trial: Trial, job: Job, hand: Hand) -> None:
    assert hand.claim() == (200, "")
    assert hand.claim("t" * 43) == (409, "already-claimed")
    # Nor for the pod itself, which comes second here.
    refused_pod(trial, hand)
    assert hand.say("heartbeat", {"phase": "script"}) == (200, "")
    assert hand.result() == (200, "")
    trial.assert_sound(job, starts=0)
