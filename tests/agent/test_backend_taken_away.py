"""Whatever a source, a script or a variable does to the backend: the state is on the site, or nothing is changed."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from executors.agent.errors import StepFailed
from executors.agent.state.backend_guard import BackendGuard
from terrakube_site.terraform.configuration.files import OVERRIDE_FILE
from tests.agent.api_server import ApiServer
from tests.agent.harness import Agent
from tests.support.loopback import Listener

Serve = Callable[..., ApiServer]
Start = Callable[..., Agent]

MAIN = 'resource "terraform_data" "a" { input = "made" }\n'
LOCAL = 'terraform {\n  backend "local" {}\n}\n'
LOCAL_JSON = '{"terraform": {"backend": {"local": {}}}}'
S3 = """terraform {
  backend "s3" {
    bucket = "b"
    key = "k"
    region = "us-east-1"
    access_key = "a"
    secret_key = "b"
    endpoints = { s3 = "http://OTHER" }
    skip_credentials_validation = true
    skip_requesting_account_id = true
    skip_metadata_api_check = true
  }
}
"""
CLOUD = """terraform {
  cloud {
    hostname = "OTHER"
    organization = "acme"
    workspaces { name = "prod" }
  }
}
"""
REMOTE = CLOUD.replace("cloud {", 'backend "remote" {')
LEFT_S3 = json.dumps(
    {
        "version": 3,
        "serial": 1,
        "lineage": "x",
        "backend": {
            "type": "s3",
            "config": {"bucket": "b", "key": "k", "region": "us-east-1", "endpoints": {"s3": "http://OTHER"}},
            "hash": 1,
        },
    }
)
LEFT_CLOUD = json.dumps(
    {
        "version": 3,
        "serial": 1,
        "lineage": "x",
        "backend": {"type": "cloud", "config": {"hostname": "OTHER", "organization": "acme"}, "hash": 1},
    }
)
OWN_STATE = json.dumps(
    {
        "version": 4,
        "serial": 7,
        "lineage": "of-the-source",
        "outputs": {"a": {"value": "1", "type": "string"}},
        "resources": [],
    }
)
INIT = "$(command -v terraform || command -v tofu) init -input=false -reconfigure"

#: What the source holds, and what the step gets beside it.
KEPT: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "an override with a later name": ({"zz_override.tf": LOCAL}, {}),
    "an override in JSON": ({"zzz_override.tf.json": LOCAL_JSON}, {}),
    "an override of tofu": ({"z_override.tofu": LOCAL}, {}),
    "an override of tofu in JSON": ({"z_override.tofu.json": LOCAL_JSON}, {}),
    "an override behind the tilde": ({"~~~_override.tf": LOCAL}, {}),
    "an override behind all ASCII": ({"ÿ_override.tf": LOCAL, "\U0010ffff_override.tf": S3}, {}),
    "our file's name": ({OVERRIDE_FILE: LOCAL}, {}),
    "our file's twin, for which tofu ignores ours": ({"terrakube_override.tofu": LOCAL}, {}),
    "twins of each name": ({"terrakube_override.tofu": LOCAL, "~terrakube_override.tofu": S3}, {}),
    "s3 in the configuration": ({"backend.tf": S3}, {}),
    "s3 in override.tf": ({"override.tf": S3}, {}),
    "remote in the configuration": ({"backend.tf": REMOTE}, {}),
    "a cloud block": ({"cloud.tf": CLOUD}, {}),
    "a cloud block in an override": ({"zz_override.tf": CLOUD}, {}),
    "a cloud block and a backend in an override": ({"cloud.tf": CLOUD, "zz_override.tf": LOCAL}, {}),
    "a backend and a cloud block in an override": ({"backend.tf": LOCAL, "zz_override.tf": CLOUD}, {}),
    "both in one override": ({"a_override.tf": S3 + CLOUD}, {}),
    "another backend left in .terraform": ({".terraform/terraform.tfstate": LEFT_S3}, {}),
    "a cloud left in .terraform": ({".terraform/terraform.tfstate": LEFT_CLOUD}, {}),
    "a workspace left in .terraform": ({".terraform/environment": "prod"}, {}),
    "another data folder with another backend": (
        {"data/terraform.tfstate": LEFT_S3, "data/environment": "prod"},
        {"environmentVariables": {"TF_DATA_DIR": "data"}},
    ),
    "a data folder behind a folder that does not exist": (
        {"data/terraform.tfstate": LEFT_S3},
        {"environmentVariables": {"TF_DATA_DIR": "none/../data"}},
    ),
    "a link in our file's place": (
        {"outside.txt": LOCAL},
        {"before_init": f"ln -s outside.txt {OVERRIDE_FILE}"},
    ),
    "a script before init": ({}, {"before_init": f"cat > zz_override.tf <<'EOT'\n{LOCAL}EOT\n"}),
    "a script after init": ({}, {"before": f"cat > zz_override.tf <<'EOT'\n{LOCAL}EOT\n"}),
    "a script that removes our file": ({"zz_override.tf": LOCAL}, {"before": f"rm -f *{OVERRIDE_FILE}"}),
    "an address of the backend": (
        {},
        {
            "environmentVariables": {
                "TF_HTTP_ADDRESS": "http://OTHER/",
                "TF_HTTP_LOCK_ADDRESS": "http://OTHER/",
                "TF_HTTP_USERNAME": "me",
                "TF_HTTP_HEADERS": "x",
            }
        },
    ),
    "an address from a script": ({}, {"before_init": "echo TF_HTTP_ADDRESS=http://OTHER/ > .terrakube_temp_env"}),
}
REFUSED: dict[str, tuple[dict[str, str], dict[str, Any], str]] = {
    "a script that takes our backend away": (
        {},
        {"before": f"rm -rf *{OVERRIDE_FILE} .terraform/terraform.tfstate"},
        "the configured backend is none. Do not run",
    ),
    "a script that runs init with a backend of its own": (
        {"main_backend.tf": LOCAL},
        {"before": f"rm *{OVERRIDE_FILE}; {INIT}"},
        'the configured backend is local. Remove the block from main_backend.tf (backend "local"), and',
    ),
    "a script that gives our backend another address": (
        {},
        {"before": f"{INIT} -backend-config=address=http://127.0.0.1:9/ || true"},
        "the configured backend is http with address.",
    ),
    "a script that selects a workspace": (
        {},
        {"before": "echo prod > .terraform/environment"},
        ".terraform/environment selects the terraform workspace 'prod'",
    ),
    "a state in the source": ({"terraform.tfstate": OWN_STATE}, {}, "The source contains a state"),
    "TF_WORKSPACE": (
        {},
        {"environmentVariables": {"TF_WORKSPACE": "prod"}},
        "TF_WORKSPACE would select another workspace's state",
    ),
    "TF_WORKSPACE from a script": (
        {},
        {"before": "echo TF_WORKSPACE=prod > .terrakube_temp_env"},
        "TF_WORKSPACE would select another workspace's state",
    ),
    "-backend=false": (
        {},
        {"environmentVariables": {"TF_CLI_ARGS_init": "-upgrade -backend=false"}},
        "TF_CLI_ARGS_init contains -backend,",
    ),
    "-cloud=false": (
        {},
        {"environmentVariables": {"TF_CLI_ARGS_init": "--cloud=false"}},
        "TF_CLI_ARGS_init contains -cl",
    ),
    "-backend-config": (
        {},
        {"environmentVariables": {"TF_CLI_ARGS": '"-backend-config=address=http://OTHER/"'}},
        "TF_CLI_ARGS contains -backend-config,",
    ),
    "-force-copy": ({}, {"environmentVariables": {"TF_CLI_ARGS_init": "-force-copy"}}, "contains -force-copy,"),
    "-state": (
        {},
        {"environmentVariables": {"TF_CLI_ARGS_apply": "-state-out=x -state=y"}},
        "TF_CLI_ARGS_apply contains -state-out,",
    ),
}
TOOLS = [("terraform", "1.11.4"), ("tofu", "1.12.6")]


class OtherHost:
    """Something that listens and counts who comes."""

    def __init__(self) -> None:
        self.heard = 0
        self._listener = Listener(self._hear)
        self.name = f"127.0.0.1:{self._listener.port}"

    def _hear(self, connection: socket.socket) -> None:
        self.heard += 1
        connection.close()

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def other_host() -> Iterator[OtherHost]:
    host = OtherHost()
    yield host
    host.close()


def step(
    serve: Serve, tool: tuple[str, str], other: OtherHost, files: dict[str, str], more: dict[str, Any]
) -> ApiServer:
    """An apply of a source with the files of a case."""
    text = json.dumps([files, more]).replace("OTHER", other.name)
    files, more = json.loads(text)
    commands = [
        {"runtime": "BASH", "script": more.pop(name), "priority": 1, member: True}
        for name, member in (("before_init", "beforeInit"), ("before", "before"))
        if name in more
    ]
    return serve(
        {"main.tf": MAIN, **files},
        type="terraformApply",
        tofu=tool[0] == "tofu",
        terraformVersion=tool[1],
        **({"commandList": commands} if commands else {}),
        **more,
    )


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: str(tool[0]))
@pytest.mark.parametrize("way", KEPT)
def test_our_backend_wins(serve: Serve, start: Start, other_host: OtherHost, way: str, tool: tuple[str, str]) -> None:
    files, more = KEPT[way]
    api = step(serve, tool, other_host, files, dict(more))
    assert start(api).wait() == 0, api.log
    resources = json.loads(api.attempt.states[-1])["resources"]
    assert [resource["name"] for resource in resources] == ["a"]
    assert other_host.heard == 0
    assert api.attempt.lock is None


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: str(tool[0]))
@pytest.mark.parametrize("way", REFUSED)
def test_another_backend_fails_before_anything_is_changed(
    serve: Serve, start: Start, other_host: OtherHost, way: str, tool: tuple[str, str]
) -> None:
    files, more, words = REFUSED[way]
    api = step(serve, tool, other_host, files, dict(more))
    assert start(api).wait() == 10, api.log
    assert api.attempt.result is not None
    assert api.attempt.result["reason"] == "backend-replaced", api.log
    assert words in api.attempt.result["message"]
    assert "Creating..." not in api.log
    assert api.attempt.states == []
    assert other_host.heard == 0


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: str(tool[0]))
def test_two_backends_in_plain_files_are_the_tools_own_error(
    serve: Serve, start: Start, other_host: OtherHost, tool: tuple[str, str]
) -> None:
    for files in ({"a.tf": S3, "b.tf": CLOUD}, {"a.tf": S3, "b.tf": LOCAL}, {"a_override.tf": S3 + LOCAL}):
        api = step(serve, tool, other_host, files, {})
        assert start(api).wait() == 10
        assert api.attempt.result is not None
        assert api.attempt.result["reason"] == "init-failed"
        assert other_host.heard == 0


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: str(tool[0]))
@pytest.mark.parametrize("command", ["plan", "apply"])
def test_a_backend_that_is_taken_away_behind_the_check_loses_no_state(
    serve: Serve, start: Start, other_host: OtherHost, tmp_path: Path, tool: tuple[str, str], command: str
) -> None:
    # A tool that does it at the last moment, behind every check: what counts is whom the real one asked.
    real = shutil.which(tool[0])
    folder = tmp_path / "bin"
    folder.mkdir()
    wrapper = folder / tool[0]
    take_away = f'[ "$1" = {command} ] && rm -rf *{OVERRIDE_FILE} .terraform/terraform.tfstate'
    wrapper.write_text(f'#!/bin/bash\n{take_away}\nexec {real} "$@"\n')
    wrapper.chmod(0o755)
    api = step(serve, tool, other_host, {}, {})
    agent = start(api, PATH=f"{folder}:{os.environ['PATH']}")
    if command == "plan":
        assert agent.wait() == 10, api.log
        assert api.attempt.result is not None
        assert api.attempt.result["reason"] == "backend-replaced"
        assert "Creating..." not in api.log
        assert api.attempt.states == []
    else:
        # An apply is one of a plan, which says itself where its state is.
        assert agent.wait() == 0, api.log
        assert [resource["name"] for resource in json.loads(api.attempt.states[-1])["resources"]] == ["a"]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: str(tool[0]))
def test_a_stored_plan_of_another_backend_is_not_applied(
    serve: Serve, start: Start, other_host: OtherHost, tmp_path: Path, tool: tuple[str, str]
) -> None:
    (tmp_path / "main.tf").write_text(MAIN + LOCAL)
    for arguments in (("init", "-input=false"), ("plan", "-input=false", "-out=plan")):
        subprocess.run([tool[0], *arguments], cwd=tmp_path, check=True, capture_output=True)
    api = step(serve, tool, other_host, {}, {})
    api.attempt.answer["hasPlan"] = True
    api.attempt.files["/plan-file"] = (tmp_path / "plan").read_bytes()
    assert start(api).wait() == 10, api.log
    assert api.attempt.result is not None
    assert api.attempt.result["reason"] == "backend-replaced", api.log
    assert "The plan file belongs to the backend 'local'" in api.attempt.result["message"]
    assert "Creating..." not in api.log


def test_a_state_in_the_folder_is_kept_where_the_backend_was_never_asked(tmp_path: Path) -> None:
    guard = BackendGuard(tmp_path, asked=lambda: 0, say=print)
    guard.prepare({})
    (tmp_path / ".terraform").mkdir()
    configured = {"backend": {"type": "http", "config": {"address": None}}}
    (tmp_path / ".terraform" / "terraform.tfstate").write_text(json.dumps(configured))
    guard.check({}, "apply")
    (tmp_path / "terraform.tfstate").write_text(OWN_STATE)
    with pytest.raises(StepFailed, match="the configured backend is local"):
        guard.check_finished("apply", 1)
    assert guard.local_state == tmp_path / "terraform.tfstate"


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("untouched")
    source = tmp_path / "source"
    source.mkdir()
    (source / OVERRIDE_FILE).symlink_to(outside)
    BackendGuard(source, asked=lambda: 0, say=print).prepare({})
    assert outside.read_text() == "untouched"
    assert sorted(path.name for path in source.iterdir()) == [OVERRIDE_FILE, "~" + OVERRIDE_FILE]


def test_a_name_behind_which_no_other_sorts_is_said(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff_override.tf")
    (tmp_path / name).write_text(LOCAL)
    with pytest.raises(StepFailed, match="Rename the file"):
        BackendGuard(tmp_path, asked=lambda: 0, say=print).prepare({})
