"""terraform and tofu at a terminal: their plans and applies run as jobs of a live site."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

import pytest

from executors.choices import AttemptState
from executors.logs.store import pieces
from executors.models import Attempt
from tests.factories import OrganizationFactory, TeamFactory
from tests.spine.site import VERSIONS
from tests.spine.waiting import await_that
from tests.support.patience import patient
from tests.tfe.tls import TlsSite
from workspaces.actors import TokenUser
from workspaces.choices import IacType, JobStatus, StepType, Via
from workspaces.models import Job, StateVersion, Workspace
from workspaces.services.organizations import add_default_templates
from workspaces.services.tokens import create_token

pytestmark = pytest.mark.slow

CONFIGURATION = """\
terraform {
  cloud {
    hostname     = "%s"
    organization = "acme"
    workspaces {
      name = "%s"
    }
  }
}
variable "word" {
  default = "first"
}
resource "terraform_data" "a" {
  input = var.word
}
output "word" {
  value = terraform_data.a.output
}
"""
SLOW = """\
resource "terraform_data" "slow" {
  provisioner "local-exec" {
    command = "echo begun; sleep 600"
  }
}
"""


_STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Terminal:
    """A user's folder with a configuration in the cloud block, and the user's home."""

    def __init__(self, site: TlsSite, folder: Path, token: str, tool: str, more: str = "") -> None:
        self.site, self.tool, self.name = site, tool, folder.name[:40].strip("-_").lower()
        self.folder = folder / "configuration"
        self.folder.mkdir()
        self.home = site.home(folder, token=token)
        text = CONFIGURATION % (site.hostname, self.name)
        (self.folder / "main.tf").write_text(text + more, encoding="utf-8")

    def run(self, *arguments: str, text: str = "", code: int = 0) -> str:
        """Run a command of the tool, which must exit with this code; return what it printed."""
        done = self.site.run([self.tool, *arguments], home=self.home, folder=self.folder, text=text)
        said = _STYLE.sub("", done.stdout + done.stderr)
        assert done.returncode == code, said
        return said

    def job(self) -> Job:
        """Its last job."""
        found: Job | None = Job.objects.filter(workspace__name=self.name).order_by("-pk").first()
        assert found is not None
        return found


@pytest.fixture(scope="module")
def token(running_site: TlsSite) -> str:
    """A token of an approver of an organization."""
    organization = OrganizationFactory.create(name="acme")
    add_default_templates(organization, by=None)
    TeamFactory.create(organization=organization, name="OWNERS", role="admin")
    user = TokenUser(name="owner", email="owner@example.com", groups=frozenset({"OWNERS"}))
    return create_token(by=user)[1]


@pytest.mark.parametrize("tool", ["terraform", "tofu"])
def test_a_terminal_plans_applies_and_destroys(running_site: TlsSite, token: str, tmp_path: Path, tool: str) -> None:
    terminal = Terminal(running_site, tmp_path, token, tool)
    terminal.run("init", "-no-color", "-input=false")
    # The tool's own version may be one that nobody released, which no executor has.
    Workspace.objects.filter(name=terminal.name).update(terraform_version=VERSIONS[IacType(tool)])
    said = terminal.run("plan", "-no-color", "-input=false")
    assert "Plan: 1 to add, 0 to change, 0 to destroy" in said
    assert terminal.job().plan_only
    said = terminal.run("apply", "-no-color", text="yes\n")
    assert "Apply complete! Resources: 1 added, 0 changed, 0 destroyed" in said
    job = terminal.job()
    assert (job.status, job.via, job.plan_only) == (JobStatus.COMPLETED, Via.CLI, False)
    assert StateVersion.objects.filter(job=job).exists()
    assert terminal.run("output", "-raw", "word").strip() == "first"
    said = terminal.run("apply", "-no-color", "-auto-approve", "-var", "word=second")
    assert "0 added, 1 changed, 0 destroyed" in said
    assert "No changes" in terminal.run("plan", "-no-color", "-var", "word=second")
    said = terminal.run("apply", "-no-color", "-auto-approve", "-replace=terraform_data.a", "-var", "word=second")
    assert "1 added, 0 changed, 1 destroyed" in said
    said = terminal.run("apply", "-no-color", text="no\n", code=1)
    assert terminal.job().status == JobStatus.REJECTED, said
    said = terminal.run("destroy", "-no-color", "-auto-approve")
    assert "Destroy complete! Resources: 1 destroyed" in said or "0 added, 0 changed, 1 destroyed" in said


def test_a_saved_plan_is_applied_later(running_site: TlsSite, token: str, tmp_path: Path) -> None:
    terminal = Terminal(running_site, tmp_path, token, "terraform")
    terminal.run("init", "-no-color", "-input=false")
    terminal.run("plan", "-no-color", "-out=saved")
    assert terminal.job().save_plan
    assert "terraform_data.a" in terminal.run("show", "-no-color", "saved")
    said = terminal.run("apply", "-no-color", "saved")
    assert "Apply complete! Resources: 1 added" in said


def test_a_terminal_says_why_a_plan_fails(running_site: TlsSite, token: str, tmp_path: Path) -> None:
    terminal = Terminal(running_site, tmp_path, token, "terraform")
    terminal.run("init", "-no-color", "-input=false")
    wrong = 'output "x" {\n  value = file("/none/such")\n}\n'
    (terminal.folder / "wrong.tf").write_text(wrong, encoding="utf-8")
    assert "no file exists" in terminal.run("plan", "-no-color", code=1)


def test_an_interrupt_at_the_terminal_cancels_the_job(running_site: TlsSite, token: str, tmp_path: Path) -> None:
    terminal = Terminal(running_site, tmp_path, token, "terraform", more=SLOW)
    terminal.run("init", "-no-color", "-input=false")
    process = subprocess.Popen(
        ["terraform", "apply", "-no-color", "-auto-approve"],
        cwd=terminal.folder,
        env=running_site.client_environ(terminal.home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if "begun" in line:
                process.send_signal(signal.SIGINT)
                break
        said = process.communicate(timeout=patient(60))[0]
    finally:
        process.kill()
    job = terminal.job()
    assert job.status == JobStatus.CANCELLED, said
    assert "successfully cancelled" in said
    attempt = Attempt.objects.get(step__job=job, step__type=StepType.APPLY)

    def over() -> bool:
        attempt.refresh_from_db()
        return attempt.state == AttemptState.ENDED

    await_that(over, "the end of the interrupted apply", seconds=60)
    # What terraform said in the end is kept, whoever still listens.
    assert b"nterrupt" in b"".join(piece.data for piece in pieces(attempt))
