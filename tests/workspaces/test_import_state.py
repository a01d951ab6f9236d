"""A state that was made elsewhere is brought in, and never over one that it does not continue."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.core.management import CommandError, call_command

from tests.factories import OrganizationFactory, WorkspaceFactory
from workspaces.choices import JobStatus
from workspaces.models import Job, StateLock, StateVersion, Workspace
from workspaces.services.workspaces import delete_workspace

SECRET = "s3cr3t-output"


@pytest.fixture
def workspace(db: None) -> Workspace:
    return WorkspaceFactory.create(name="network", organization=OrganizationFactory.create(name="moved"))


@pytest.fixture
def bring(tmp_path: Path) -> Any:
    """Import a state of a serial and a lineage, or of the bytes that are given; what the command says."""

    def run(serial: int = 7, lineage: str = "a1", *, content: bytes | None = None, to: str = "moved/network") -> str:
        state = {"version": 4, "serial": serial, "lineage": lineage, "outputs": {"key": {"value": SECRET}}}
        file, output = tmp_path / "network.tfstate", io.StringIO()
        file.write_bytes(json.dumps(state).encode() if content is None else content)
        call_command("import_state", to, str(file), stdout=output)
        return output.getvalue()

    return run


def numbers(workspace: Workspace) -> list[tuple[int, int]]:
    return list(workspace.state_versions.order_by("number").values_list("number", "serial"))


def test_the_first_state_of_a_workspace_keeps_its_serial_and_lineage(bring: Any, workspace: Workspace) -> None:
    assert "serial 7 now" in bring()
    version = StateVersion.objects.get(workspace=workspace)
    assert (version.number, version.serial, version.lineage, version.job) == (1, 7, "a1", None)
    assert json.loads(bytes(version.content))["outputs"]["key"]["value"] == SECRET


def imports(workspace: Workspace) -> list[Any]:
    """What the workspace's history tells of states that were brought in, oldest first."""
    entries = LogEntry.objects.get_for_object(workspace).filter(changes__has_key="state").order_by("pk")
    return [entry.changes["state"] for entry in entries]


def test_the_same_state_again_makes_no_second_version(bring: Any, workspace: Workspace) -> None:
    bring()
    assert "already" in bring()
    assert numbers(workspace) == [(1, 7)]
    assert imports(workspace) == [["none", "imported, serial 7"]]


def test_a_later_serial_of_the_lineage_follows(bring: Any, workspace: Workspace) -> None:
    bring()
    bring(9)
    assert numbers(workspace) == [(1, 7), (2, 9)]
    assert imports(workspace)[1:] == [["version 1, serial 7", "imported, serial 9"]]


@pytest.mark.parametrize(
    ("serial", "lineage", "why"), [(6, "a1", "not above 7"), (7, "a1", "not above 7"), (8, "b2", "another state")]
)
def test_what_does_not_continue_the_workspace_s_state_is_refused(
    bring: Any, workspace: Workspace, serial: int, lineage: str, why: str
) -> None:
    StateVersion.objects.create(workspace=workspace, number=1, serial=7, lineage="a1", md5="x", content=b"{}")
    with pytest.raises(CommandError, match=why) as caught:
        bring(serial, lineage)
    assert SECRET not in str(caught.value)
    assert numbers(workspace) == [(1, 7)]


def test_a_state_that_lies_elsewhere_unread_is_followed_by_any(bring: Any, workspace: Workspace) -> None:
    StateVersion.objects.create(workspace=workspace, number=1)
    bring(5, "b2")
    assert numbers(workspace) == [(1, 1), (2, 5)]


def test_a_locked_workspace_and_a_locked_state_are_left_alone(bring: Any, workspace: Workspace) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(locked=True, lock_description="Under repair")
    with pytest.raises(CommandError, match="Under repair"):
        bring()
    Workspace.objects.filter(pk=workspace.pk).update(locked=False)
    lock = StateLock.objects.create(workspace=workspace, lock_id="1", info={"Who": "ann@laptop", "Operation": "apply"})
    with pytest.raises(CommandError, match="ann@laptop"):
        bring()
    assert numbers(workspace) == []
    lock.delete()
    bring()
    assert numbers(workspace) == [(1, 7)]


@pytest.mark.parametrize(
    ("status", "holds"),
    [(JobStatus.PENDING, False), (JobStatus.WAITING_APPROVAL, True), (JobStatus.CANCELLED, True)],
)
def test_a_job_that_may_still_use_the_state_is_waited_for(
    bring: Any, workspace: Workspace, status: JobStatus, holds: bool
) -> None:
    job = Job.objects.create(workspace=workspace, organization=workspace.organization, status=status)
    Job.objects.filter(pk=job.pk).update(holds_workspace=holds)
    with pytest.raises(CommandError, match=f"Job {job.pk}"):
        bring()
    assert numbers(workspace) == []
    Job.objects.filter(pk=job.pk).update(status=JobStatus.COMPLETED, holds_workspace=False)
    bring()
    assert numbers(workspace) == [(1, 7)]


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"[]", b'{"format_version": "1.0", "values": {}}', b'{"serial": "x", "lineage": "a"}']
)
def test_what_is_no_state_is_refused(bring: Any, workspace: Workspace, content: bytes) -> None:
    with pytest.raises(CommandError, match="not a Terraform state"):
        bring(content=content)
    assert numbers(workspace) == []


@pytest.mark.parametrize("name", ["moved", "network", "moved/other", "other/network", "moved/network/"])
def test_a_workspace_that_is_not_there_is_said_to_be_so(bring: Any, workspace: Workspace, name: str) -> None:
    with pytest.raises(CommandError, match="no workspace"):
        bring(to=name)


def test_a_workspace_that_was_deleted_takes_none(bring: Any, workspace: Workspace) -> None:
    delete_workspace(workspace, by=None)
    with pytest.raises(CommandError, match="no workspace"):
        bring()


def test_a_file_that_cannot_be_read_is_named(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"missing\.tfstate cannot be read"):
        call_command("import_state", "moved/network", str(tmp_path / "missing.tfstate"))


def test_the_standard_input_will_do(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = io.TextIOWrapper(io.BytesIO(b'{"version": 4, "serial": 3, "lineage": "a1"}'))
    monkeypatch.setattr("sys.stdin", sent)
    call_command("import_state", "moved/network", "-", stdout=io.StringIO())
    assert numbers(workspace) == [(1, 3)]
