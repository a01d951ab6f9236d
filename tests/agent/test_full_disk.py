"""A disk that fills in the middle of an apply: the state needs no room on it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.api_server import ApiServer
from tests.agent.harness import Agent

pytestmark = pytest.mark.mount

Serve = Callable[..., ApiServer]
Start = Callable[..., Agent]

FILL = "until ! head -c 65536 /dev/zero >> fill.bin; do :; done 2>/dev/null; cat /dev/zero > more.bin || true"
MAIN = f"""
resource "terraform_data" "a" {{
  provisioner "local-exec" {{ command = "echo it has begun; {FILL}; echo the disk is 'full'; sleep 1" }}
}}
resource "terraform_data" "b" {{ input = terraform_data.a.id }}
output "s" {{
  value     = "hunter2"
  sensitive = true
}}
"""
DESTROYED = f"""
resource "terraform_data" "b" {{ input = "b" }}
resource "terraform_data" "a" {{
  input = terraform_data.b.id
  provisioner "local-exec" {{
    when    = destroy
    command = "{FILL}; echo the disk is 'full'"
  }}
}}
"""
TOOLS = [("terraform", "1.11.4"), ("tofu", "1.12.6")]
REFUSED = {"errors": [{"detail": "It is older.", "code": "state-not-newer"}]}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of its own with little room."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def apply(serve: Serve, start: Start, small_disk: Path) -> Callable[..., tuple[ApiServer, Agent]]:
    """Start an apply whose every file lies on the small disk."""

    def begin(tool: tuple[str, str], main: str = MAIN, **more: Any) -> tuple[ApiServer, Agent]:
        api = serve({"main.tf": main}, **{"type": "terraformApply", "tofu": tool[0] == "tofu", **more})
        api.attempt.answer["jobData"]["terraformVersion"] = tool[1]
        disk = {"TERRAKUBE_WORK_DIR": str(small_disk), "TMPDIR": str(small_disk), "HOME": str(small_disk)}
        return api, start(api, **disk)

    return begin


def names(state: bytes) -> list[str]:
    return sorted(resource["name"] for resource in json.loads(state)["resources"])


def assert_no_state_is_told(api: ApiServer, agent: Agent) -> None:
    for told in (api.log, agent.errors):
        assert "hunter2" not in told
        assert '"lineage"' not in told


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: str(tool[0]))
def test_the_state_arrives_while_the_site_answers(apply: Any, small_disk: Path, tool: tuple[str, str]) -> None:
    api, agent = apply(tool)
    api.wait(lambda: "the disk is full" in api.log)
    assert os.statvfs(small_disk).f_bavail == 0
    assert agent.wait() == 0, api.log
    assert names(api.attempt.states[-1]) == ["a", "b"]
    assert api.attempt.lock is None
    assert_no_state_is_told(api, agent)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: str(tool[0]))
def test_the_state_of_a_destroy_arrives_too(apply: Any, serve: Serve, start: Start, tool: tuple[str, str]) -> None:
    first = serve({"main.tf": DESTROYED}, type="terraformApply", tofu=tool[0] == "tofu", terraformVersion=tool[1])
    assert start(first).wait() == 0, first.log
    api, agent = apply(tool, DESTROYED, type="terraformDestroy")
    api.attempt.states = list(first.attempt.states)
    assert agent.wait() == 0, api.log
    assert "the disk is full" in api.log
    assert names(api.attempt.states[-1]) == []


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: str(tool[0]))
def test_a_refused_state_is_kept_by_the_site_and_told_to_nobody(apply: Any, tool: tuple[str, str]) -> None:
    api, agent = apply(tool)
    api.before = lambda call: (409, REFUSED) if (call.method, call.path) == ("POST", "/state") else None
    assert agent.wait() == 10, api.log
    assert names(api.attempt.recovered[-1]) == ["a", "b"]
    assert api.attempt.result is not None
    assert api.attempt.result["reason"] == "state-refused"
    assert "left out of the log" in api.log, "terraform had no room for a file and printed it"
    assert_no_state_is_told(api, agent)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: str(tool[0]))
def test_a_site_that_is_away_meanwhile_gets_it_afterwards(apply: Any, tool: tuple[str, str]) -> None:
    api, agent = apply(tool)
    api.wait(lambda: "the disk is full" in api.log)
    api.down = True
    with pytest.raises(subprocess.TimeoutExpired):
        agent.process.wait(4)
    api.down = False
    assert agent.wait() == 0, api.log
    assert names(api.attempt.states[-1]) == ["a", "b"]
    assert_no_state_is_told(api, agent)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: str(tool[0]))
def test_what_no_one_took_is_where_the_log_says_or_said_to_be_lost(apply: Any, tool: tuple[str, str]) -> None:
    api, agent = apply(tool, claim={"outageSeconds": 0.5})
    api.before = lambda call: (503, {}) if call.method == "POST" and "state" in call.path else None
    assert agent.wait(60) == 22, api.log
    assert api.attempt.result is not None
    assert api.attempt.result["reason"] == "state-undelivered"
    assert "THE LAST STATE WAS NOT DELIVERED" in api.log
    named = [word for word in api.log.replace("\n", " ").split(" ") if word.endswith(".undelivered")]
    if named:
        kept = Path(named[-1])
        assert names(kept.read_bytes()) == ["a", "b"]
        kept.unlink()
        assert "only the pod has it" in api.attempt.result["message"]
    else:
        assert "it is lost" in api.attempt.result["message"]
    assert_no_state_is_told(api, agent)
