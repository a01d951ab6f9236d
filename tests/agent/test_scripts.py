"""A step's own scripts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.agent.api_server import ApiServer
from tests.agent.git_server import Repository
from tests.agent.harness import Agent

Serve = Callable[..., ApiServer]
Start = Callable[..., Agent]


def bash(script: str, **more: Any) -> dict[str, Any]:
    return {"runtime": "BASH", "script": script, "priority": 100, **more}


def scripted(serve: Serve, *commands: dict[str, Any], **fields: Any) -> ApiServer:
    return serve(
        {"main.tf": 'output "a" { value = 1 }\n'}, **{"type": "customScripts", "commandList": list(commands), **fields}
    )


def order(api: ApiServer) -> list[str]:
    return [line for line in api.log.splitlines() if line.startswith("at ")]


@pytest.mark.parametrize("kind", ["customScripts", "approval"])
def test_scripts_run_by_priority_and_as_listed_where_that_is_equal(serve: Serve, start: Start, kind: str) -> None:
    api = scripted(
        serve,
        bash("echo at third"),
        bash("echo at fourth"),
        bash("echo at first", priority=-1, after=True),
        bash("echo at second", priority=5, before=True),
        type=kind,
    )
    assert start(api).wait() == 0
    assert order(api) == ["at first", "at second", "at third", "at fourth"]
    assert "Initializing" not in api.log
    assert api.attempt.result is not None
    assert (api.attempt.result["outcome"], api.attempt.result["changes"]) == ("succeeded", None)


def test_scripts_run_around_init_and_the_command(serve: Serve, start: Start) -> None:
    api = scripted(
        serve,
        bash("echo at after; terraform show terraformLibrary.tfPlan >/dev/null && echo at plan", after=True),
        bash("ls -d .terraform && echo at before", before=True),
        bash("[ ! -e .terraform ] && echo at beforeInit; echo TF_VAR_late=x >>$terrakubeEnv", beforeInit=True),
        bash("echo 'disable_checkpoint = true' >ci.tfrc", beforeInit=True),
        type="terraformPlan",
        environmentVariables={"TF_CLI_CONFIG_FILE": "ci.tfrc"},
    )
    assert start(api).wait() == 0, api.log
    assert "does not exist: not used" not in api.log
    assert order(api) == ["at beforeInit", "at before", "at after", "at plan"]


def test_what_a_script_leaves_is_there_for_those_after_it_and_for_terraform(serve: Serve, start: Start) -> None:
    main = 'variable "region" { type = string }\noutput "r" { value = "in ${var.region}" }\n'
    api = serve(
        {"main.tf": main},
        type="terraformApply",
        commandList=[
            bash("echo TF_VAR_region=eu=west >>.terrakube_temp_env", beforeInit=True),
            bash('echo "at $TF_VAR_region $terraformOutput"', after=True),
        ],
    )
    assert start(api).wait() == 0, api.log
    assert 'r = "in eu=west"' in api.log
    assert "at eu=west {" in api.log
    assert '"value": "in eu=west"' in api.log


def test_a_script_knows_terrakubes_variables_and_no_key(serve: Serve, start: Start) -> None:
    names = "organizationId workspaceId jobId stepId terraformVersion source branch vcsType workspaceName size"
    api = scripted(
        serve,
        bash(f'for n in {names} accessToken terrakubeToken EphemeralJobData; do echo "$n=${{!n}}"; done; pwd; env'),
        source="s",
        accessToken="the-access-token",
        variables={"size": "big", "not-a-name": "x", "large": "y" * 140_000},
        folder="/",
    )
    agent = start(api)
    assert agent.wait() == 0, api.log
    lines = api.log.splitlines()
    for line in (
        "jobId=2",
        "branch=remote-content",
        "workspaceName=ws1",
        "size=big",
        "source=s",
        "accessToken=",
        "terrakubeToken=",
    ):
        assert line in lines
    assert "left out: large." in api.log
    assert "the-access-token" not in api.log
    assert f"workingDirectory={next(line for line in lines if line.endswith('/source'))}" in lines


def test_scripts_share_a_directory_of_tools_and_get_the_repository_of_tools_when_they_name_it(
    serve: Serve, start: Start, tmp_path: Path
) -> None:
    Repository(tmp_path / "tools").commit("a tool")
    api = scripted(
        serve,
        bash("printf '#!/bin/sh\\necho at tool' >$bashToolsDirectory/mine; chmod +x $bashToolsDirectory/mine"),
        bash('mine; echo "at $(cat $terrakubeToolsRepository/a.txt)"; echo "at $terrakubeApi"'),
    )
    agent = start(api, TerrakubeToolsRepository=f"file://{tmp_path}/tools", TerrakubeApiUrl="https://terrakube.example")
    assert agent.wait() == 0
    assert order(api) == ["at tool", "at a tool", "at https://terrakube.example"]


def test_a_script_that_fails_stops_the_rest_and_runs_those_for_failures(serve: Serve, start: Start) -> None:
    api = scripted(
        serve,
        bash("echo at one; exit 7"),
        bash("echo at two"),
        onFailureList=[bash("echo at failure; exit 1"), bash("echo at never")],
    )
    assert start(api).wait() == 10
    assert order(api) == ["at one", "at failure"]
    assert api.attempt.result is not None
    assert api.attempt.result["reason"] == "script-failed"
    assert api.attempt.result["exitCode"] == 7
    assert api.attempt.result["message"] == "A script ended with exit code 7."


def test_scripts_for_failures_do_not_run_after_a_success(serve: Serve, start: Start) -> None:
    api = scripted(serve, bash("echo at one"), onFailureList=[bash("echo at failure")])
    assert start(api).wait() == 0
    assert order(api) == ["at one"]


def test_groovy_is_refused_in_words(serve: Serve, start: Start) -> None:
    api = scripted(serve, {"runtime": "GROOVY", "script": "println 1"})
    assert start(api).wait() == 10
    assert api.attempt.result is not None
    assert api.attempt.result["message"] == "This executor runs BASH scripts only, not GROOVY."


def test_a_verbose_script_is_shown(serve: Serve, start: Start) -> None:
    api = scripted(serve, bash("true # the text", verbose=True), bash("true # another"))
    assert start(api).wait() == 0
    assert "true # the text" in api.log
    assert "another" not in api.log


def test_what_a_script_leaves_running_ends_with_it(serve: Serve, start: Start) -> None:
    # Killed, and perhaps not yet collected by the first process of this machine.
    gone = "s=/proc/$(cat pid)/status; if [ ! -e $s ] || grep -q 'State:.Z' $s; then echo at rest; fi"
    api = scripted(serve, bash("sleep 300 & echo $! >pid"), bash(gone))
    assert start(api).wait(10) == 0
    assert order(api) == ["at rest"]


def test_errors_and_output_come_in_order_and_a_last_line_without_end_too(serve: Serve, start: Start) -> None:
    api = scripted(serve, bash("echo at 1; echo at 2 >&2; echo at 3; printf 'at 4'"))
    assert start(api).wait() == 0
    assert order(api)[:3] == ["at 1", "at 2", "at 3"]
    assert "at 4\n==> Succeeded" in api.log


def test_a_script_runs_in_the_workspaces_folder_with_the_tool_on_its_path(serve: Serve, start: Start) -> None:
    api = serve(
        {"env/dev/main.tf": ""},
        folder="/env/dev",
        commandList=[bash("pwd; command -v terraform | sed 's/^/at /'", before=True)],
    )
    assert start(api).wait() == 0
    assert "/source/env/dev\n" in api.log
    assert order(api) == ["at /usr/local/bin/terraform"]


def test_scripts_find_tofu_by_the_name_of_terraform_too(serve: Serve, start: Start, tmp_path: Path) -> None:
    (tmp_path / "tofu/1.12.6").mkdir(parents=True)
    (tmp_path / "tofu/1.12.6/tofu").symlink_to("/usr/local/bin/tofu")
    for kind, moment in (("terraformPlan", {"before": True}), ("customScripts", {})):
        api = serve(
            {"main.tf": ""},
            type=kind,
            tofu=True,
            terraformVersion="1.12.6",
            commandList=[bash("terraform version | sed 's/^/at /'", **moment)],
        )
        assert start(api, TERRAKUBE_TOOLS_DIR=str(tmp_path), PATH="/usr/bin:/bin").wait() == 0, api.log
        assert order(api)[0].startswith("at OpenTofu v"), api.log
