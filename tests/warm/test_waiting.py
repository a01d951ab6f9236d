"""The endpoint at which a warm pod waits: who may wait there, and what its token is good for."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import AsyncClient, Client

from executors.attempts import tokens
from executors.choices import WarmState
from executors.installation.settings import Installation
from executors.models import Attempt, WarmPod
from executors.reporting import warm_pods
from executors.warm import records
from terrakube_site.database.threads import run_in_thread
from tests.warm.conftest import Launch

pytestmark = pytest.mark.django_db(transaction=True)
SESSION, OTHER = "s" * 43, "o" * 43


@pytest.fixture
def pod(conf: Installation, monkeypatch: pytest.MonkeyPatch) -> WarmPod:
    """A pod that has been created and has not yet called."""
    monkeypatch.setattr(warm_pods, "HOLD_SECONDS", 0.05)
    made = records.new_pod(shape="1" * 64, namespace=conf.namespace)
    made.save(force_insert=True)
    return made


def request(pod: WarmPod, token: str | None = None, **members: Any) -> tuple[str, dict[str, Any]]:
    """The address, and the arguments of a client's POST."""
    body = {"session": SESSION, "host": f"{pod.job_name}-abcde", **members}
    headers = {"Authorization": f"Bearer {records.waiting_token(pod) if token is None else token}"}
    address = f"/executor/v1/warm-pods/{pod.pk}/wait"
    return address, {"data": json.dumps(body), "content_type": "application/json", "headers": headers}


def wait(pod: WarmPod, token: str | None = None, **members: Any) -> tuple[int, dict[str, Any]]:
    address, options = request(pod, token, **members)
    answer = Client().post(address, **options)
    return answer.status_code, json.loads(answer.content)


def test_a_pod_that_waits_is_told_to_ask_again(pod: WarmPod) -> None:
    assert wait(pod) == (200, {})
    pod.refresh_from_db()
    assert (pod.state, pod.pod_name) == (WarmState.WAITING, f"{pod.job_name}-abcde")
    assert pod.seen_at == pod.waiting_since
    assert wait(pod) == (200, {})
    pod.refresh_from_db()
    assert pod.seen_at != pod.waiting_since


def test_it_gets_its_attempt_and_gets_it_again_if_the_answer_was_lost(pod: WarmPod, launch: Launch) -> None:
    attempt = launch()
    wait(pod)
    assert records.take_pod(attempt, pod.shape) == pod
    assert wait(pod) == (200, {}), "its labels are not set yet"
    records.hand_over(pod)
    answer = {
        "attemptUrl": f"https://site.example/executor/v1/attempts/{attempt.pk}",
        "attemptToken": tokens.claim_token(attempt),
    }
    assert wait(pod) == (200, answer)
    assert wait(pod) == (200, answer)


def test_a_waiting_pod_hears_of_its_attempt_at_once(
    pod: WarmPod, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = launch()
    wait(pod)
    monkeypatch.setattr(warm_pods, "HOLD_SECONDS", 60)
    address, options = request(pod)

    async def wait_and_hand_over() -> Any:
        call = asyncio.create_task(AsyncClient().post(address, **options))
        await asyncio.sleep(0)
        await run_in_thread(lambda: records.take_pod(attempt, pod.shape))
        await run_in_thread(lambda: records.hand_over(WarmPod(pk=pod.pk)))
        return await call

    assert json.loads(asyncio.run(wait_and_hand_over()).content)["attemptToken"] == tokens.claim_token(attempt)


def test_a_second_executor_with_the_same_token_gets_nothing(pod: WarmPod, launch: Launch) -> None:
    wait(pod)
    assert wait(pod, session=OTHER)[0] == 409
    records.take_pod(launch(), pod.shape)
    records.hand_over(pod)
    status, answer = wait(pod, session=OTHER)
    assert (status, "attemptToken" in answer) == (409, False)


@pytest.mark.parametrize("token", ["", "wrong", "w" * 600, "ä"])
def test_a_stranger_learns_nothing(pod: WarmPod, token: str) -> None:
    status, answer = wait(pod, token)
    assert (status, answer["errors"][0]["code"]) == (401, "unauthorized")
    pod.refresh_from_db()
    assert pod.state == WarmState.STARTING
    unknown = WarmPod(pk=uuid4(), job_name=pod.job_name)
    assert wait(unknown, records.waiting_token(pod)) == (status, answer), "ids cannot be probed"


def test_its_token_can_only_wait(pod: WarmPod, launch: Launch) -> None:
    attempt = launch()
    wait(pod)
    records.take_pod(attempt, pod.shape)
    records.hand_over(pod)
    headers = {"Authorization": f"Bearer {records.waiting_token(pod)}"}
    claim = f"/executor/v1/attempts/{attempt.pk}/claim"
    answer = Client().post(claim, {"session": SESSION}, content_type="application/json", headers=headers)
    assert answer.status_code == 401
    assert wait(pod, tokens.claim_token(attempt))[0] == 401, "nor can an attempt's token wait"


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"session": "short"}, "session"),
        ({"session": None}, "session"),
        ({"host": "other-pod"}, "host"),
        ({"host": 1}, "host"),
    ],
)
def test_a_call_without_a_session_or_from_another_pod_is_refused(
    pod: WarmPod, members: dict[str, Any], named: str
) -> None:
    status, answer = wait(pod, **members)
    assert status == 400
    assert named in answer["errors"][0]["detail"]


def test_a_pod_that_is_not_needed_ends(pod: WarmPod) -> None:
    wait(pod)
    records.end_pods(WarmPod.objects.all())
    assert wait(pod)[0] == 410
    WarmPod.objects.all().delete()
    assert wait(pod)[0] == 401


def test_a_pod_whose_attempt_was_deleted_ends(pod: WarmPod, launch: Launch) -> None:
    attempt = launch()
    wait(pod)
    records.take_pod(attempt, pod.shape)
    records.hand_over(pod)
    Attempt.objects.filter(pk=attempt.pk).delete()
    records.end_unused(start_seconds=60, wait_seconds=60)
    assert wait(pod)[0] == 401
