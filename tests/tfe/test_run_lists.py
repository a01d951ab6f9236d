"""Lists of runs, what a run tells of its people, who sees it, and how little a waiting terminal asks."""

from __future__ import annotations

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.api.client import Api
from tests.tfe.runs import (
    WITH_CHANGES,
    act,
    ask_run,
    begin,
    new_version,
    owner_of_runs,
    run_step,
    start_run,
    with_templates,
)
from workspaces.jobs import transitions
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace(workspace: Workspace) -> Workspace:
    return with_templates(workspace)


@pytest.fixture
def owner(workspace: Workspace) -> Api:
    return owner_of_runs()


def test_runs_are_listed_newest_first_and_the_queue_counts_what_waits(
    owner: Api, stranger: Api, workspace: Workspace
) -> None:
    version = new_version(owner, workspace)
    first, second = start_run(owner, workspace, version), start_run(owner, workspace, version, refresh=False)
    begin(first)
    (row,) = owner.read(f"organizations/{workspace.organization.name}/runs/queue")["data"]
    assert row["attributes"]["position-in-queue"] == 0
    assert transitions.advance(second.pk) is None
    for path in (f"workspaces/{workspace.pk}/runs", f"organizations/{workspace.organization.name}/runs"):
        assert [row["id"] for row in owner.read(path)["data"]] == [f"run-{second.pk}", f"run-{first.pk}"]
    (row,) = owner.read(f"organizations/{workspace.organization.name}/runs/queue")["data"]
    assert (row["id"], row["attributes"]["position-in-queue"]) == (f"run-{second.pk}", 2)
    stranger.prefix = "/api/v2/"
    for path in (
        f"runs/run-{first.pk}", f"plans/plan-{first.pk}", f"applies/apply-{first.pk}",
        f"runs/run-{first.pk}/run-events",
        f"workspaces/{workspace.pk}/runs", f"organizations/{workspace.organization.name}/runs/queue",
        f"configuration-versions/{version}",
    ):  # fmt: skip
        assert stranger.get(path).status_code == 404, path
    assert ask_run(stranger, workspace, version).status_code == 404
    assert owner.get(f"runs/{first.pk}").status_code == 404
    assert owner.get("runs/run-0x1").status_code == 404


def test_a_list_of_runs_asks_no_more_for_more_runs(
    owner: Api, workspace: Workspace, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    version = new_version(owner, workspace)
    for number in range(6):
        target = Workspace.objects.create(
            organization=workspace.organization, name=f"other{number}", terraform_version="1.11.4"
        )
        start_run(owner, target)
        start_run(owner, workspace, version, message=str(number))
    name = workspace.organization.name
    with django_assert_max_num_queries(14):
        assert len(owner.read(f"organizations/{name}/runs?include=configuration_version,plan,created_by")["data"]) == 12
    with django_assert_max_num_queries(12):
        owner.read(f"organizations/{name}/runs/queue")


def test_runs_are_filtered_and_searched(owner: Api, workspace: Workspace) -> None:
    version = new_version(owner, workspace)
    first = start_run(owner, workspace, version, message="of the pipeline")
    begin(first)
    second = start_run(owner, workspace, version, plan_only=True)
    for query, found in (
        ("filter%5Bstatus%5D=pending", [second]), ("filter%5Bstatus%5D=planning,planned", [first]),
        ("filter%5Bstatus%5D=cost_estimated", []), ("filter%5Boperation%5D=plan_only", [second]),
        ("filter%5Boperation%5D=save_plan", []), ("filter%5Bsource%5D=tfe-api", [second, first]),
        ("filter%5Bsource%5D=tfe-ui", []), ("search%5Buser%5D=owner", [second, first]),
        ("search%5Bcommit%5D=abc", []), ("search%5Bbasic%5D=pipeline", [first]),
        (f"search%5Bbasic%5D=run-{second.pk}", [second]),
    ):  # fmt: skip
        rows = owner.read(f"workspaces/{workspace.pk}/runs?{query}")["data"]
        assert [row["id"] for row in rows] == [f"run-{job.pk}" for job in found], query


def test_who_decided_and_what_they_said_is_told(owner: Api, stranger: Api, workspace: Workspace) -> None:
    job = start_run(owner, workspace, new_version(owner, workspace))
    run_step(job, WITH_CHANGES)
    transitions.advance(job.pk)
    assert act(owner, job, "apply") == 202
    found = owner.read(f"runs/run-{job.pk}?include=created_by,comments,workspace,plan")
    related = found["data"]["relationships"]
    (said,) = related["comments"]["data"]
    assert owner.read(f"comments/{said['id']}")["data"]["attributes"]["body"] == "fine"
    assert {one["type"] for one in found["included"]} == {"users", "comments", "workspaces", "plans"}
    assert related["created-by"] == related["confirmed-by"]
    events = owner.read(f"runs/run-{job.pk}/run-events?include=actor,comment")
    keys = [one["id"] for one in events["data"]]
    assert keys == [one["id"] for one in related["run-events"]["data"]]
    assert owner.read(f"run-events/{keys[2]}")["data"]["attributes"]["action"] == "approved"
    assert owner.get(f"run-events/{keys[2]}9").status_code == 404
    stranger.prefix = "/api/v2/"
    assert {
        stranger.get(f"{kind}/{key}").status_code for kind, key in (("run-events", keys[0]), ("comments", said["id"]))
    } == {404}


def test_a_terminal_that_waits_asks_little_of_the_database(
    owner: Api, workspace: Workspace, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    job = start_run(owner, workspace, new_version(owner, workspace), target_addrs=["null_resource.a"])
    begin(job)
    for path, queries in ((f"runs/run-{job.pk}", 5), (f"plans/plan-{job.pk}", 3), (f"applies/apply-{job.pk}", 3)):
        with django_assert_max_num_queries(queries):
            owner.read(path)
