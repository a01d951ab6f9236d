"""Stopping a running step: one SIGINT, the state saved, SIGKILL when the time is over."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.agent.api_server import ApiServer
from tests.agent.harness import Agent

Serve = Callable[..., ApiServer]
Start = Callable[..., Agent]

SLEEPING = """
resource "terraform_data" "done" { input = "kept" }
resource "terraform_data" "slow" {
  input = terraform_data.done.output
  provisioner "local-exec" { command = "echo it has begun; %s" }
}
"""


def applying(serve: Serve, command: str = "exec sleep 3600", **claim: Any) -> ApiServer:
    return serve({"main.tf": SLEEPING % command}, type="terraformApply", claim=claim)


def has_begun(api: ApiServer) -> bool:
    return "it has begun" in api.log


def kept_state(api: ApiServer) -> list[str]:
    return [resource["name"] for resource in json.loads(api.attempt.states[-1])["resources"]]


def runs(pid: str) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    # Ended, and waiting to be collected by the machine's first process.
    return "State:\tZ" not in status


def cancel_by_api(api: ApiServer, agent: Agent) -> None:
    api.attempt.cancel = True


def cancel_by_signal(api: ApiServer, agent: Agent) -> None:
    agent.signal(signal.SIGTERM)
    time.sleep(0.05)
    agent.signal(signal.SIGTERM)
    api.attempt.cancel = True


@pytest.mark.parametrize("cancel", [cancel_by_api, cancel_by_signal])
def test_a_cancelled_apply_gets_one_interrupt_and_its_state_is_saved(
    serve: Serve, start: Start, cancel: Callable[[ApiServer, Agent], None]
) -> None:
    api = applying(serve)
    agent = start(api)
    api.wait(lambda: has_begun(api))
    cancel(api, agent)
    # Long before the command would have ended by itself.
    assert agent.wait() == 11
    assert "done" in kept_state(api)
    assert "/state-json" in api.attempt.files
    assert api.attempt.lock is None
    assert "Interrupt received" in api.log
    assert "Two interrupts received" not in api.log
    assert api.attempt.result is not None
    assert (api.attempt.result["outcome"], api.attempt.result["reason"]) == ("cancelled", "cancelled")
    expected = "SIGTERM" if cancel is cancel_by_signal else "The job was cancelled."
    assert expected in api.attempt.result["message"]


def test_what_does_not_end_in_time_is_killed_with_all_that_it_started(
    serve: Serve, start: Start, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    deaf = "trap 'echo told to end' INT; while :; do sleep 0.1; echo goes on; done"
    script = f"(trap '' INT TERM; exec sh -c 'echo $$ > {pid}; exec sleep 3601') & echo it has begun; {deaf}"
    command = {"runtime": "BASH", "script": script}
    api = serve({}, type="customScripts", commandList=[command], claim={"graceSeconds": 5})
    agent = start(api)
    api.wait(lambda: has_begun(api) and pid.exists())
    api.attempt.cancel = True
    assert agent.wait() == 11
    # It was given its time after it was told, and was killed in the end.
    assert "goes on" in api.log.partition("told to end")[2]
    api.wait(lambda: not runs(pid.read_text().strip()), 2)


def test_force_kills_at_once_and_releases_the_lock_that_terraform_held(serve: Serve, start: Start) -> None:
    api = applying(serve)
    locks: list[bool] = []
    agent = start(api)
    api.wait(lambda: has_begun(api))
    # That of its plan was given back before.
    api.before = lambda call: locks.append(True) if call.path == "/unlock" else None
    api.attempt.force = True
    assert agent.wait() == 11
    assert "Interrupt received" not in api.log
    assert api.attempt.lock is None
    assert locks == [True]
    assert api.attempt.result is not None
    assert api.attempt.result["outcome"] == "cancelled"


def test_an_attempt_that_is_over_stops_the_command_and_nothing_more_is_run_or_said(serve: Serve, start: Start) -> None:
    script = {"runtime": "BASH", "script": "echo it has begun; sleep 3600"}
    api = serve({}, type="customScripts", commandList=[script], onFailureList=[{**script, "script": "touch /tmp/x"}])
    agent = start(api)
    api.wait(lambda: has_begun(api))
    api.attempt.over = True
    # It ran, so its code is not that of a refused claim.
    assert agent.wait() == 23
    assert api.made("POST", "/result") == []


def test_scripts_are_cancelled_too_and_their_failure_scripts_do_not_run(serve: Serve, start: Start) -> None:
    command = {"runtime": "BASH", "script": "echo it has begun; sleep 3600; echo more"}
    failure = {"runtime": "BASH", "script": "echo failure script"}
    api = serve({}, type="customScripts", commandList=[command, command], onFailureList=[failure])
    agent = start(api)
    api.wait(lambda: has_begun(api))
    api.attempt.cancel = True
    assert agent.wait() == 11
    assert "more" not in api.log
    assert "failure script" not in api.log
    assert api.log.count("it has begun") == 1


def test_a_script_that_floods_the_log_is_cancelled_too(serve: Serve, start: Start) -> None:
    command = {"runtime": "BASH", "script": "echo it has begun; exec yes no end of it"}
    api = serve({}, type="customScripts", commandList=[command])
    agent = start(api)
    api.wait(lambda: len(api.attempt.log) > 5 * 2**20)
    api.attempt.cancel = True
    assert agent.wait() == 11
    assert api.attempt.lost == []
    assert api.attempt.result is not None
    assert api.attempt.result["logSize"] == len(api.attempt.log)


def test_a_clone_is_cancelled_too(serve: Serve, start: Start, tmp_path: Path) -> None:
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\necho it has begun\nsleep 3600\n")
    slow.chmod(0o755)
    api = serve(None, branch="main", source="https://git.example/x.git", claim={"upload": False})
    agent = start(api, PATH=f"{tmp_path}:{os.environ['PATH']}")
    api.wait(lambda: has_begun(api))
    agent.signal(signal.SIGINT)
    assert agent.wait() == 11
    assert api.attempt.result is not None
    assert api.attempt.result["outcome"] == "cancelled"


def test_a_step_that_was_cancelled_before_it_began_runs_nothing(serve: Serve, start: Start) -> None:
    api = serve({"main.tf": SLEEPING % "true"}, type="terraformApply")
    api.attempt.cancel = True
    held = [True]
    api.before = lambda call: (503, {}) if call.path == "/source" and held[0] else None
    agent = start(api)
    assert agent.wait() == 11
    assert api.attempt.states == []
    assert "Initializing" not in api.log


def test_a_pod_told_to_stop_while_nobody_answers_its_claim_ends_without_running_anything(
    serve: Serve, start: Start
) -> None:
    api = serve({})
    api.down = True
    agent = start(api)
    api.wait(lambda: "/claim" in api.unanswered, what="a claim that nobody answers")
    agent.signal(signal.SIGTERM)
    assert agent.wait() == 11
    assert "Nothing was run." in agent.errors
