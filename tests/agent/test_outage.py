"""The API goes away for a while, or for good."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from executors.agent.api import Api
from executors.agent.errors import ApiUnavailable, AttemptOver
from tests.agent.api_server import ATTEMPT_TOKEN, ApiServer
from tests.agent.harness import Agent

Serve = Callable[..., ApiServer]
Start = Callable[..., Agent]

MAIN = """
resource "terraform_data" "a" {
  provisioner "local-exec" { command = "echo it has begun; sleep 1" }
}
resource "terraform_data" "b" { input = terraform_data.a.id }
"""


def applying(serve: Serve, **claim: Any) -> ApiServer:
    return serve({"main.tf": MAIN}, type="terraformApply", claim=claim)


def test_an_outage_in_the_middle_of_an_apply_loses_nothing(serve: Serve, start: Start) -> None:
    api = applying(serve)
    agent = start(api)
    api.wait(lambda: "it has begun" in api.log)
    api.down = True
    with pytest.raises(Exception, match="timed out"):
        agent.process.wait(2.5)
    api.down = False
    assert agent.wait() == 0
    assert len(json.loads(api.attempt.states[-1])["resources"]) == 2
    assert api.attempt.result is not None
    assert api.attempt.result["logSize"] == len(api.attempt.log)
    assert api.attempt.lost == []
    assert "The API is away: terraform waits for its state" in api.log
    assert "Apply complete!" in api.log
    assert "/state-json" in api.attempt.files
    assert api.attempt.lock is None


def test_all_that_waits_for_the_same_outage_shares_its_seconds(serve: Serve) -> None:
    server = serve({})
    api = Api(server.url, ATTEMPT_TOKEN, None, {})
    assert api.left(300) == 300
    server.down = True
    for _ in range(2):
        with pytest.raises(ApiUnavailable):
            api.post_json("/heartbeat", {})
        time.sleep(0.3)
    assert 299 < api.left(300) <= 299.4, "counted from the first call that found it away"
    assert (api.left(0.5), api.left(10)) == (0.5, 10), "something is left for each"
    server.down = False
    with pytest.raises(AttemptOver):
        api.post_json("/heartbeat", {})
    assert api.left(300) == 300, "a refusal is an answer"
    api.close()


def test_a_state_that_cannot_be_delivered_is_kept_and_said_by_the_exit_code(serve: Serve, start: Start) -> None:
    api = applying(serve, outageSeconds=0.5)
    agent = start(api)
    api.wait(lambda: "it has begun" in api.log)
    api.down = True
    # The result is tried for ten seconds at least.
    api.wait(lambda: list(agent.work.glob("*/terraform.tfstate.undelivered")), what="the kept state")
    api.down = False
    assert agent.wait() == 22
    kept = next(agent.work.glob("*/terraform.tfstate.undelivered"))
    assert json.loads(kept.read_text())["resources"]
    assert api.attempt.result is not None
    assert (api.attempt.result["outcome"], api.attempt.result["reason"]) == ("failed", "state-undelivered")


def test_a_state_that_the_api_refuses_is_kept_too(serve: Serve, start: Start) -> None:
    api = applying(serve)
    body = {"errors": [{"detail": "Somebody else holds the lock.", "code": "locked"}]}
    api.before = lambda call: (409, body) if (call.method, call.path) == ("POST", "/state") else None
    agent = start(api)
    assert agent.wait() == 22
    assert list(agent.work.glob("*/terraform.tfstate.undelivered"))
    assert "NOT DELIVERED" in api.log


def test_a_state_that_terraform_had_to_leave_in_a_file_is_delivered_from_there(serve: Serve, start: Start) -> None:
    api = applying(serve)
    refusals = [True]

    def before(call: Any) -> tuple[int, dict[str, Any]] | None:
        return (403, {}) if (call.method, call.path) == ("POST", "/state") and refusals and refusals.pop() else None

    api.before = before
    agent = start(api)
    assert agent.wait() == 10
    assert len(json.loads(api.attempt.states[-1])["resources"]) == 2
    assert "is delivered now" in api.log
    assert api.attempt.lock is None
    assert list(agent.work.iterdir()) == []


def test_a_result_that_nobody_takes_is_said_by_the_exit_code(serve: Serve, start: Start) -> None:
    api = serve({}, type="customScripts", commandList=[{"runtime": "BASH", "script": "true"}])
    api.before = lambda call: (400, {}) if call.path == "/result" else None
    assert start(api).wait() == 22


def test_a_lock_whose_answer_was_lost_is_still_ours(serve: Serve, start: Start) -> None:
    api = applying(serve)
    lost = [True]

    def before(call: Any) -> tuple[int, dict[str, Any]] | None:
        if call.path == "/lock" and lost and lost.pop():
            api.attempt.lock = json.loads(call.body)
            return 502, {}
        return None

    api.before = before
    assert start(api).wait() == 0, api.log
    assert api.attempt.lock is None


def test_uploads_are_tried_again(serve: Serve, start: Start) -> None:
    api = serve({"main.tf": MAIN})
    failures = {"/source": 2, "/plan-file": 1, "/plan-json": 1, "/lock": 1, "/state": 1, "/result": 2}

    def before(call: Any) -> tuple[int, dict[str, Any]] | None:
        if failures.get(call.path, 0) > 0:
            failures[call.path] -= 1
            return 502, {}
        return None

    api.before = before
    assert start(api).wait() == 0
    assert {"/plan-file", "/plan-json"} <= set(api.attempt.files)
    assert not any(failures.values())
