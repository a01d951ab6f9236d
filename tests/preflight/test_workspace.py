"""Preflight of a workspace against the test repository."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from executors.installation.settings import installation
from executors.preflight.checks import preflight
from executors.preflight.table import as_markdown
from tests.agent.git_server import Repository
from tests.factories import GlobalVariableFactory, TemplateFactory, VariableFactory
from tests.preflight.repository import FILES, LAST
from workspaces.choices import Category
from workspaces.models import ConfigurationVersion, Template, Variable, Workspace

pytestmark = pytest.mark.django_db
type Make = Callable[..., Workspace]
TERRAFORM = {"category": Category.TERRAFORM}


def found(workspace: Workspace) -> list[tuple[str, str]]:
    return sorted((one.code, one.place) for one in preflight(workspace).findings)


def clean(make_workspace: Make, **fields: Any) -> Workspace:
    workspace = make_workspace(**fields)
    VariableFactory.create(workspace=workspace, key="region", value="x", **TERRAFORM)
    VariableFactory.create(workspace=workspace, key="zones", value='["a"]', **TERRAFORM)
    VariableFactory.create(workspace=workspace, key="TF_VAR_from_environment", value="x")
    VariableFactory.create(workspace=workspace, key="AWS_REGION", value="x")
    GlobalVariableFactory.create(organization=workspace.organization, key="elsewhere", value="x", **TERRAFORM)
    TemplateFactory.create(organization=workspace.organization)
    return workspace


@pytest.mark.parametrize("ref", ["main", "v1", "commit"])
def test_of_a_clean_workspace_nothing_is_said(
    ref: str, make_workspace: Make, repositories: tuple[str, Repository], capsys: pytest.CaptureFixture[str]
) -> None:
    branch = repositories[1].git("rev-parse", "HEAD") if ref == "commit" else ref
    workspace = clean(make_workspace, branch=branch)
    assert found(workspace) == []
    call_command("preflight", f"{workspace.organization.name}/{workspace.name}")
    assert capsys.readouterr().out == f"{workspace.organization.name}/{workspace.name}: clean.\n"


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        (
            "state",
            [
                ("override-file", "state/cloud_override.tf"),
                ("state-block", "state/cloud_override.tf:2"),
                ("state-block", "state/main.tf:3"),
                ("state-block", "state/x.tf.json"),
                ("state-in-source", "state/terraform.tfstate"),
            ],
        ),
        ("last", [("override-file", f"last/{LAST}"), ("override-last", f"last/{LAST}")]),
        (
            "versions",
            [
                ("lock-not-mirror", "versions/.terraform.lock.hcl:2"),
                ("lock-one-platform", "versions/.terraform.lock.hcl:18"),
                ("lock-outdated", "versions/.terraform.lock.hcl:2"),
                ("lock-platform", "versions/.terraform.lock.hcl:10"),
                ("not-in-mirror", "versions/main.tf:3"),
                ("tool-version", "versions/main.tf:1"),
            ],
        ),
        (
            "variables",
            [("missing-variable", "variables/main.tf:1"), ("missing-variable", "variables/main.tf:2")],
        ),
        # A link within the source is followed, and one that leaves it is not.
        ("links", [("missing-variable", "links/variables.tf:1"), ("missing-variable", "links/variables.tf:2")]),
        ("modules", [("module-without-key", "modules/main.tf:1")]),
        ("nothing", [("no-configuration", "folder")]),
        ("absent", [("folder-missing", "folder")]),
    ],
)
def test_each_trap_of_a_configuration_is_found(
    folder: str, expected: list[tuple[str, str]], make_workspace: Make
) -> None:
    assert found(make_workspace(folder)) == expected


def test_what_lies_in_the_source_of_a_workspace_is_refused_there_alone(make_workspace: Make) -> None:
    assert found(make_workspace(branch="gone")) == [("ref-missing", "branch")]
    assert found(make_workspace(branch="0" * 40)) == [("ref-missing", "branch")]
    assert found(make_workspace(source="empty")) == [("source-missing", "source")]
    workspace = make_workspace()
    report = preflight(make_workspace(source=workspace.source + "-gone"))
    assert [(one.code, one.place) for one in report.findings] == [("source-unreachable", "source")]
    assert "not found" in str(report.findings[0].sentence)
    Workspace.objects.filter(pk=workspace.pk).update(source="https://user:pass@git.example/x", branch="a..b")
    workspace.refresh_from_db()
    assert ("input-refused", "source") in found(workspace)
    assert ("input-refused", "branch") in found(workspace)


def test_an_uploaded_source_is_read_as_well(make_workspace: Make) -> None:
    workspace = make_workspace("state", branch="remote-content", source="empty")
    assert found(workspace) == [("source-missing", "source")]
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        member = tarfile.TarInfo("state/main.tf")
        text = FILES["state"]["main.tf"].encode()
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
    ConfigurationVersion.objects.create(workspace=workspace, content=content.getvalue())
    assert found(workspace) == [("state-block", "state/main.tf:3")]


@pytest.mark.parametrize(("limit", "value"), [("_MOST_FILES", 2), ("_MOST_BYTES", 3000)])
def test_an_upload_that_is_too_large_is_told_and_not_unpacked(
    limit: str, value: int, make_workspace: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"executors.preflight.source.{limit}", value)
    workspace = make_workspace("", branch="remote-content", source="empty")
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for number in range(4):
            member = tarfile.TarInfo(f"{number}.tf")
            member.size = 1000
            archive.addfile(member, io.BytesIO(bytes(1000)))
    ConfigurationVersion.objects.create(workspace=workspace, content=content.getvalue())
    assert found(workspace) == [("source-unreachable", "source")]


def test_traps_of_variables_are_found_and_a_secret_is_not_quoted(make_workspace: Make) -> None:
    workspace = make_workspace("variables")
    for key, value, category in (
        ("needed", "x", Category.TERRAFORM),
        ("zones", "not a list", Category.TERRAFORM),
        ("unknown", "x", Category.TERRAFORM),
        ("TF_VAR_unknown_too", "x", Category.ENV),
        ("TF_WORKSPACE", "prod", Category.ENV),
        ("TF_CLI_ARGS_init", "-backend-config=secret.hcl", Category.ENV),
        ("TF_CLI_CONFIG_FILE", "/nowhere/terraformrc", Category.ENV),
        ("ENABLE_DYNAMIC_CREDENTIALS_AWS", "true", Category.ENV),
        ("BAD KEY", "x", Category.ENV),
        ("EPHEMERAL_CPU_LIMIT", "many", Category.ENV),
    ):
        VariableFactory.create(workspace=workspace, key=key, value=value, category=category)
    Variable.objects.create(workspace=workspace, key="LATER", value="", category=Category.ENV, sensitive=True)
    secret = "[s3cr3t-t3xt"
    VariableFactory.create(workspace=workspace, key="hidden", value=secret, hcl=True, sensitive=True, **TERRAFORM)
    assert found(workspace) == [
        ("dynamic-credentials", "ENABLE_DYNAMIC_CREDENTIALS_AWS"),
        ("file-missing", "TF_CLI_CONFIG_FILE"),
        ("input-refused", "BAD KEY"),
        ("moves-state", "TF_CLI_ARGS_init"),
        ("moves-state", "TF_WORKSPACE"),
        ("undeclared-variable", "TF_VAR_unknown_too"),
        ("undeclared-variable", "hidden"),
        ("undeclared-variable", "unknown"),
        ("value-missing", "LATER"),
        ("value-refused", "EPHEMERAL_CPU_LIMIT"),
        ("value-refused", "hidden"),
        ("value-refused", "zones"),
    ]
    assert secret not in preflight(workspace).as_text()


def test_a_groovy_flow_is_found_where_the_image_is_ours(make_workspace: Make, image: Callable[[str], None]) -> None:
    image("terrakube-executor:1")
    workspace = clean(make_workspace)
    flow = "flow:\n  - type: customScripts\n    step: 1\n    commands: [{runtime: GROOVY, script: x, priority: 1}]\n"
    Template.objects.create(organization=workspace.organization, name="old", tcl=flow)
    assert found(workspace) == [("flow-refused", "old")]


def test_traps_of_a_pod_are_found(make_workspace: Make, image: Callable[[str], None]) -> None:
    image("azbuilder/executor:2.30.0")
    workspace = make_workspace(source="git@127.0.0.1:net.git")
    for key, value in (
        ("TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR", "1"),
        ("EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT", "runAsUser=4711"),
        ("EPHEMERAL_CPU_LIMIT", "1"),
        ("EPHEMERAL_CPU_REQUEST", "2"),
    ):
        VariableFactory.create(workspace=workspace, key=key, value=value)
    codes = {code for code, _ in found(workspace)}
    assert codes == {"settings-contradict", "ssh-without-key", "no-cluster", "source-unreachable"}
    Variable.objects.filter(key="EPHEMERAL_CPU_REQUEST").delete()
    assert ("ssh-user", "EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT") in found(workspace)


def test_a_file_in_the_mounted_config_map_is_no_finding(make_workspace: Make) -> None:
    workspace = clean(make_workspace)
    for key, value in (
        ("TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR", "1"),
        ("EPHEMERAL_CONFIG_MAP_NAME", "settings"),
        ("TF_CLI_CONFIG_FILE", "/data/terraformrc"),
    ):
        VariableFactory.create(workspace=workspace, key=key, value=value)
    assert found(workspace) == [("no-cluster", "")]
    Variable.objects.filter(key="EPHEMERAL_CONFIG_MAP_NAME").delete()
    assert found(workspace) == [("file-missing", "TF_CLI_CONFIG_FILE"), ("no-cluster", "")]


def test_a_policy_of_the_installation_is_told(make_workspace: Make) -> None:
    workspace = make_workspace()
    for key, value in (
        ("TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR", "1"),
        ("EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT", "runAsUser=0"),
    ):
        VariableFactory.create(workspace=workspace, key=key, value=value)
    assert ("policy-refused", "EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT") in found(workspace)


def test_the_command_prints_json_and_ends_with_1_for_an_error(
    make_workspace: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = make_workspace("nothing")
    with pytest.raises(SystemExit) as ended:
        call_command("preflight", str(workspace.pk), "--json")
    assert ended.value.code == 1
    (report,) = json.loads(capsys.readouterr().out)["reports"]
    assert report["clean"] is False
    assert report["findings"] == [
        {
            "code": "no-configuration",
            "severity": "error",
            "place": "folder",
            "sentence": "The folder holds no file that terraform reads.",
            "cure": "Change Path in the repository, or add a configuration.",
        }
    ]
    with pytest.raises(CommandError, match="There is no workspace a/b"):
        call_command("preflight", "a/b")


@pytest.fixture
def image(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    def use(name: str) -> None:
        monkeypatch.setenv("ExecutorEphemeralImage", name)
        installation.cache_clear()

    yield use
    installation.cache_clear()


def test_the_documentation_has_the_table_of_codes() -> None:
    text = (settings.BASE_DIR / "docs" / "preflight.md").read_text()
    assert text.endswith(as_markdown()), "write it anew with executors.preflight.table.as_markdown()"
