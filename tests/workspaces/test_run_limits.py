"""Limits and deadlines of runs: which level's value counts, and what may not be saved."""

from __future__ import annotations

import pytest

from executors.installation.limits import installation_limits_of
from executors.installation.settings import read
from tests.api.client import Api, token_of
from tests.factories import OrganizationFactory, TeamFactory, WorkspaceFactory
from workspaces import run_limits
from workspaces.errors import InvalidInput
from workspaces.models import RunLimits, Workspace
from workspaces.run_limits import (
    INSTALLATION,
    ORGANIZATION,
    WORKSPACE,
    LimitInForce,
    Limits,
    limit_in_force,
)
from workspaces.services.records import create_record

INSTALLED = installation_limits_of(read({}))


def levels(organization: Limits, workspace: Limits) -> run_limits.Levels:
    return [(INSTALLATION, INSTALLED), (ORGANIZATION, organization), (WORKSPACE, workspace)]


def test_of_a_deadline_the_lowest_counts() -> None:
    found = levels(Limits(silence_seconds=300), Limits(silence_seconds=600, image_seconds=20))
    assert limit_in_force("silence_seconds", found) == LimitInForce(300, ORGANIZATION)
    assert limit_in_force("image_seconds", found) == LimitInForce(20, WORKSPACE)
    assert limit_in_force("step_seconds", found) == LimitInForce(21600, INSTALLATION)


def test_of_a_rule_the_nearest_counts() -> None:
    found = levels(Limits(retry_plans=True, keep_jobs=5), Limits(retry_plans=False))
    assert limit_in_force("retry_plans", found) == LimitInForce(False, WORKSPACE)
    assert limit_in_force("keep_jobs", found) == LimitInForce(5, ORGANIZATION)
    assert limit_in_force("keep_log_days", found) == LimitInForce(None, "")


def test_a_count_is_each_levels_own() -> None:
    found = levels(Limits(running_steps=10), Limits())
    assert limit_in_force("running_steps", found) == LimitInForce(None, "")
    assert limit_in_force("running_steps", found[:2]) == LimitInForce(10, ORGANIZATION)


def test_all_limits_resolve_at_once() -> None:
    found = levels(Limits(claim_seconds=40), Limits(running_steps=2))
    names = ("claim_seconds", "running_steps", "image_seconds")
    assert [limit_in_force(name, found).value for name in names] == [40, 2, 60]


@pytest.fixture
def workspace(db: None) -> Workspace:
    return WorkspaceFactory.create(organization=OrganizationFactory.create(name="net"))


def test_a_longer_deadline_than_above_is_refused_with_the_limit_in_force(workspace: Workspace) -> None:
    with pytest.raises(InvalidInput, match="901 s is longer than the 900 s set by the installation") as refused:
        create_record(RunLimits(organization=workspace.organization, silence_seconds=901), by=None)
    assert refused.value.fields.keys() == {"silence_seconds"}
    create_record(RunLimits(organization=workspace.organization, silence_seconds=300), by=None)
    with pytest.raises(InvalidInput, match="301 s is longer than the 300 s set by the organization"):
        create_record(RunLimits(workspace=workspace, silence_seconds=301), by=None)
    create_record(RunLimits(workspace=workspace, silence_seconds=300), by=None)


def test_limits_belong_to_one_thing(workspace: Workspace) -> None:
    with pytest.raises(InvalidInput, match="an organization or a workspace"):
        create_record(RunLimits(workspace=workspace, organization=workspace.organization), by=None)
    with pytest.raises(InvalidInput, match="Only an organization can have a share"):
        create_record(RunLimits(workspace=workspace, share=2), by=None)


def test_clients_set_a_workspaces_limits_with_its_right_and_an_organizations_as_administrators(
    workspace: Workspace,
) -> None:
    TeamFactory.create(organization=workspace.organization, name="OWNERS", manage_workspace=True)
    owner, admin = Api(token_of("OWNERS")), Api(token_of("TERRAKUBE_ADMIN"))
    of_workspace = {"workspace": ("workspace", str(workspace.pk))}
    of_organization = {"organization": ("organization", str(workspace.organization_id))}
    made = owner.made("runlimits", "runlimits", {"imageSeconds": 30, "retryPlans": True}, of_workspace)
    assert made["attributes"] == {
        "imageSeconds": 30,
        "retryPlans": True,
        **dict.fromkeys(("referenceSeconds", "unschedulableSeconds", "claimSeconds", "silenceSeconds")),
        **dict.fromkeys(("stepSeconds", "runningSteps", "runningApplies", "share", "keepJobs", "keepLogDays")),
        **dict.fromkeys(("keepStates", "driftChecks", "driftIntervalHours")),
        **dict.fromkeys(("driftConcurrentChecks", "driftDailyChecks")),
    }
    assert owner.patch(f"runlimits/{made['id']}", "runlimits", {"imageSeconds": 61}).status_code == 400
    assert owner.patch(f"runlimits/{made['id']}", "runlimits", {"imageSeconds": None}).status_code == 204
    assert owner.post("runlimits", "runlimits", {"runningSteps": 5}, of_organization).status_code == 403
    assert admin.post("runlimits", "runlimits", {"runningSteps": 5}, of_organization).status_code == 201
    assert admin.post("runlimits", "runlimits", {"runningSteps": 5}, of_organization).status_code == 409
    assert admin.post("runlimits", "runlimits", {"runningSteps": 5}).status_code == 400
    assert len(owner.read("runlimits")["data"]) == 2
    other = WorkspaceFactory.create(organization=workspace.organization)
    moved = {"type": "runlimits", "id": made["id"], "relationships": {"workspace": {"data": None}}}
    moved["relationships"] = {"workspace": {"data": {"type": "workspace", "id": str(other.pk)}}}
    assert owner.call("PATCH", f"runlimits/{made['id']}", {"data": moved}).status_code == 403
    assert owner.delete(f"runlimits/{made['id']}").status_code == 204
