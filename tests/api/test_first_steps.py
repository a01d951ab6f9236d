"""The resources of a job's way: organization, workspace, variable, template, job, step."""

from __future__ import annotations

import base64
import json
import re

import pytest

from tests.api.client import Api, detail
from tests.factories import PLAN, PLAN_APPROVE_APPLY, TemplateFactory, VariableFactory
from workspaces.jobs import transitions
from workspaces.models import Job, Organization, Template, Variable, Workspace

MINUTES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ")


def test_a_created_variable_is_answered_in_the_contracts_shape(owner: Api, workspace: Workspace) -> None:
    attributes = {"key": "TOKEN", "value": "s3cr3t", "category": "ENV", "sensitive": True, "hcl": False}
    response = owner.post(
        f"organization/{workspace.organization_id}/workspace/{workspace.pk}/variable", "variable", attributes
    )
    assert response.status_code == 201
    assert response["Content-Type"] == "application/vnd.api+json"
    body = json.loads(response.content)
    assert body == {
        "data": {
            "type": "variable",
            "id": str(Variable.objects.get().pk),
            "attributes": {
                "category": "ENV",
                "description": None,
                "hcl": False,
                "incomplete": False,
                "key": "TOKEN",
                "sensitive": True,
            },
            "relationships": {"workspace": {"data": {"type": "workspace", "id": str(workspace.pk)}}},
        }
    }
    assert list(body["data"]["attributes"]) == sorted(body["data"]["attributes"])


def test_a_started_job_is_answered_in_the_contracts_shape(owner: Api, workspace: Workspace, template: Template) -> None:
    data = owner.made(
        f"organization/{workspace.organization_id}/job",
        "job",
        {"templateReference": str(template.pk)},
        {"workspace": ("workspace", workspace.pk)},
    )
    job = Job.objects.get()
    dates = [data["attributes"].pop(name) for name in ("createdDate", "updatedDate")]
    assert all(MINUTES.fullmatch(date) for date in dates)
    assert data == {
        "type": "job",
        "id": str(job.pk),
        "attributes": {
            "approvalTeam": None,
            "approvedBy": None,
            "approvedDate": None,
            "author": None,
            "comments": None,
            "commitId": None,
            "createdBy": "owner@example.com",
            "lineLength": None,
            "output": None,
            "overrideBranch": None,
            "overrideSource": None,
            "placeInLine": None,
            "planChanges": True,
            "prCommentError": None,
            "priority": 0,
            "prNumber": None,
            "reason": "",
            "reasonCode": "",
            "refresh": True,
            "refreshOnly": False,
            "replaceAddrs": None,
            "status": "pending",
            "targetAddrs": None,
            "tcl": None,
            "templateReference": str(template.pk),
            "terraformPlan": None,
            "updatedBy": "owner@example.com",
            "via": "UI",
        },
        "relationships": {
            "address": {"data": []},
            "jobComment": {"data": []},
            "organization": {"data": {"type": "organization", "id": str(workspace.organization_id)}},
            "step": {"data": []},
            "workspace": {"data": {"type": "workspace", "id": str(workspace.pk)}},
        },
    }


def test_a_job_has_its_flow_and_steps_once_it_is_dispatched(
    owner: Api, workspace: Workspace, template: Template
) -> None:
    path = f"organization/{workspace.organization_id}/job"
    key = owner.made(path, "job", {"templateReference": str(template.pk)}, {"workspace": ("workspace", workspace.pk)})[
        "id"
    ]
    transitions.advance(int(key))
    body = owner.read(f"{path}/{key}?include=step")
    assert base64.b64decode(body["data"]["attributes"]["tcl"]).decode() == template.tcl
    steps = body["data"]["relationships"]["step"]["data"]
    assert [step["type"] for step in steps] == ["step", "step"]
    assert [(found["attributes"]["stepNumber"], found["attributes"]["status"]) for found in body["included"]] == [
        (100, "queue"),
        (200, "pending"),
    ]


def test_a_client_cannot_say_that_there_are_changes_and_its_command_is_passed_over(
    owner: Api, workspace: Workspace, template: Template
) -> None:
    data = owner.made(
        f"organization/{workspace.organization_id}/job",
        "job",
        {"templateReference": str(template.pk), "planChanges": False, "refresh": False, "command": "plan"},
        {"workspace": ("workspace", workspace.pk)},
    )
    assert data["attributes"]["planChanges"] is True
    assert data["attributes"]["refresh"] is False


def test_targets_become_addresses_of_the_job(owner: Api, workspace: Workspace, template: Template) -> None:
    path = f"organization/{workspace.organization_id}/job"
    key = owner.made(
        path,
        "job",
        {"templateReference": str(template.pk), "targetAddrs": ["module.a"], "replaceAddrs": ["null.b"]},
        {"workspace": ("workspace", workspace.pk)},
    )["id"]
    found = owner.read(f"{path}/{key}/address")["data"]
    assert [row["attributes"] for row in found] == [{"name": "null.b"}, {"name": "module.a"}]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"targetAddrs": ["t.a", "-destroy"]}, '"-destroy" is not a target'),
        ({"replaceAddrs": ["module.a"]}, '"module.a" cannot be replaced'),
        ({"refreshOnly": True, "refresh": False}, "cannot skip the refresh"),
    ],
)
def test_what_a_job_cannot_ask_is_refused_with_the_value(
    owner: Api, workspace: Workspace, template: Template, asked: dict[str, object], said: str
) -> None:
    response = owner.post(
        f"organization/{workspace.organization_id}/job",
        "job",
        {"templateReference": str(template.pk), **asked},
        {"workspace": ("workspace", workspace.pk)},
    )
    assert response.status_code == 400
    assert said in json.loads(response.content)["errors"][0]["detail"]
    assert not workspace.jobs.exists()


@pytest.mark.parametrize(("decision", "status"), [("approved", "approved"), ("rejected", "rejected")])
def test_a_job_that_waits_is_decided_by_a_patch_of_its_status(
    owner: Api, workspace: Workspace, decision: str, status: str
) -> None:
    template = TemplateFactory.create(
        organization=workspace.organization, tcl="flow:\n  - {type: approval, name: Wait, step: 1}\n" + PLAN[6:]
    )
    path = f"organization/{workspace.organization_id}/job"
    key = owner.made(path, "job", {"templateReference": str(template.pk)}, {"workspace": ("workspace", workspace.pk)})[
        "id"
    ]
    transitions.advance(int(key))
    assert owner.read(f"{path}/{key}")["data"]["attributes"]["status"] == "waitingApproval"
    response = owner.patch(f"{path}/{key}", "job", {"status": decision})
    assert (response.status_code, response.content) == (204, b"")
    assert owner.read(f"{path}/{key}")["data"]["attributes"]["status"] == status


def test_a_reader_may_not_approve_and_nobody_may_complete(owner: Api, reader: Api, workspace: Workspace) -> None:
    template = TemplateFactory.create(organization=workspace.organization, tcl=PLAN_APPROVE_APPLY)
    path = f"organization/{workspace.organization_id}/job"
    key = owner.made(path, "job", {"templateReference": str(template.pk)}, {"workspace": ("workspace", workspace.pk)})[
        "id"
    ]
    response = reader.patch(f"{path}/{key}", "job", {"status": "cancelled"})
    assert (response.status_code, detail(response)) == (
        403,
        "You may not cancel a job in net: none of your teams there has the right manage_job.",
    )
    assert json.loads(response.content)["errors"][1] == {"detail": "UpdatePermission Denied"}
    assert owner.patch(f"{path}/{key}", "job", {"status": "completed"}).status_code == 403
    assert owner.patch(f"{path}/{key}", "job", {"status": "cancelled"}).status_code == 204
    assert owner.patch(f"{path}/{key}", "job", {"status": "approved"}).status_code == 409


def test_an_administrator_makes_an_organization_with_the_default_templates(admin: Api) -> None:
    data = admin.made("organization", "organization", {"name": "new"})
    names = [row["attributes"]["name"] for row in admin.read(f"organization/{data['id']}/template")["data"]]
    assert {"Plan and apply", "Plan, approve, apply", "Plan, approve, destroy"} <= set(names)
    assert data["attributes"] == {
        "description": None,
        "disabled": False,
        "executionMode": "remote",
        "icon": None,
        "name": "new",
        "noSelfApproval": False,
    }
    empty = {name for name, found in data["relationships"].items() if found == {"data": []}}
    assert {"workspace", "job", "team", "globalvar", "module", "notificationConfiguration", "project"} <= empty


def test_a_workspace_lives_through_create_read_update_and_delete(owner: Api, organization: Organization) -> None:
    path = f"organization/{organization.pk}/workspace"
    data = owner.made(
        path,
        "workspace",
        {"name": "web", "source": "https://git.example/w.git", "branch": "main", "terraformVersion": "1.11.4"},
    )
    assert list(data["attributes"]) == sorted(data["attributes"])
    assert data["attributes"]["lastJobStatus"] == "NeverExecuted"
    assert data["relationships"]["vcs"] == {"data": None}
    assert owner.patch(f"{path}/{data['id']}", "workspace", {"description": "Web"}).status_code == 204
    assert owner.read(f"workspace/{data['id']}")["data"]["attributes"]["description"] == "Web"
    found = owner.read(f"{path}?filter[workspace]=name==web")["data"]
    assert [row["id"] for row in found] == [data["id"]]
    response = owner.patch(f"{path}/{data['id']}", "workspace", {"deleted": True, "name": "web_DEL_1234"})
    assert response.status_code == 204
    assert owner.get(f"{path}/{data['id']}").status_code == 404
    assert owner.read(path)["data"] == []


def test_a_template_carries_its_yaml_in_base64_and_is_refused_with_its_line(
    owner: Api, organization: Organization
) -> None:
    path = f"organization/{organization.pk}/template"
    data = owner.made(path, "template", {"name": "T", "tcl": base64.b64encode(PLAN.encode()).decode()})
    assert base64.b64decode(data["attributes"]["tcl"]).decode() == PLAN
    wrong = base64.b64encode(b"flow:\n  - {type: nosuch, step: 1}\n").decode()
    response = owner.post(path, "template", {"name": "U", "tcl": wrong})
    assert response.status_code == 400
    assert "nosuch" in detail(response)
    assert owner.delete(f"{path}/{data['id']}").status_code == 204
    assert owner.get(f"{path}/{data['id']}").status_code == 404


def test_a_name_that_is_taken_is_a_conflict(owner: Api, admin: Api, workspace: Workspace) -> None:
    attributes = {"name": "core", "source": "https://git.example/s.git", "branch": "b", "terraformVersion": "1"}
    response = owner.post(f"organization/{workspace.organization_id}/workspace", "workspace", attributes)
    assert (response.status_code, detail(response)) == (409, "A workspace named core already exists.")
    assert admin.post("organization", "organization", {"name": "net"}).status_code == 409
    variable = VariableFactory.create(workspace=workspace, key="A")
    path = f"organization/{workspace.organization_id}/workspace/{workspace.pk}/variable"
    body = {"key": variable.key, "value": "x", "category": "TERRAFORM"}
    assert owner.post(path, "variable", body).status_code == 409


def test_a_sensitive_value_is_never_shown_again(owner: Api, workspace: Workspace) -> None:
    variable = VariableFactory.create(workspace=workspace, key="A", value="hidden-value", sensitive=True)
    path = f"organization/{workspace.organization_id}/workspace/{workspace.pk}/variable/{variable.pk}"
    assert "value" not in owner.read(path)["data"]["attributes"]
    response = owner.patch(path, "variable", {"sensitive": False})
    assert response.status_code == 400
    assert b"hidden-value" not in owner.get(path).content
    assert owner.patch(path, "variable", {"sensitive": False, "value": "plain"}).status_code == 204
    assert owner.read(path)["data"]["attributes"]["value"] == "plain"


def test_a_malformed_setting_of_a_pod_is_refused_with_its_grammar(owner: Api, workspace: Workspace) -> None:
    path = f"organization/{workspace.organization_id}/workspace/{workspace.pk}/variable"
    body = {"key": "EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS", "value": "a=b=c", "category": "ENV"}
    response = owner.post(path, "variable", body)
    assert response.status_code == 400
    assert "EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS" in detail(response)
