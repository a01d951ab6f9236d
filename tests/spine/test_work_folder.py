"""One folder for all steps of a workspace, and the files of a plan at its apply: in pods and on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from executors.logs import store
from executors.models import Attempt
from tests.factories import PLAN_APPROVE_APPLY
from tests.spine.bell import Bell
from tests.spine.conftest import SiteMaker
from tests.spine.site import Site, story
from tests.spine.waiting import await_that
from workspaces.choices import IacType, JobStatus
from workspaces.models import Job, SavedPlan, Workspace
from workspaces.services.jobs import approve_job

pytestmark = [pytest.mark.cluster, pytest.mark.postgres, pytest.mark.redis]

PATHS = """
resource "terraform_data" "x" { input = "${path.cwd}/x" }
output "here" { value = abspath("file") }
output "home" { value = pathexpand("~/x") }
"""
FILES = """
resource "terraform_data" "x" {
  input = filebase64("${path.module}/build.zip")
  provisioner "local-exec" { command = "sha256sum --check sums && ls -l run.sh link" }
}
"""
MAKE = (
    "echo hi > build.zip; mkdir big; for n in $(seq 20); do head -c 1048576 /dev/urandom > big/$n; done; "
    "sha256sum big/* > sums; cp sums run.sh; chmod 755 run.sh; ln -s build.zip link; ln -s /etc/passwd leads-out"
)
MAKING = f"""
flow:
  - type: terraformPlan
    name: Plan
    step: 100
    commands:
      - {{runtime: BASH, priority: 1, before: true, script: {MAKE!r}}}
  - {{type: approval, name: Approval, step: 150}}
  - {{type: terraformApply, name: Apply, step: 200}}
"""
PLAN = "flow:\n  - {type: terraformPlan, name: Plan, step: 100}\n"


@pytest.fixture(scope="module")
def site(make_site: SiteMaker) -> Iterator[Site]:
    with make_site() as site:
        site.start()
        yield site


def log_of(job: Job, number: int) -> str:
    return store.read_log(Attempt.objects.get(step__job=job, step__step_number=number)).data.decode()


def planned(site: Site, workspace: Workspace, flow: str = PLAN_APPROVE_APPLY) -> Job:
    job = site.job(workspace, flow)
    return site.await_status(job, JobStatus.WAITING_APPROVAL)


def applied(site: Site, job: Job) -> Job:
    approve_job(job, by=None)
    return site.await_status(job, JobStatus.COMPLETED)


everywhere = pytest.mark.parametrize("on_cluster", [True, False], ids=["pods", "machine"])
both_tools = pytest.mark.parametrize("tool", [IacType.TERRAFORM, IacType.TOFU])


@everywhere
@both_tools
def test_paths_of_the_folder_are_the_same_in_every_step_of_every_job(
    site: Site, tool: IacType, on_cluster: bool
) -> None:
    workspace = site.workspace({"main.tf": PATHS}, tool=tool, on_cluster=on_cluster)
    applied(site, planned(site, workspace))
    for flow in (PLAN_APPROVE_APPLY, PLAN):
        again = site.job(workspace, flow)
        site.await_status(again, JobStatus.COMPLETED)
        assert again.plan_changes is False, story(again)
        assert "No changes." in log_of(again, 100)


def test_a_volume_for_the_work_of_pods_has_one_path_for_the_workspace(site: Site) -> None:
    volume = "/home/terrakube/volume"
    environment = {"EPHEMERAL_JOB_ENV_VARS": f"TERRAKUBE_WORK_DIR={volume}"}
    workspace = site.workspace({"main.tf": PATHS}, environment=environment)
    job = planned(site, workspace)
    assert f"{volume}/terrakube-{workspace.pk}/source/x" in log_of(job, 100)
    applied(site, job)
    again = site.job(workspace, PLAN)
    site.await_status(again, JobStatus.COMPLETED)
    assert again.plan_changes is False, story(again)


@everywhere
@both_tools
def test_files_that_a_script_made_before_the_plan_are_there_at_apply(
    site: Site, tool: IacType, on_cluster: bool
) -> None:
    workspace = site.workspace({"main.tf": FILES}, tool=tool, on_cluster=on_cluster)
    job = planned(site, workspace, MAKING)
    assert "the link leads out of the folder: leads-out" in log_of(job, 100)
    applied(site, job)
    log = log_of(job, 200)
    assert log.count(": OK") == 20
    assert "rwx" in log


@everywhere
def test_a_plan_or_archive_that_was_changed_is_not_applied(site: Site, on_cluster: bool) -> None:
    workspace = site.workspace({"main.tf": FILES}, on_cluster=on_cluster)
    job = planned(site, workspace, MAKING)
    plan = SavedPlan.objects.get(step__job=job)
    assert plan.files is not None
    plan.files = plan.files[:-1] + bytes([plan.files[-1] ^ 1])
    plan.save()
    approve_job(job, by=None)
    site.await_status(job, JobStatus.FAILED)
    (step,) = job.steps.filter(step_number=200)
    assert step.reason_code == "plan-altered", story(job)
    assert "Init" not in log_of(job, 200)


def test_a_plan_only_job_waits_on_the_machine_while_another_step_is_in_the_folder(
    site: Site, bell: Bell, tmp_path: Path
) -> None:
    workspace = site.workspace({"main.tf": PATHS}, on_cluster=False)
    gate = tmp_path / "gate"
    waiting = f"{bell.script('in-folder')}; until test -e {gate}; do sleep 0.1; done"
    flow = PLAN.rstrip()[:-1] + f", commands: [{{runtime: BASH, priority: 1, before: true, script: {waiting!r}}}]}}\n"
    first = site.job(workspace, flow)
    bell.await_ring("in-folder")
    second = site.job(workspace, PLAN)
    await_that(lambda: "Waits for the work folder" in _log_so_far(second), "the second says that it waits", 60)
    gate.touch()
    for job in (first, second):
        site.await_status(job, JobStatus.COMPLETED)
    folders = [path.name for path in (site.folder / "executor").glob("workspace-*")]
    assert folders == []


def _log_so_far(job: Job) -> str:
    attempt: Attempt | None = Attempt.objects.filter(step__job=job).first()
    return store.read_log(attempt).data.decode() if attempt is not None else ""
