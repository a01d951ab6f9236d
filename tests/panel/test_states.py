"""The states of a workspace in the panel: listed, shown without secrets, compared, rolled back, uploaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from tests.factories import PLAN_AND_APPLY, WorkspaceFactory
from tests.support.markup import without_breaks
from workspaces.models import Access, Job, StateVersion, Workspace
from workspaces.services import jobs
from workspaces.services.locks import lock_workspace
from workspaces.services.state import StateRefused, add_state_version, check_successor, current_state

pytestmark = pytest.mark.django_db
SECRET = "hunter2-s3cr3t"


def content(serial: int, lineage: str = "a1", *, size: int = 1, **more: Any) -> bytes:
    attributes = {"size": size, "password": f"{SECRET}-{size}"}
    row = {"mode": "managed", "type": "thing", "name": "a", "instances": [{"attributes": attributes}]}
    outputs = {"token": {"value": SECRET, "type": "string", "sensitive": True}, "size": {"value": size}}
    state = {"version": 4, "terraform_version": "1.11.4", "serial": serial, "lineage": lineage}
    return json.dumps({**state, "outputs": outputs, "resources": [row], **more}).encode()


def described(size: int) -> bytes:
    values = {"size": size, "password": f"{SECRET}-{size}"}
    row = {"address": "thing.a", "values": values, "sensitive_values": {"password": True}}
    return json.dumps({"values": {"root_module": {"resources": [row]}}}).encode()


@pytest.fixture
def versions(workspace: Workspace) -> list[StateVersion]:
    """Two versions, of serials 5 and 6."""
    first = add_state_version(workspace, content(5), None, json=described(1), created_by="ada")
    return [first, add_state_version(workspace, content(6, size=2), first, json=described(2), created_by="ada")]


def page(name: str, of: Workspace) -> str:
    return reverse(f"admin:workspaces_workspace_{name}", args=[of.pk])


def at(version: StateVersion, what: str = "change") -> str:
    return reverse(f"admin:workspaces_stateversion_{what}", args=[version.pk])


def text_of(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return without_breaks(response.content.decode())


def upload(client: Client, workspace: Workspace, sent: bytes, **fields: str) -> str:
    """Upload a state; what the next page says."""
    file = SimpleUploadedFile("network.tfstate", sent)
    response = client.post(page("upload_state", workspace), {"state": file, **fields}, follow=True)
    return without_breaks(response.content.decode())


# ---- what is shown --------------------------------------------------------------------------------------------------


def test_an_empty_list_says_how_the_first_state_comes(admin: Client, workspace: Workspace) -> None:
    text = text_of(admin, page("states", workspace))
    assert "This workspace has no state yet." in text
    assert page("start", workspace) in text
    assert page("upload_state", workspace) in text
    assert page("states", workspace) in text_of(admin, page("overview", workspace))


def test_versions_are_listed_with_where_they_came_from(
    admin: Client, workspace: Workspace, versions: list[StateVersion]
) -> None:
    job = jobs.create_job(workspace, by=None, tcl=PLAN_AND_APPLY)
    StateVersion.objects.filter(pk=versions[0].pk).update(job=job, origin="job")
    StateVersion.objects.filter(pk=versions[1].pk).update(origin="terminal", reason="moved by hand")
    text = text_of(admin, page("states", workspace))
    assert text.index(at(versions[1])) < text.index(">Current<") < text.index(at(versions[0]))
    assert "Terminal" in text
    assert "moved by hand" in text
    assert reverse("admin:workspaces_job_change", args=[job.pk]) in text
    assert f"{page('states_difference', workspace)}?before=1&amp;after=2" in text
    assert page("states", workspace) in text_of(admin, page("overview", workspace))


def test_a_single_state_cannot_be_compared(admin: Client, workspace: Workspace) -> None:
    add_state_version(workspace, content(5), None, created_by="ada")
    assert "Difference</th>" not in text_of(admin, page("states", workspace))
    assert "this workspace has fewer than two states" in text_of(admin, page("states_difference", workspace))


def test_a_long_list_has_pages_and_a_bounded_number_of_queries(
    admin: Client, workspace: Workspace, django_assert_max_num_queries: Any
) -> None:
    for number in range(1, 53):
        StateVersion.objects.create(workspace=workspace, number=number, serial=number, content=b"{}")
    with django_assert_max_num_queries(12):
        text = text_of(admin, page("states", workspace))
    assert "?page=2" in text
    text = text_of(admin, f"{page('states', workspace)}?page=2")
    assert text.count("<tr>") == 3
    assert "removed by retention" not in text
    StateVersion.objects.filter(number__lt=30).delete()
    assert "Earlier versions were removed by retention." in text_of(admin, page("states", workspace))


def test_a_version_shows_its_resources_and_outputs_and_nothing_sensitive(
    admin: Client, versions: list[StateVersion]
) -> None:
    text = text_of(admin, at(versions[0]))
    for said in ("thing.a", "(sensitive)", "1.11.4", "a1", at(versions[0], "download"), at(versions[0], "roll_back")):
        assert said in text
    assert SECRET not in text
    assert at(versions[1], "roll_back") not in text_of(admin, at(versions[1])), "it is the current one"


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (None, "cannot be read from storage"),
        (b'{"serial": 1, "lineage": "a", "encrypted_data": "x"}', "encrypted by the tool"),
        (b'{"resources": 1}', "cannot be shown here"),
    ],
)
def test_a_version_that_cannot_be_shown_says_why(
    admin: Client, versions: list[StateVersion], stored: bytes | None, said: str
) -> None:
    versions[0].content = stored
    versions[0].save()
    assert said in text_of(admin, at(versions[0]))
    address = f"{page('states_difference', versions[0].workspace)}?before=1&after=2"
    assert said in text_of(admin, address)


def test_a_large_state_is_not_read_for_a_page(
    admin: Client, versions: list[StateVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workspaces.admin.state_pages.MAX_SHOWN_BYTES", 10)
    text = text_of(admin, at(versions[0]))
    assert "too large to be shown" in text
    assert "thing.a" not in text


def test_a_state_is_downloaded_as_it_was_written(admin: Client, versions: list[StateVersion]) -> None:
    response = admin.get(at(versions[0], "download"))
    assert response.content == content(5)
    assert "state-1.tfstate" in response["Content-Disposition"]
    assert "no-store" in response["Cache-Control"]
    StateVersion.objects.filter(pk=versions[0].pk).update(content=None)
    assert "from storage" in without_breaks(admin.get(at(versions[0], "download"), follow=True).content.decode())


def test_any_two_versions_are_compared_without_sensitive_values(
    admin: Client, workspace: Workspace, versions: list[StateVersion]
) -> None:
    address = page("states_difference", workspace)
    text = text_of(admin, f"{address}?before=1&after=2")
    assert "<code>size</code>" in text
    assert "<code>password</code>" in text
    assert SECRET not in text
    assert "No difference" in text_of(admin, f"{address}?before=2&after=2")
    StateVersion.objects.filter(pk=versions[0].pk).update(json=None)
    text = text_of(admin, f"{address}?before=2&after=1")
    assert "Values of attributes are not shown" in text
    assert SECRET not in text
    for wrong in ("?before=1&after=9", "?before=x&after=1", "?before=1"):
        assert "Choose two versions of the list." in text_of(admin, address + wrong)
    assert 'role="alert"' not in text_of(admin, address)


def test_only_who_may_manage_the_state_sees_what_is_in_it(
    sign_in: Callable[..., Client], workspace: Workspace, versions: list[StateVersion]
) -> None:
    planner = sign_in(workspace.organization, name="PLANNERS", plan_job=True, manage_workspace=True)
    text = text_of(planner, at(versions[0]))
    assert "thing.a" not in text
    assert at(versions[0], "download") not in text
    assert planner.get(at(versions[0], "download")).status_code == 403
    assert planner.get(page("states_difference", workspace)).status_code == 403
    text = text_of(planner, page("states", workspace))
    assert at(versions[0]) in text
    assert page("upload_state", workspace) not in text
    keeper = sign_in(workspace.organization, name="KEEPERS", manage_state=True)
    assert "thing.a" in text_of(keeper, at(versions[0]))
    stranger = sign_in(WorkspaceFactory.create().organization, role="admin")
    assert stranger.get(page("states", workspace)).status_code == 404
    assert stranger.get(at(versions[0], "download")).status_code == 404


# ---- what is done ---------------------------------------------------------------------------------------------------


def roll_back(client: Client, version: StateVersion, reason: str = "the apply was wrong") -> str:
    """Roll back; what the next page says."""
    response = client.post(at(version, "roll_back"), {"reason": reason}, follow=True)
    return without_breaks(response.content.decode())


def test_a_rollback_is_a_new_version_with_its_reason(
    admin: Client, workspace: Workspace, versions: list[StateVersion]
) -> None:
    assert "is rolled back to version 1" in roll_back(admin, versions[0])
    newest = current_state(workspace)
    assert newest is not None
    assert (newest.number, newest.serial, newest.lineage) == (3, 7, "a1")
    assert json.loads(newest.content) == json.loads(content(5)) | {"serial": 7}
    assert newest.json == described(1)
    assert (newest.created_by, newest.origin, newest.copied_number) == ("root@site.example", "rollback", 1)
    # Terraform goes on from the serial in the file.
    assert check_successor(workspace, newest, content(8))
    with pytest.raises(StateRefused):
        check_successor(workspace, newest, content(7, size=9))
    text = text_of(admin, page("states", workspace))
    assert "Rollback to version 1" in text
    assert "the apply was wrong" in text
    (entry,) = LogEntry.objects.get_for_object(workspace).filter(changes__has_key="state")
    assert entry.changes["state"] == ["version 2, serial 6", "rolled back to version 1: the apply was wrong"]


def test_a_rollback_continues_the_lineage_of_the_current_state(
    admin: Client, workspace: Workspace, versions: list[StateVersion]
) -> None:
    add_state_version(workspace, content(2, "b2"), versions[1])
    roll_back(admin, versions[0])
    newest = current_state(workspace)
    assert newest is not None
    assert (newest.serial, newest.lineage) == (3, "b2")
    written = json.loads(newest.content)
    assert (written["serial"], written["lineage"]) == (3, "b2")


def test_a_rollback_is_refused_while_the_workspace_is_busy(
    sign_in: Callable[..., Client], admin: Client, workspace: Workspace, versions: list[StateVersion]
) -> None:
    keeper = sign_in(workspace.organization, name="KEEPERS", manage_state=True)
    assert "Give a reason" in roll_back(keeper, versions[0], reason=" ")
    assert "is already the current state" in roll_back(keeper, versions[1])
    job = jobs.create_job(workspace, by=None, tcl=PLAN_AND_APPLY)
    assert f"Job {job.pk} of {workspace.name} has not ended" in roll_back(keeper, versions[0])
    Job.objects.all().delete()
    lock_workspace(workspace, by=_user(admin), reason="audit")
    assert "is locked: audit" in roll_back(keeper, versions[0])
    assert workspace.state_versions.count() == 2
    # Who locked it goes on.
    assert "is rolled back" in roll_back(admin, versions[0])
    planner = sign_in(workspace.organization, name="PLANNERS", plan_job=True, manage_workspace=True)
    assert "right" in roll_back(planner, versions[1])
    assert workspace.state_versions.count() == 3


def _user(client: Client) -> Any:
    return get_user_model().objects.get(pk=client.session["_auth_user_id"])


def test_the_state_of_a_deleted_workspace_stays_as_it_is(
    admin: Client, workspace: Workspace, versions: list[StateVersion]
) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(deleted=True)
    assert at(versions[0], "roll_back") not in text_of(admin, at(versions[0]))
    assert "was deleted; its state stays" in roll_back(admin, versions[0])
    assert "was deleted; its state stays" in upload(admin, workspace, content(9))
    assert workspace.state_versions.count() == 2


def test_an_encrypted_state_is_not_rolled_back_to(admin: Client, versions: list[StateVersion]) -> None:
    versions[0].content = b'{"serial": 5, "lineage": "a1", "encrypted_data": "x"}'
    versions[0].save()
    assert "cannot be copied" in roll_back(admin, versions[0])
    assert StateVersion.objects.count() == 2


def test_a_state_is_uploaded_as_the_newest_version(admin: Client, workspace: Workspace) -> None:
    assert "version 1, serial 3" in upload(admin, workspace, content(3))
    assert "Nothing was changed" in upload(admin, workspace, content(3))
    assert "version 2, serial 4" in upload(admin, workspace, content(4), reason="moved here")
    newest = current_state(workspace)
    assert newest is not None
    assert (newest.origin, newest.reason, newest.resource_count) == ("upload", "moved here", 1)
    assert newest.content == content(4)
    entries = LogEntry.objects.get_for_object(workspace).filter(changes__has_key="state").order_by("pk")
    assert [entry.changes["state"][1] for entry in entries] == ["imported, serial 3", "imported, serial 4: moved here"]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"not json", "This is not a Terraform state"),
        (content(9).decode().encode("utf-16"), "The state has a byte order mark"),
        (content(9).decode().encode("utf-8-sig"), "The state has a byte order mark"),
        (content(9).decode().encode("utf-16-le"), "This is not a Terraform state"),
        (content(9, outputs={"a": {"value": float("nan")}}), "This is not a Terraform state"),
        (content(9, version=3), "version of the state is 3; 4 is allowed"),
        (content(9, version="4"), "version of the state is text; 4 is allowed"),
        (content(9, resources={}), "resources of the state is an object; a list is allowed"),
        (content(9, outputs=[SECRET]), "outputs of the state is a list; an object is allowed"),
        (content(6), "The serial 6 is not above 6"),
        (content(5), "The serial 5 is not above 6"),
        (content(9, "b2"), "The lineage b2 is not that of"),
    ],
)
def test_a_state_that_is_none_or_does_not_follow_is_refused(
    admin: Client, workspace: Workspace, versions: list[StateVersion], sent: bytes, said: str
) -> None:
    text = upload(admin, workspace, sent)
    assert said in text
    assert SECRET not in text
    assert workspace.state_versions.count() == 2


def test_force_takes_a_reason_and_raises_the_serial(
    admin: Client, workspace: Workspace, versions: list[StateVersion]
) -> None:
    assert "Give a reason" in upload(admin, workspace, content(5), force="on")
    assert "version 3, serial 7" in upload(admin, workspace, content(5), force="on", reason="restored")
    assert "version 4, serial 1" in upload(admin, workspace, content(1, "b2"), force="on", reason="another one")
    newest = current_state(workspace)
    assert newest is not None
    assert newest.lineage == "b2"
    assert "version of the state is 3" in upload(admin, workspace, content(8, version=3), force="on", reason="x")


def test_an_upload_is_refused_without_the_right_a_file_or_room(
    sign_in: Callable[..., Client], admin: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    planner = sign_in(workspace.organization, name="PLANNERS", plan_job=True, manage_workspace=True)
    assert "right" in upload(planner, workspace, content(1))
    response = admin.post(page("upload_state", workspace), {}, follow=True)
    assert "Choose a state file" in without_breaks(response.content.decode())
    monkeypatch.setattr("workspaces.services.state_content.MAX_STATE_BYTES", 100)
    assert "The state is larger than 0 MiB." in upload(admin, workspace, content(1))
    assert not workspace.state_versions.exists()


def test_the_list_has_the_states_of_workspaces_that_a_person_sees(sign_in: Callable[..., Client]) -> None:
    by_team, by_access, strange = WorkspaceFactory.create_batch(3)
    versions = [StateVersion.objects.create(workspace=one, number=1) for one in (by_team, by_access, strange)]
    client = sign_in(by_team.organization, name="readers")
    Access.objects.create(workspace=by_access, name="readers")

    shown = client.get(reverse("admin:workspaces_stateversion_changelist")).context["cl"].result_list

    assert set(shown) == set(versions[:2])
