"""Organizations, their tags and SSH keys, as go-tfe and the tfe provider use them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.client import Api, detail, token_of
from tests.factories import OrganizationFactory, WorkspaceFactory
from tests.tfe.routes import BASES
from workspaces.choices import JobStatus, StepType
from workspaces.models import Job, Organization, Ssh, Step, Tag, WorkspaceTag

pytestmark = pytest.mark.django_db
LONG = "tst-12345678-1234-1234-1234-123456789012"


@pytest.fixture
def api() -> Api:
    return Api(token_of("TERRAKUBE_ADMIN"), prefix=f"/{BASES[1]}")


@pytest.fixture
def owner(organization: Organization) -> Api:
    return Api(token_of("OWNERS"), prefix=f"/{BASES[1]}")


def test_an_organization_is_created_changed_and_deleted(api: Api) -> None:
    sent = {"name": LONG, "email": "a@b.example", "cost-estimation-enabled": True}
    made = api.made("organizations", "organizations", sent)
    assert made["id"] == made["attributes"]["name"] == LONG
    assert made["attributes"]["email"] == "a@b.example"
    assert made["attributes"]["default-execution-mode"] == "remote"
    assert made["attributes"]["cost-estimation-enabled"] is False
    assert made["attributes"]["permissions"]["can-destroy"] is True
    assert api.read(f"organizations/{LONG}")["data"] == made

    changed = api.patch(f"organizations/{LONG}", "organizations", {"name": "new", "default-execution-mode": "local"})
    assert json.loads(changed.content)["data"]["id"] == "new"
    assert api.get(f"organizations/{LONG}").status_code == 404
    assert Organization.objects.get(name="new").execution_mode == "local"

    assert api.delete("organizations/new").status_code == 204
    assert api.get("organizations/new").status_code == 404


def test_a_name_that_is_taken_or_wrong_is_422(api: Api) -> None:
    OrganizationFactory.create(name="taken")
    for attributes in ({"name": "taken"}, {"name": "a/b"}, {}, {"name": "ok", "email": "none"}):
        assert api.post("organizations", "organizations", attributes).status_code == 422, attributes
    for wrong in ({"default-execution-mode": "agent"}, {"allow-force-delete-workspaces": False}):
        assert api.post("organizations", "organizations", {"name": "ok", **wrong}).status_code == 422


def test_organizations_are_found_by_a_part_of_name_or_email(api: Api) -> None:
    OrganizationFactory.create(name="first", email="infra@x.example")
    OrganizationFactory.create(name="second")
    for asked, names in (("FIR", ["first"]), ("infra@x", ["first"]), ("none", [])):
        assert [one["id"] for one in api.read(f"organizations?q={asked}")["data"]] == names


def test_capacity_counts_the_jobs_of_this_organization_alone(api: Api, organization: Organization) -> None:
    for place in (organization, OrganizationFactory.create(name="other")):
        workspace = WorkspaceFactory.create(organization=place, name="w")
        job = Job.objects.create(organization=place, workspace=workspace, status=JobStatus.RUNNING)
        Step.objects.create(job=job, step_number=1, name="a", type=StepType.PLAN, status=JobStatus.RUNNING)
        Job.objects.create(organization=place, workspace=workspace)
    found = api.read(f"organizations/{organization.name}/capacity")["data"]
    assert found["type"] == "organization-capacity"
    assert found["attributes"] == {"pending": 1, "running": 1}


@pytest.fixture
def tags(organization: Organization) -> list[Tag]:
    found = [Tag.objects.create(organization=organization, name=f"tag{number}") for number in range(3)]
    for name in ("a", "b"):
        workspace = WorkspaceFactory.create(organization=organization, name=name)
        WorkspaceTag.objects.create(workspace=workspace, tag=found[0])
    Tag.objects.create(organization=OrganizationFactory.create(name="other"), name="tag0")
    return found


def names(document: Any) -> list[str]:
    return [one["attributes"]["name"] for one in document["data"]]


def test_tags_are_listed_with_the_number_of_their_workspaces(
    owner: Api, organization: Organization, tags: list[Tag]
) -> None:
    path = f"organizations/{organization.name}/tags"
    found = owner.read(path)
    assert names(found) == ["tag0", "tag1", "tag2"]
    assert [one["attributes"]["instance-count"] for one in found["data"]] == [2, 0, 0]
    assert found["data"][0]["relationships"]["organization"]["data"]["id"] == organization.name
    assert names(owner.read(f"{path}?q=AG1")) == ["tag1"]
    workspace = organization.workspaces.get(name="a")
    for excluded in (workspace.pk, tags[0].pk):
        assert names(owner.read(f"{path}?filter%5Bexclude%5D%5Btaggable%5D%5Bid%5D={excluded}")) == ["tag1", "tag2"]


def test_tags_are_deleted_and_given_to_workspaces(owner: Api, organization: Organization, tags: list[Tag]) -> None:
    kept, *others = tags
    body = {"data": [{"type": "tags", "id": str(tag.pk)} for tag in others]}
    assert owner.call("DELETE", f"organizations/{organization.name}/tags", body).status_code == 204
    assert list(organization.tags.all()) == [kept]

    workspace = WorkspaceFactory.create(organization=organization, name="c")
    body = {"data": [{"type": "workspaces", "id": str(workspace.pk)}]}
    assert owner.call("POST", f"tags/{kept.pk}/relationships/workspaces", body).status_code == 204
    assert [row.tag for row in workspace.workspace_tags.all()] == [kept]

    foreign = WorkspaceFactory.create(organization=OrganizationFactory.create(name="foreign"), name="x")
    body = {"data": [{"type": "workspaces", "id": str(foreign.pk)}]}
    assert owner.call("POST", f"tags/{kept.pk}/relationships/workspaces", body).status_code == 404


def test_a_tag_is_put_on_no_workspace_of_another_organization(api: Api, tags: list[Tag]) -> None:
    foreign = WorkspaceFactory.create(organization=OrganizationFactory.create(name="foreign"), name="x")
    body = {"data": [{"type": "workspaces", "id": str(foreign.pk)}]}
    response = api.call("POST", f"tags/{tags[0].pk}/relationships/workspaces", body)
    assert response.status_code == 422
    assert "another organization" in detail(response)


def test_the_value_of_an_ssh_key_is_never_shown(owner: Api, organization: Organization) -> None:
    path = f"organizations/{organization.name}/ssh-keys"
    made = owner.made(path, "ssh-keys", {"name": "deploy", "value": "-----BEGIN RSA PRIVATE KEY-----"})
    assert made["attributes"] == {"name": "deploy"}
    key = Ssh.objects.get(pk=made["id"])
    assert key.ssh_type == "rsa"
    assert owner.read(path)["data"] == [made]
    assert owner.read(f"ssh-keys/{key.pk}")["data"] == made

    assert owner.patch(f"ssh-keys/{key.pk}", "ssh-keys", {"name": "renamed"}).status_code == 200
    key.refresh_from_db()
    assert (key.name, key.private_key) == ("renamed", "-----BEGIN RSA PRIVATE KEY-----")
    assert owner.delete(f"ssh-keys/{key.pk}").status_code == 204
    assert owner.get("ssh-keys/nonexisting").status_code == 404


def test_each_organization_has_a_default_project(owner: Api, organization: Organization) -> None:
    path = f"organizations/{organization.name}"
    project = owner.read(path)["data"]["relationships"]["default-project"]["data"]
    (included,) = owner.read(f"{path}?include=default_project")["included"]
    assert (included["type"], included["id"]) == ("projects", project["id"])
    assert included["attributes"]["name"]
