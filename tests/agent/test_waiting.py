"""A warm pod: it waits for an attempt, runs it like any other, and ends when it is not needed."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from typing import Any

from executors.contract.exit_codes import CANCELLED, REFUSED
from executors.contract.job_data import decode, encode_warm
from tests.agent.api_server import ATTEMPT_TOKEN, ApiServer, Call
from tests.agent.harness import Agent

Serve = Callable[..., ApiServer]
Start = Callable[..., Agent]
TOKEN = "token-of-the-warm-pod"
SCRIPT = {"runtime": "BASH", "script": "echo hello; env | grep -c token-of-the-warm-pod || true"}


def pool(api: ApiServer, answers: list[tuple[int, dict[str, Any]]]) -> list[Call]:
    """Let a server answer the calls of a waiting pod in turn, and then with an attempt; return those calls."""
    calls: list[Call] = []

    def before(call: Call) -> tuple[int, dict[str, Any]] | None:
        if call.path != "/wait":
            return None
        calls.append(call)
        return answers.pop(0) if answers else (200, {"attemptUrl": api.url, "attemptToken": ATTEMPT_TOKEN})

    api.before = before
    return calls


def test_it_waits_until_it_gets_an_attempt_and_runs_that(serve: Serve, start: Start) -> None:
    api = serve({}, type="customScripts", commandList=[SCRIPT])
    calls = pool(api, [(200, {}), (503, {}), (200, {})])
    assert start(api, data=encode_warm(api.url, TOKEN)).wait() == 0
    assert len(calls) == 4
    sessions = {json.loads(call.body)["session"] for call in calls}
    assert len(sessions) == 1, "a call that is repeated is of the same executor"
    assert api.attempt.session not in sessions
    assert "hello\n0\n" in api.log, "nothing of the pod's own token is left for scripts"
    assert (len(api.made("POST", "/claim")), len(api.made("POST", "/result"))) == (1, 1)


def test_a_pod_that_is_not_needed_ends_without_a_word(serve: Serve, start: Start) -> None:
    api = serve({})
    pool(api, [(200, {}), (410, {"errors": [{"detail": "This pod is not needed any more."}]})])
    agent = start(api, data=encode_warm(api.url, TOKEN))
    assert agent.wait() == REFUSED
    assert api.made("POST", "/claim") == []


def test_a_pod_that_waits_ends_at_once_when_it_is_told_to(serve: Serve, start: Start) -> None:
    api = serve({})
    calls = pool(api, [(200, {})] * 100_000)
    agent = start(api, data=encode_warm(api.url, TOKEN))
    api.wait(lambda: calls, what="the pod waits")
    agent.process.send_signal(signal.SIGTERM)
    assert agent.wait() == CANCELLED
    assert api.made("POST", "/claim") == []


def test_the_job_data_of_a_warm_pod_say_that_it_is_one() -> None:
    payload = decode(encode_warm("https://site.example/pod/", TOKEN, "PEM"))
    assert (payload.warm, payload.attempt_url, payload.ca_bundle) == (True, "https://site.example/pod", "PEM")
    assert TOKEN not in repr(payload)
