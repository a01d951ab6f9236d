"""What Terrakube's library in Go, its command line and other clients send beside the plain calls of its provider."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.api.client import Api, token_of
from tests.factories import PLAN, PLAN_AND_APPLY, PLAN_APPROVE_APPLY, TeamFactory, TemplateFactory
from workspaces.choices import ExecutionMode, IacType, JobStatus, Via
from workspaces.jobs import transitions
from workspaces.models import Address, Agent, GlobalVariable, Job, Organization, Tag, Template, Workspace
from workspaces.services.jobs import create_job

AUDIT = {"createdBy": None, "createdDate": None, "updatedBy": "me", "updatedDate": "2026-11-24T19:01Z"}
# All that the library's record of a job holds, where the caller sets its status alone.
EVERY_ATTRIBUTE = {
    "command": "", "output": "", "approvalTeam": None, "comments": None, "commitId": None, "overrideBranch": None,
    "planChanges": False, "refresh": False, "refreshOnly": False, "tcl": None, "templateReference": None,
    "terraformPlan": None, "via": None, **AUDIT,
}  # fmt: skip


@pytest.fixture
def home(organization: Organization) -> str:
    return f"organization/{organization.pk}"


@pytest.fixture
def waiting(workspace: Workspace) -> Job:
    """A job that waits for its approval."""
    job = create_job(
        workspace, by=None, tcl="flow:\n  - {type: approval, step: 1}\n  - {type: terraformApply, step: 2}\n"
    )
    transitions.advance(job.pk)
    return Job.objects.get(pk=job.pk, status=JobStatus.WAITING_APPROVAL)


@pytest.fixture
def planner(organization: Organization) -> Api:
    TeamFactory.create(organization=organization, name="PLANNERS", plan_job=True)
    return Api(token_of("PLANNERS"))


# ---- text columns ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["cancelled", "approved", "rejected", "Cancelled"])
def test_a_decision_comes_with_all_attributes_of_a_job(owner: Api, home: str, waiting: Job, status: str) -> None:
    answer = owner.patch(f"{home}/job/{waiting.pk}", "job", {"status": status, **EVERY_ATTRIBUTE})
    assert answer.status_code == 204, answer.content
    waiting.refresh_from_db()
    assert (waiting.status, waiting.via, waiting.refresh) == (status.lower(), Via.UI, True)


def test_what_a_job_was_made_with_is_not_changed_by_itself(owner: Api, home: str, waiting: Job) -> None:
    assert owner.patch(f"{home}/job/{waiting.pk}", "job", {"refresh": False}).status_code == 403
    decided = {"status": "cancelled", "comments": "mine"}
    assert owner.patch(f"{home}/job/{waiting.pk}", "job", decided).status_code == 403
    waiting.refresh_from_db()
    assert waiting.status == JobStatus.WAITING_APPROVAL


@pytest.mark.parametrize(("via", "kept"), [(None, Via.UI), ("", Via.UI), ("cli", Via.CLI), ("GITHUB", Via.GITHUB)])
def test_what_created_a_job_is_text(
    owner: Api, home: str, workspace: Workspace, template: Template, via: str | None, kept: Via
) -> None:
    sent = {"via": via, "status": "", "templateReference": str(template.pk)}
    made = owner.made(f"{home}/job", "job", sent, {"workspace": ("workspace", workspace.pk)})
    assert made["attributes"]["via"] == kept


def test_modes_and_tools_are_text(owner: Api, admin: Api, home: str, workspace: Workspace) -> None:
    path = f"{home}/workspace/{workspace.pk}"
    said = {"executionMode": "LOCAL", "iacType": "Tofu", "locked": "true", "allowRemoteApply": "False"}
    assert owner.patch(path, "workspace", said).status_code == 204
    for empty in (None, "", " "):
        nothing = {"executionMode": empty, "iacType": empty}
        assert owner.patch(path, "workspace", nothing).status_code == 204
    workspace.refresh_from_db()
    assert (workspace.execution_mode, workspace.iac_type) == (ExecutionMode.LOCAL, IacType.TOFU)
    assert (workspace.locked, workspace.allow_remote_apply) == (True, False)
    for wrong in ({"locked": "yes"}, {"locked": "1"}, {"executionMode": "elsewhere"}):
        assert owner.patch(path, "workspace", wrong).status_code == 400
    sent = {"name": "w", "source": "empty", "branch": "main", "terraformVersion": "1.11.4", "iacType": None}
    assert admin.patch(home, "organization", {"executionMode": "LOCAL"}).status_code == 204
    made = owner.made(f"{home}/workspace", "workspace", {**sent, "executionMode": ""})
    assert (made["attributes"]["executionMode"], made["attributes"]["iacType"]) == ("local", "terraform")


def test_a_workspace_is_restored_by_the_word_false(owner: Api, home: str, workspace: Workspace) -> None:
    path = f"{home}/workspace/{workspace.pk}"
    for deleted in ("true", "false"):
        assert owner.patch(path, "workspace", {"deleted": deleted}).status_code == 204
    assert owner.get(path).status_code == 200


@pytest.mark.parametrize("role", [None, "", "Admin"])
def test_a_role_is_text(admin: Api, home: str, role: str | None) -> None:
    made = admin.made(f"{home}/team", "team", {"name": "T", "role": role})
    assert made["attributes"]["role"] == role
    assert admin.patch(f"{home}/team/{made['id']}", "team", {"role": None}).status_code == 204


# ---- audit attributes -----------------------------------------------------------------------------------------------


def test_who_changed_a_record_is_taken_from_no_client(
    owner: Api, admin: Api, home: str, organization: Organization, workspace: Workspace
) -> None:
    tag = Tag.objects.create(organization=organization, name="t")
    made = owner.made(f"{home}/workspace/{workspace.pk}/workspaceTag", "workspacetag", {"tagId": str(tag.pk), **AUDIT})
    assert made["attributes"] == {"tagId": str(tag.pk), "value": None}
    path = f"{home}/workspace/{workspace.pk}/workspaceTag/{made['id']}"
    assert owner.patch(path, "workspacetag", AUDIT).status_code == 204
    assert admin.made(f"{home}/agent", "agent", {"name": "a", **AUDIT})["attributes"].keys().isdisjoint(AUDIT)
    made = owner.made(f"{home}/tag", "tag", {"name": "u", **AUDIT})
    assert made["attributes"]["updatedBy"] == "owner@example.com"


def test_an_unchanged_value_of_a_fixed_attribute_is_no_change(admin: Api, home: str) -> None:
    sent = {"key": "K", "value": "v", "category": "ENV", "description": "", "sensitive": True}
    made = admin.made(f"{home}/globalvar", "globalvar", sent)
    path = f"{home}/globalvar/{made['id']}"
    assert admin.patch(path, "globalvar", {"sensitive": True, "value": "new"}).status_code == 204
    assert admin.patch(path, "globalvar", {"sensitive": False, "value": "plain"}).status_code == 403
    assert GlobalVariable.objects.get().value == "new"


# ---- relationships --------------------------------------------------------------------------------------------------


def test_a_relationship_is_changed_at_its_own_path(
    owner: Api, reader: Api, home: str, organization: Organization, workspace: Workspace
) -> None:
    agent = Agent.objects.create(organization=organization, name="a")
    path = f"{home}/workspace/{workspace.pk}/relationships"
    named = {"data": {"type": "agent", "id": str(agent.pk)}}
    assert reader.call("PATCH", f"{path}/agent", named).status_code == 403
    assert owner.call("PATCH", f"{path}/agent", named).status_code == 204
    assert owner.read(f"{path}/agent") == named
    assert owner.call("PATCH", f"workspace/{workspace.pk}/relationships/agent", {"data": None}).status_code == 204
    assert owner.read(f"{path}/agent") == {"data": None}
    assert owner.call("PATCH", f"{path}/vcs", {"data": None}).status_code == 204
    assert owner.call("PATCH", f"{path}/project", {"data": None}).status_code == 204


def test_a_relationship_s_path_takes_what_the_record_takes_and_no_more(
    owner: Api, home: str, organization: Organization, workspace: Workspace
) -> None:
    path = f"{home}/workspace/{workspace.pk}/relationships"
    same = {"data": {"type": "organization", "id": str(organization.pk)}}
    assert owner.call("PATCH", f"{path}/organization", same).status_code == 204
    assert owner.call("PATCH", f"{path}/organization", {"data": None}).status_code == 403
    assert owner.call("PATCH", f"{path}/job", {"data": []}).status_code == 405
    assert owner.call("PATCH", f"{path}/agent", {"data": {"type": "ssh", "id": "x"}}).status_code == 400
    documents: list[Any] = [{}, [], {"data": []}]
    for document in documents:
        assert owner.call("PATCH", f"{path}/agent", document).status_code == 400
    absent = {"data": {"type": "notification_configuration", "id": "x"}}
    answer = owner.call("PATCH", f"{path}/notificationConfiguration", absent)
    assert answer.status_code == 405, answer.content


# ---- flows ----------------------------------------------------------------------------------------------------------


def test_a_flow_in_base64_without_padding_is_read(owner: Api, home: str, workspace: Workspace) -> None:
    texts = [PLAN + "#" * count for count in range(3)]
    assert {base64.b64encode(text.encode()).count(b"=") for text in texts} == {0, 1, 2}
    for text in texts:
        tcl = base64.b64encode(text.encode()).decode()
        for sent in (tcl, tcl.rstrip("="), f"{tcl[:40]}\n{tcl[40:]}\n"):
            made = owner.made(f"{home}/template", "template", {"name": "t", "tcl": sent})
            Template.objects.filter(pk=made["id"]).delete()
            assert made["attributes"]["tcl"] == tcl
    assert owner.post(f"{home}/template", "template", {"name": "n", "tcl": "Zmxvd"}).status_code == 400


def test_a_step_without_a_number_has_the_number_0(owner: Api, home: str, workspace: Workspace) -> None:
    tcl = base64.b64encode(b"flow:\n  - type: terraformPlan\n").decode()
    made = owner.made(f"{home}/job", "job", {"tcl": tcl}, {"workspace": ("workspace", workspace.pk)})
    transitions.advance(int(made["id"]))
    steps = owner.read(f"{home}/job/{made['id']}/step")["data"]
    assert [(step["attributes"]["stepNumber"], step["attributes"]["name"]) for step in steps] == [(0, "Running Step0")]


# ---- jobs -----------------------------------------------------------------------------------------------------------


def test_a_repeated_decision_needs_its_right(owner: Api, reader: Api, home: str, waiting: Job) -> None:
    path = f"{home}/job/{waiting.pk}"
    for _ in range(2):
        assert reader.patch(path, "job", {"status": "cancelled"}).status_code == 403
        assert owner.patch(path, "job", {"status": "cancelled"}).status_code == 204
    assert reader.patch(path, "job", {"status": "cancelled"}).status_code == 403


def test_an_address_is_added_to_a_job_that_has_not_begun(
    planner: Api, reader: Api, home: str, workspace: Workspace
) -> None:
    job = create_job(workspace, by=None, tcl=PLAN)
    path = f"{home}/job/{job.pk}/address"
    assert reader.post(path, "address", {"name": "aws_vpc.a"}).status_code == 403
    made = planner.made(path, "address", {"name": "aws_vpc.a", "type": "", **AUDIT})
    assert made["attributes"] == {"name": "aws_vpc.a"}
    planner.made(path, "address", {"name": "aws_vpc.b", "type": "replace"})
    assert planner.made(path, "address", {"name": "aws_vpc.a"})["id"] == made["id"]
    assert planner.post(path, "address", {"name": "no address"}).status_code == 400
    assert planner.post(path, "address", {}).status_code == 409
    assert list(Address.objects.values_list("name", "type")) == [("aws_vpc.b", "REPLACE"), ("aws_vpc.a", "TARGET")]
    transitions.advance(job.pk)
    assert planner.post(path, "address", {"name": "aws_vpc.c"}).status_code == 409
    assert planner.patch(f"{path}/{made['id']}", "address", {"name": "aws_vpc.c"}).status_code == 403
    assert planner.delete(f"{path}/{made['id']}").status_code == 403


def test_who_may_plan_adds_no_address_to_an_apply_without_approval(
    planner: Api, owner: Api, home: str, workspace: Workspace
) -> None:
    template = TemplateFactory.create(organization=workspace.organization, tcl=PLAN_AND_APPLY)
    job = create_job(workspace, by=None, template=template)
    path = f"{home}/job/{job.pk}/address"
    assert planner.post(path, "address", {"name": "aws_vpc.a", "type": "REPLACE"}).status_code == 403
    assert owner.post(path, "address", {"name": "aws_vpc.a", "type": "REPLACE"}).status_code == 201
    approved = create_job(workspace, by=None, tcl=PLAN_APPROVE_APPLY)
    assert planner.post(f"{home}/job/{approved.pk}/address", "address", {"name": "aws_vpc.a"}).status_code == 201


# ---- operations -----------------------------------------------------------------------------------------------------


def test_an_operation_may_have_relationships_and_meta_beside_its_data(owner: Api, home: str) -> None:
    operation: dict[str, Any] = {
        "op": "add", "href": f"/{home}/tag", "ref": {"type": ""}, "meta": {}, "relationships": {"workspace": {}},
        "data": {"type": "tag", "attributes": {"name": "t", **AUDIT}},
    }  # fmt: skip
    answer = owner.call("POST", "operations", {"atomic:operations": [operation]})
    assert answer.status_code == 200, answer.content
    assert Tag.objects.get().name == "t"


# ---- what is not here -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("POST", "{home}/module", "Modules"),
        ("GET", "{home}/module/6f1c1c9e-3d0b-4f0e-8f39-4f3b3c1f0d11", "Modules"),
        ("DELETE", "{home}/provider/6f1c1c9e-3d0b-4f0e-8f39-4f3b3c1f0d11", "Providers"),
        ("GET", "github_app_token", "Tokens of GitHub apps"),
    ],
)
def test_what_is_not_here_says_so(admin: Api, home: str, method: str, path: str, said: str) -> None:
    answer = admin.call(method, path.format(home=home), None if method == "GET" else {"data": {}})
    assert answer["Content-Type"] == "application/vnd.api+json"
    assert (answer.status_code, json.loads(answer.content)) == (
        404,
        {"errors": [{"detail": f"{said} are not available on this site"}]},
    )
    assert admin.read(f"{home}/module") == {"data": []}
