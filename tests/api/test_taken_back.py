"""What was deleted softly is found by who asks for it, and by who takes it back."""

from __future__ import annotations

import pytest

from tests.api.client import Api, detail
from tests.factories import PLAN_APPROVE_APPLY
from workspaces.choices import JobStatus
from workspaces.jobs import transitions
from workspaces.jobs.transitions import Outcome
from workspaces.models import Job, Organization, Workspace
from workspaces.services.jobs import create_job


def names(found: dict[str, list[dict[str, dict[str, str]]]]) -> list[str]:
    return [row["attributes"]["name"] for row in found["data"]]


def test_an_administrator_enables_an_organization_again(
    admin: Api, owner: Api, reader: Api, organization: Organization, workspace: Workspace
) -> None:
    one = f"organization/{organization.pk}"
    assert admin.patch(one, "organization", {"disabled": True}).status_code == 204
    # As Terrakube's clients expect it of one that was deleted.
    assert admin.get(one).status_code == 404
    assert names(admin.read("organization")) == []
    assert names(admin.read("organization?filter[organization]=disabled==false")) == []
    assert names(admin.read("organization?filter[organization]=disabled==true")) == [organization.name]
    assert names(reader.read("organization?filter[organization]=disabled==true")) == []
    assert admin.patch(one, "organization", {"description": "still hidden"}).status_code == 404
    for other in (owner, reader):
        assert other.patch(one, "organization", {"disabled": False}).status_code == 404
    assert admin.patch(one, "organization", {"disabled": False}).status_code == 204
    assert names(admin.read("organization")) == [organization.name]
    assert names(owner.read(f"{one}/workspace")) == [workspace.name]


def test_an_administrator_enables_an_organization_by_an_operation(admin: Api, organization: Organization) -> None:
    Organization.objects.filter(pk=organization.pk).update(disabled=True)
    data = {"type": "organization", "id": str(organization.pk), "attributes": {"disabled": False}}
    operation = {"op": "update", "href": f"/organization/{organization.pk}", "data": data}
    answer = admin.call("POST", "operations", {"atomic:operations": [operation]})
    assert answer.status_code == 200, answer.content
    organization.refresh_from_db()
    assert not organization.disabled


def test_a_workspaces_deletion_is_taken_back_by_who_manages_it(
    owner: Api, reader: Api, organization: Organization, workspace: Workspace
) -> None:
    many = f"organization/{organization.pk}/workspace"
    one = f"{many}/{workspace.pk}"
    assert owner.patch(one, "workspace", {"deleted": True}).status_code == 204
    assert owner.get(one).status_code == 404
    assert names(owner.read(many)) == []
    assert names(owner.read(f"{many}?filter[workspace]=deleted==true")) == [workspace.name]
    assert reader.patch(one, "workspace", {"deleted": False}).status_code == 403
    assert owner.patch(one, "workspace", {"deleted": False}).status_code == 204
    assert names(owner.read(many)) == [workspace.name]


@pytest.mark.parametrize("by", ["deleted", "disabled"])
def test_approving_a_job_whose_workspace_is_gone_is_409(
    admin: Api, organization: Organization, workspace: Workspace, by: str
) -> None:
    job = create_job(workspace, by=None, tcl=PLAN_APPROVE_APPLY)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    transitions.start_step(step_id)
    transitions.finish_step(step_id, Outcome(succeeded=True, changes=True))
    transitions.advance(job.pk)
    if by == "deleted":
        Workspace.objects.filter(pk=workspace.pk).update(deleted=True)
        answer = admin.patch(f"organization/{organization.pk}/job/{job.pk}", "job", {"status": "approved"})
        assert answer.status_code == 409
        assert "The workspace was deleted, so the job does not run." in detail(answer)
    else:
        admin.patch(f"organization/{organization.pk}", "organization", {"disabled": True})
        transitions.advance(job.pk)
    found = Job.objects.get(pk=job.pk)
    assert found.status == JobStatus.FAILED
    assert found.steps.get(step_number=200).status == JobStatus.FAILED
