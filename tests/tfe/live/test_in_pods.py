"""terraform and tofu at a terminal, with the steps of their runs in pods."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from executors.choices import ExecutorKind
from executors.models import Attempt
from tests.api.client import token_of
from tests.spine.waiting import await_that
from tests.support.patience import patient
from tests.tfe.live.pods import PodSite
from tests.tfe.live.terminal import Terminal
from workspaces.choices import IacType, JobStatus
from workspaces.models import Job, Workspace
from workspaces.services.state import add_state_version, current_state
from workspaces.services.workspaces import update_workspace

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(patient(240))]

PROGRAMS = (IacType.TERRAFORM, IacType.TOFU)
MAIN = """\
variable "word" {
  default = "one"
}

resource "terraform_data" "first" {
  input = var.word
}

resource "terraform_data" "second" {
  input = "always"
}
"""
SLOW = """\
resource "terraform_data" "slow" {
  provisioner "local-exec" {
    command = "echo it has begun; sleep 300"
  }
}
"""
READER = """\
data "terraform_remote_state" "source" {{
  backend = "remote"
  config = {{
    hostname     = "{hostname}"
    organization = "{organization}"
    workspaces   = {{ name = "{name}" }}
  }}
}}

output "read" {{
  value = data.terraform_remote_state.source.outputs.network
}}
"""
STATE = {
    "version": 4,
    "terraform_version": "1.11.4",
    "serial": 1,
    "lineage": "shared",
    "outputs": {"network": {"value": "net-7", "type": "string"}},
    "resources": [],
    "check_results": None,
}


def terminal_of(
    site: PodSite, folder: Path, program: IacType, main: str, environment: dict[str, str] | None = None
) -> tuple[Terminal, Workspace]:
    """A terminal whose configuration belongs to a workspace with pods, after its init."""
    workspace = site.workspace(tool=program, environment=environment)
    if program == IacType.TOFU:
        # The machine's own tofu may be a build of another patch.
        update_workspace(workspace, {"terraform_version": "~1.12.0"}, by=None)
    terminal = Terminal(site, program, folder, site.home(folder, token=token_of("TERRAKUBE_ADMIN")))
    terminal.connect(workspace.organization.name, f'name = "{workspace.name}"')
    terminal.write("main.tf", main)
    terminal.run("init", "-no-color")
    return terminal, workspace


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_configuration_is_planned_applied_and_destroyed(program: IacType, pod_site: PodSite, tmp_path: Path) -> None:
    terminal, workspace = terminal_of(pod_site, tmp_path, program, MAIN)
    aimed = terminal.run("plan", "-no-color", "-target", "terraform_data.second")
    assert "1 to add" in aimed
    applied = terminal.run("apply", "-no-color", "-var", "word=two", text="yes\n")
    assert "2 added, 0 changed, 0 destroyed" in applied
    state = current_state(workspace)
    assert state is not None
    assert b'"two"' in (state.content or b"")
    terminal.run("plan", "-no-color", "-out", "saved")
    assert "1 changed" in terminal.run("apply", "-no-color", "saved")
    assert "2 destroyed" in terminal.run("destroy", "-auto-approve", "-no-color")
    kinds = Attempt.objects.filter(step__job__workspace=workspace).values_list("executor", flat=True)
    assert set(kinds) == {ExecutorKind.KUBERNETES}


def test_an_interrupt_reaches_the_pod(pod_site: PodSite, tmp_path: Path) -> None:
    terminal, workspace = terminal_of(pod_site, tmp_path, IacType.TERRAFORM, SLOW)
    apply = terminal.start("apply", "-no-color")
    try:
        apply.expect("Enter a value:")
        apply.answer("yes")
        apply.expect("it has begun")
        apply.interrupt()
        apply.expect("Do you want to cancel")
        apply.answer("yes")
        apply.expect("successfully cancelled")
        apply.ended()
    finally:
        apply.close()
    job = Job.objects.filter(workspace=workspace).latest("pk")
    await_that(lambda: Job.objects.get(pk=job.pk).is_final, "the job ends")
    assert Job.objects.get(pk=job.pk).status == JobStatus.CANCELLED


@pytest.mark.parametrize("shared", [True, False])
def test_a_pod_reads_a_state_that_is_shared_with_its_workspace(shared: bool, pod_site: PodSite, tmp_path: Path) -> None:
    source = pod_site.workspace(global_remote_state=shared)
    add_state_version(source, json.dumps(STATE).encode(), None)
    main = READER.format(hostname=pod_site.hostname, organization=source.organization.name, name=source.name)
    # The pod trusts the test's authority by a file that the terminal uploads.
    shutil.copy(pod_site.bundle, tmp_path / "ca.pem")
    terminal, workspace = terminal_of(pod_site, tmp_path, IacType.TERRAFORM, main, {"SSL_CERT_FILE": "ca.pem"})
    said = terminal.run("apply", "-no-color", "-auto-approve", code=0 if shared else 1)
    if not shared:
        assert "globalRemoteState" in " ".join(said.replace("│", " ").split())
        assert current_state(workspace) is None
        return
    assert "net-7" in said
