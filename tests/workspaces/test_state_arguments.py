"""A variable that would put the state elsewhere is refused at each door; the executor has the same rules."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from executors.agent.errors import StepFailed
from executors.agent.state import arguments as in_the_pod
from terrakube_site.terraform.state_arguments import split_arguments
from tests.factories import (
    CollectionFactory,
    GlobalVariableFactory,
    ItemFactory,
    VariableFactory,
    WorkspaceFactory,
)
from workspaces import flows
from workspaces.choices import Category
from workspaces.errors import InvalidInput
from workspaces.models import GlobalVariable, Item, Variable
from workspaces.services.records import create_record, update_record
from workspaces.validation import state_arguments

REFUSED = [
    ("TF_WORKSPACE", "prod"),
    ("TF_HTTP_ADDRESS", "http://elsewhere"),
    ("TF_HTTP_PASSWORD", "Top/Secret+Value9"),
    ("TF_CLI_ARGS", "-no-color -backend-config=address=Top/Secret+Value9"),
    ("TF_CLI_ARGS", "-backend-config Top/Secret+Value9"),
    ("TF_CLI_ARGS_init", "-backend=false"),
    ("TF_CLI_ARGS_init", "--backend=false"),
    # Terraform drops a backslash in double quotes before any character.
    ("TF_CLI_ARGS_init", '"-back\\end=false"'),
    ("TF_CLI_ARGS_init", "'-back'end=false"),
    ("TF_CLI_ARGS_init", '"-cloud=false"'),
    ("TF_CLI_ARGS_init", "-reconfigure"),
    ("TF_CLI_ARGS_init", "-migrate-state -force-copy"),
    ("TF_CLI_ARGS_apply", "-state=other.tfstate"),
    ("TF_CLI_ARGS_apply", "-parallelism=1\n-state-out other.tfstate"),
    ("TF_CLI_ARGS_plan", "'unclosed -state=x"),
    ("TF_CLI_ARGS_plan", "-var=x=$(') -state=x -var=y=$(')"),
    ("TF_CLI_ARGS_plan", "-var=x=`\"` '-state=x' -var=y=`\"`"),
    ("TF_CLI_ARGS_plan", "-var=x=a;b -state=x"),
]
TAKEN = [
    ("TF_WORKSPACE", "default"),
    ("TF_WORKSPACE", ""),
    ("TF_CLI_ARGS", "-no-color"),
    ("TF_CLI_ARGS_init", "-upgrade -plugin-dir=/backend"),
    ("TF_CLI_ARGS_plan", "-var=backend=x -parallelism=3 -target='module.backend'"),
    ("TF_CLI_ARGS_plan", "-var 'a=-backend=false'"),
    ("TF_CLI_ARGS_plan", r'-var "a=\" -state \"" -var "b=\\d+ -state"'),
    ("TF_CLI_ARGS_plan", "-var 'x=$(a) `-state` ; -state=x'"),
    ("TF_CLI_ARGSX", "-backend=false"),
    ("TF_HTTPX", "1"),
    ("TF_VAR_state", "-state=1"),
]


@pytest.mark.parametrize(("key", "value"), REFUSED)
def test_both_refuse_the_same(key: str, value: str) -> None:
    refused = state_arguments.state_refusal(key, value)
    assert refused is not None
    assert key in refused
    assert "Secret" not in refused
    if key.startswith("TF_HTTP_"):
        assert in_the_pod.without_backend({key: value, "A": "1"}) == {"A": "1"}
    else:
        with pytest.raises(StepFailed, match=key) as failed:
            in_the_pod.check_environment({"A": "1", key: value})
        assert "Secret" not in failed.value.message


@pytest.mark.parametrize(("key", "value"), TAKEN)
def test_both_take_the_same(key: str, value: str) -> None:
    assert state_arguments.state_refusal(key, value) is None
    in_the_pod.check_environment({key: value})


@pytest.mark.django_db
@pytest.mark.parametrize(("key", "value"), REFUSED)
@pytest.mark.parametrize("sensitive", [False, True])
def test_it_is_refused_for_a_workspace_an_organization_and_a_collection(
    key: str, value: str, *, sensitive: bool
) -> None:
    workspace = WorkspaceFactory.create()
    fields: dict[str, Any] = {"key": key, "value": value, "sensitive": sensitive}
    rows = (
        Variable(workspace=workspace, category=Category.ENV, **fields),
        GlobalVariable(organization=workspace.organization, category=Category.ENV, **fields),
        Item(collection=CollectionFactory.create(organization=workspace.organization), category=Category.ENV, **fields),
    )
    for row in rows:
        with pytest.raises(InvalidInput) as refused:
            create_record(row, by=None)
        assert set(refused.value.fields) == {"value"}
        assert key in refused.value.message
        assert "Secret" not in refused.value.message
    # Of terraform's own variables none has such a meaning.
    create_record(Variable(workspace=workspace, category=Category.TERRAFORM, **fields), by=None)


@pytest.mark.django_db
def test_it_is_refused_for_one_that_becomes_such_a_variable() -> None:
    workspace = WorkspaceFactory.create()
    renamed = VariableFactory.create(workspace=workspace, key="ARGS", value="-backend=false")
    with pytest.raises(InvalidInput, match="-backend"):
        update_record(renamed, {"key": "TF_CLI_ARGS_init"}, by=None)
    moved = VariableFactory.create(workspace=workspace, key="TF_WORKSPACE", value="x", category=Category.TERRAFORM)
    with pytest.raises(InvalidInput, match="TF_WORKSPACE"):
        update_record(moved, {"category": Category.ENV}, by=None)
    shared = GlobalVariableFactory.create(organization=workspace.organization, key="TF_CLI_ARGS", value="-no-color")
    with pytest.raises(InvalidInput, match="-state"):
        update_record(shared, {"value": "-state=x"}, by=None)
    item = ItemFactory.create(
        collection=CollectionFactory.create(organization=workspace.organization), key="TF_CLI_ARGS", value="-no-color"
    )
    with pytest.raises(InvalidInput, match="-cloud"):
        update_record(item, {"value": "-cloud=false"}, by=None)


@pytest.mark.parametrize("key", ["TF_WORKSPACE", "TF_HTTP_ADDRESS", "TF_HTTP_USERNAME"])
@pytest.mark.parametrize("place", ["", "    importCommands:\n      repository: https://git.example/x.git\n  "])
def test_it_is_refused_in_a_flow(key: str, place: str) -> None:
    flow = (
        f"flow:\n  - type: terraformPlan\n    step: 100\n{place}    inputsEnv:\n      {place and '  '}{key}: $SHARED\n"
    )
    with pytest.raises(flows.FlowError, match=f"{key} would choose another state"):
        flows.parse(flow)


TEXTS = [
    ("", []),
    ("-a\t-b\r\n -c", ["-a", "-b", "-c"]),
    (r'-var=x=a\tb "-b\ack" \-c', ["-var=x=atb", "-back", "-c"]),
    (r"-x='a\'b", ["-x=a\\b"]),
    ("-a\"b c\"d '' -x=''", ["-ab cd", "", "-x="]),
    ("\"-x=a`b\" '-x=$(a) ;&|<>' -x=#a", ["-x=a`b", "-x=$(a) ;&|<>", "-x=#a"]),
    ("-a\v-b\u00a0c", ["-a\v-b\u00a0c"]),
]
ENDED = [
    ("-x=1&y=2 -c", ["-x=1"]),
    ("-a ; 'b", ["-a"]),
    ("-x=a>b -c", ["-x=a"]),
    ("-a 2>b -c", ["-a"]),
]
UNCLEAR = ["-x='a", '"a\\', "-x=(a)", "-x=a)", "-x=$(a b)", "-x=`a b`"]


@pytest.mark.parametrize(("text", "expected"), TEXTS + ENDED)
def test_arguments_are_split_as_terraform_does(text: str, expected: list[str]) -> None:
    assert split_arguments(text) == expected


@pytest.mark.parametrize("text", UNCLEAR)
def test_arguments_that_versions_read_in_different_ways_are_not_split(text: str) -> None:
    with pytest.raises(ValueError, match=r"quote|parenthesis|backslash"):
        split_arguments(text)


@pytest.mark.parametrize("program", ["terraform", "tofu"])
def test_the_program_itself_splits_them_like_that(program: str, tmp_path: Path) -> None:
    together = (" ".join(text for text, _ in TEXTS), [word for _, words in TEXTS for word in words])
    for text, expected in [together, *ENDED]:
        # No command has such a name, so the program says its arguments and does nothing.
        environment = {**os.environ, "TF_CLI_ARGS": text, "TF_LOG": "info", "CHECKPOINT_DISABLE": "1"}
        said = subprocess.run([program, "none"], cwd=tmp_path, env=environment, capture_output=True, text=True).stderr
        shown = re.search(r"CLI command args: \[\]string\{(.*)\}", said)
        assert shown is not None, said
        assert json.loads(f"[{shown[1].replace(chr(92) + 'v', chr(92) + 'u000b')}]") == ["none", *expected], text
