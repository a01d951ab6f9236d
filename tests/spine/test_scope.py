"""A job changes what it asked for, in pods and on this machine: the steps of a workspace one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from executors.installation.settings import installation
from executors.runs.results import read_results
from tests.factories import DESTROY, PLAN, PLAN_AND_APPLY, PLAN_APPROVE_APPLY
from tests.spine.conftest import SiteMaker
from tests.spine.site import Site, story
from tests.spine.sources import archive
from workspaces.choices import Category, IacType, JobStatus
from workspaces.jobs.plans import Part
from workspaces.models import Job, SavedPlan, StateVersion, Workspace
from workspaces.services.jobs import approve_job, create_job
from workspaces.services.sources import upload_source
from workspaces.services.workspaces import set_variable

pytestmark = [pytest.mark.cluster, pytest.mark.postgres, pytest.mark.redis]

APPLY = "flow:\n  - {type: terraformApply, name: Apply, step: 100}\n"
MAIN = """
locals { version = "VERSION" }
resource "terraform_data" "dep" { input = local.version }
resource "terraform_data" "a" { input = [local.version, terraform_data.dep.id] }
resource "terraform_data" "b" { input = local.version }
resource "terraform_data" "after" { input = [local.version, terraform_data.a.id] }
"""
A, B = "terraform_data.a", "terraform_data.b"
OWN = {"TF_CLI_ARGS_plan": "-parallelism=2", "TF_CLI_ARGS_apply": "-parallelism=2", "TF_CLI_ARGS_destroy": "-no-color"}


@pytest.fixture(scope="module")
def site(make_site: SiteMaker, executor_image: str) -> Iterator[Site]:
    with make_site() as site, pytest.MonkeyPatch.context() as patch:
        # Jobs are made in this process, and what they may ask depends on the image of their pods.
        patch.setenv("ExecutorEphemeralImage", executor_image)
        installation.cache_clear()
        site.start()
        yield site
    installation.cache_clear()


@dataclass(frozen=True)
class Tried:
    """A workspace of four resources, each of which shows in which version it was applied."""

    site: Site
    workspace: Workspace

    def upload(self, version: str) -> None:
        upload_source(self.workspace, archive({"main.tf": MAIN.replace("VERSION", version)}), by=None)

    def run(self, flow: str, **asked: Any) -> Job:
        job = create_job(self.workspace, by=None, tcl=flow, **asked)
        return self.site.await_status(job, JobStatus.COMPLETED)

    def fail(self, job: Job) -> str:
        """The reason for which a job fails, which changes nothing."""
        before = self.state
        self.site.await_status(job, JobStatus.FAILED)
        assert job.reason_code == "out-of-scope", story(job)
        assert self.state == before
        return str(job.reason)

    def set(self, **variables: str) -> None:
        for key, value in variables.items():
            set_variable(self.workspace, by=None, key=key, value=value, category=Category.ENV)

    @property
    def state(self) -> bytes:
        return bytes(StateVersion.objects.filter(workspace=self.workspace)[0].content)

    @property
    def resources(self) -> dict[str, tuple[str, str]]:
        """(id, version) of each resource."""
        found = {}
        for row in json.loads(self.state)["resources"]:
            attributes = row["instances"][0]["attributes"]
            value = attributes["input"]["value"]
            found[row["name"]] = (attributes["id"], value if isinstance(value, str) else value[0])
        return found

    @property
    def versions(self) -> dict[str, str]:
        return {name: version for name, (_, version) in self.resources.items()}


@pytest.mark.parametrize(
    ("tool", "on_cluster", "own"),
    [
        (IacType.TERRAFORM, True, OWN),
        (IacType.TOFU, True, {}),
        (IacType.TERRAFORM, False, {}),
        (IacType.TOFU, False, OWN),
    ],
    ids=["terraform-pods-own", "tofu-pods", "terraform-machine", "tofu-machine-own"],
)
def test_each_step_changes_what_its_job_asked_for(
    site: Site, tool: IacType, on_cluster: bool, own: dict[str, str]
) -> None:
    files = {"main.tf": MAIN.replace("VERSION", "1")}
    tried = Tried(site, site.workspace(files, tool=tool, environment=own, on_cluster=on_cluster))
    tried.run(APPLY)
    assert set(tried.versions.values()) == {"1"}
    tried.upload("2")
    tried.run(PLAN_AND_APPLY, targets=[A])
    assert tried.versions == {"dep": "2", "a": "2", "b": "1", "after": "1"}
    tried.run(APPLY, targets=["terraform_data.after"], refresh=False)
    assert tried.versions == {"dep": "2", "a": "2", "b": "1", "after": "2"}
    tried.run(APPLY, refresh_only=True)
    assert tried.versions["b"] == "1"

    before = tried.resources
    reason = tried.fail(create_job(tried.workspace, by=None, tcl=PLAN_AND_APPLY, replaces=[A]))
    assert f"no person approved it, so nothing was applied: terraform_data.after, {B}" in reason
    job = create_job(tried.workspace, by=None, tcl=PLAN_APPROVE_APPLY, replaces=[A])
    site.await_status(job, JobStatus.WAITING_APPROVAL)
    plan = read_results(job).plan
    assert plan is not None
    assert plan.parts == ((Part.ASKED, 1), (Part.BESIDE, 2))
    approve_job(job, by=None)
    site.await_status(job, JobStatus.COMPLETED)
    assert {name for name, (identity, _) in tried.resources.items() if identity != before[name][0]} == {"a"}

    tried.run(DESTROY, targets=[A])
    assert tried.resources.keys() == {"dep", "b"}


@pytest.mark.parametrize("on_cluster", [True, False], ids=["pods", "machine"])
def test_a_plan_that_was_made_to_reach_further_is_stopped(site: Site, on_cluster: bool) -> None:
    files = {"main.tf": MAIN.replace("VERSION", "1")}
    tried = Tried(site, site.workspace(files, on_cluster=on_cluster))
    tried.run(APPLY)
    tried.upload("2")

    # Another plan in place of the stored one, as only who writes to the database could put it there.
    job = create_job(tried.workspace, by=None, tcl=PLAN_APPROVE_APPLY, targets=[A])
    site.await_status(job, JobStatus.WAITING_APPROVAL)
    shown = read_results(job).plan
    assert shown is not None
    assert shown.parts == ((Part.ASKED, 1), (Part.ADDED, 1))
    whole = SavedPlan.objects.get(step__job=tried.run(PLAN))
    stored = SavedPlan.objects.get(step__job=job)
    stored.content, stored.digest = whole.content, whole.digest
    stored.save()
    approve_job(job, by=None)
    assert f"so nothing was applied: terraform_data.after, {B}." in tried.fail(job)

    # The workspace's own arguments.
    for name, flow in (
        ("TF_CLI_ARGS_plan", PLAN_AND_APPLY),
        ("TF_CLI_ARGS_apply", APPLY),
        ("TF_CLI_ARGS_destroy", DESTROY),
    ):
        tried.set(**{name: f"-target={B}"})
        assert f"nothing was applied: {B}." in tried.fail(create_job(tried.workspace, by=None, tcl=flow, targets=[A]))
