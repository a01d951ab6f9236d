"""Uploads of configurations: where an archive may be put, what it is for, who may have it."""

from __future__ import annotations

import json

import pytest

from tests.api.client import Api, token_of
from tests.factories import TeamFactory
from tests.tfe.runs import SOURCE, archive, ask_run, new_version, put, with_templates
from workspaces.models import ConfigurationVersion, Job, Team, Workspace
from workspaces.services.sources import store_source

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace(workspace: Workspace) -> Workspace:
    return with_templates(workspace)


@pytest.fixture(params=["/api/v2/", "/remote/tfe/v2/"])
def owner(workspace: Workspace, request: pytest.FixtureRequest) -> Api:
    return Api(token_of("OWNERS", name="owner@example.com"), prefix=request.param)


def test_an_archive_is_put_once_to_its_address_and_read_back(owner: Api, workspace: Workspace) -> None:
    path = f"workspaces/{workspace.pk}/configuration-versions"
    made = owner.made(path, "configuration-versions", {"speculative": True})
    address = made["attributes"]["upload-url"]
    one = f"configuration-versions/{made['id']}"
    assert owner.read(one)["data"]["attributes"]["status"] == "pending"
    assert "upload-url" not in owner.read(one)["data"]["attributes"]
    assert owner.get(f"{one}/download").status_code == 404
    assert put(address + "x", SOURCE).status_code == 403
    other = new_version(owner, workspace, None)
    assert put(address.replace(made["id"], other), SOURCE).status_code == 403
    assert put(address, SOURCE).status_code == 200
    # A terminal that lost the answer sends the same again.
    assert put(address, SOURCE).status_code == 200
    assert put(address, archive({"other.tf": ""})).status_code == 409
    assert owner.read(one)["data"]["attributes"]["status"] == "uploaded"
    downloaded = owner.get(f"{one}/download")
    assert (downloaded.content, downloaded["Cache-Control"]) == (SOURCE, "no-store")
    assert {row["id"] for row in owner.read(path)["data"]} == {made["id"], other}


def test_a_run_needs_the_archive(owner: Api, workspace: Workspace) -> None:
    response = ask_run(owner, workspace, new_version(owner, workspace, None))
    assert response.status_code == 409
    assert "not been uploaded" in json.loads(response.content)["errors"][0]["detail"]


def test_a_version_belongs_to_its_workspace(owner: Api, workspace: Workspace) -> None:
    version = new_version(owner, workspace)
    other = Workspace.objects.create(organization=workspace.organization, name="other", terraform_version="1.11.4")
    assert ask_run(owner, other, version).status_code == 422


def test_an_archive_starts_a_run_of_who_made_room_for_it(owner: Api, workspace: Workspace) -> None:
    new_version(owner, workspace, auto_queue_runs=True)
    job = Job.objects.get()
    assert (job.created_by, job.plan_only) == ("owner@example.com", False)
    new_version(owner, workspace, auto_queue_runs=True, speculative=True)
    assert Job.objects.latest("pk").plan_only


def test_no_run_starts_for_who_has_lost_the_right_since(owner: Api, workspace: Workspace) -> None:
    path = f"workspaces/{workspace.pk}/configuration-versions"
    made = owner.made(path, "configuration-versions", {"auto-queue-runs": True})
    Team.objects.filter(name="OWNERS").update(plan_job=False)
    assert put(made["attributes"]["upload-url"], SOURCE).status_code == 403
    assert not Job.objects.exists()
    # The archive has arrived all the same.
    assert owner.read(f"configuration-versions/{made['id']}")["data"]["attributes"]["status"] == "uploaded"


def test_who_may_only_plan_uploads_only_what_is_only_planned(workspace: Workspace) -> None:
    TeamFactory.create(organization=workspace.organization, name="PLANNERS", plan_job=True)
    planner = Api(token_of("PLANNERS"), prefix="/api/v2/")
    path = f"workspaces/{workspace.pk}/configuration-versions"
    for attributes, status in (({}, 403), ({"provisional": True}, 403), ({"speculative": True}, 201)):
        assert planner.post(path, "configuration-versions", attributes).status_code == status, attributes
    assert planner.post(path, "configuration-versions", {"speculative": "yes"}).status_code == 422


@pytest.mark.parametrize(
    ("content", "empty"),
    [
        (archive({}), True),
        (archive({"main.tf": ""}), False),
        (b"\x1f\x8bno archive", False),
        (SOURCE[:-9], False),
    ],
    # An archive has the time in it, so it is no name for a test.
    ids=["nothing", "a file", "no archive", "half an archive"],
)
def test_an_archive_is_empty_only_without_any_file(workspace: Workspace, content: bytes, empty: bool) -> None:
    version = store_source(ConfigurationVersion.objects.create(workspace=workspace), content)
    assert version.empty == empty
