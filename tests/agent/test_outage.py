"""The API goes away for a while, or for good."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from executors.agent.api import Api
from executors.agent.errors import ApiUnavailable, AttemptOver
from executors.contract.exit_codes import FENCED
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
    # Tried again, so terraform waits for its state.
    api.wait(lambda: api.unanswered.count("/state") >= 2, what="a state that nobody takes")
    assert agent.process.poll() is None
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
    assert api.remaining_seconds(300) == 300
    server.down = True
    for _ in range(2):
        with pytest.raises(ApiUnavailable):
            api.post_json("/heartbeat", {})
        time.sleep(0.3)
    assert 0 < api.remaining_seconds(300) <= 299.4, "counted from the first call that found it away"
    assert (api.remaining_seconds(0.5), api.remaining_seconds(10)) == (0.5, 10), "something is left for each"
    server.down = False
    with pytest.raises(AttemptOver):
        api.post_json("/heartbeat", {})
    assert api.remaining_seconds(300) == 300, "a refusal is an answer"
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


REFUSED = {"errors": [{"detail": "The serial 1 is not above 7, that of ws1", "code": "state-not-newer"}]}


def refusing(api: ApiServer, *paths: str, **members: Any) -> None:
    api.before = lambda call: (409, REFUSED | members) if call.method == "POST" and call.path in paths else None


@pytest.mark.parametrize("kept_at_once", [True, False])
def test_a_state_that_the_api_refuses_is_kept_there_as_a_recovered_one(
    serve: Serve, start: Start, *, kept_at_once: bool
) -> None:
    api = applying(serve)
    refusing(api, "/state", **({"recovered": True} if kept_at_once else {}))
    agent = start(api)
    assert agent.wait() == 10
    if kept_at_once:
        assert api.attempt.recovered == []
    else:
        assert len(json.loads(api.attempt.recovered[-1])["resources"]) == 2
    assert api.attempt.result is not None
    assert (api.attempt.result["outcome"], api.attempt.result["reason"]) == ("failed", "state-refused")
    assert "The serial 1 is not above 7" in api.attempt.result["message"]
    assert "THE SITE REFUSED THE STATE" in api.log
    assert "lineage" not in api.log
    assert api.attempt.lock is None
    assert list(agent.work.iterdir()) == []


def test_a_refused_state_fails_also_where_the_flow_ignores_errors(serve: Serve, start: Start) -> None:
    api = serve({"main.tf": MAIN}, type="terraformApply", ignoreError=True)
    refusing(api, "/state", recovered=True)
    assert start(api).wait() == 10
    assert api.attempt.result is not None
    assert (api.attempt.result["outcome"], api.attempt.result["reason"]) == ("failed", "state-refused")


def test_a_state_that_the_api_takes_in_no_way_is_left_in_a_file(serve: Serve, start: Start) -> None:
    api = applying(serve)
    refusing(api, "/state", "/recovered-state")
    agent = start(api)
    assert agent.wait() == 22
    kept = next(agent.work.glob("*/terraform.tfstate.undelivered"))
    assert len(json.loads(kept.read_text())["resources"]) == 2
    assert str(kept) in api.log


def test_an_attempt_that_is_over_leaves_its_state_as_a_recovered_one(serve: Serve, start: Start) -> None:
    api = applying(serve)

    def before(call: Any) -> None:
        if (call.method, call.path) == ("POST", "/state"):
            api.attempt.over = True

    api.before = before
    assert start(api).wait() == FENCED
    assert len(json.loads(api.attempt.recovered[-1])["resources"]) == 2


@pytest.mark.parametrize(("tool", "version"), [("terraform", "1.11.4"), ("tofu", "1.12.6")])
def test_a_state_that_terraform_can_put_nowhere_is_not_printed_into_the_log(
    serve: Serve, start: Start, tool: str, version: str
) -> None:
    # Its backend refuses it, and the file that it would write instead is a folder.
    block = {"runtime": "BASH", "script": "mkdir errored.tfstate", "priority": 1, "beforeInit": True}
    secret = 'output "s" {\n  value = "hunter2"\n  sensitive = true\n}\n'
    for more in ({}, {"TF_CLI_ARGS_apply": "-json"}):
        api = serve(
            {"main.tf": MAIN + secret},
            type="terraformApply",
            tofu=tool == "tofu",
            terraformVersion=version,
            commandList=[block],
            environmentVariables=more,
        )
        refusing(api, "/state")
        agent = start(api)
        assert agent.wait() == 10, api.log
        assert "[A state that terraform printed is left out of the log.]" in api.log
        for told in (api.log, agent.errors):
            assert "hunter2" not in told
            assert "lineage" not in told
        assert json.loads(api.attempt.recovered[-1])["outputs"]["s"]["value"] == "hunter2"


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
