"""Trials of faults in a run that somebody follows at a terminal: the run, its phases, and how it must end.

A run stops at gates, files that the test makes: before its plan, and in its apply. The commands of both write down that
they began, so that a second start shows.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.factories import OrganizationFactory, TeamFactory
from tests.spine.site import story
from tests.spine.sources import archive
from tests.spine.waiting import await_that
from tests.tfe.live.terminal import CLOUD, NAMED, Dialogue
from tests.tfe.tls import TlsSite
from workspaces.actors import TokenUser
from workspaces.choices import FINAL_JOB, Category, IacType, JobStatus
from workspaces.flows import APPLY_TEMPLATE
from workspaces.models import ConfigurationVersion, Job, Organization, StateVersion, Workspace
from workspaces.services.jobs import create_job
from workspaces.services.organizations import add_default_templates
from workspaces.services.sources import upload_source
from workspaces.services.tokens import create_token
from workspaces.services.workspaces import create_workspace, set_variable

COMPLETE = "Apply complete! Resources: 1 added, 0 changed, 0 destroyed"
CONFIGURATION = """\
resource "terraform_data" "a" {
  provisioner "local-exec" {
    command = "%s"
  }
}
"""
PLAN_AND_APPLY = """\
flow:
  - type: terraformPlan
    name: Plan
    step: 100
    commands:
      - runtime: BASH
        priority: 100
        before: true
        script: bash "$GATES/plan.sh"
  - type: approval
    name: Approval
    step: 150
    team: TERRAFORM_CLI
  - type: terraformApply
    name: Apply
    step: 200
"""
BLOCKER = """\
flow:
  - type: customScripts
    name: Busy
    step: 100
    commands:
      - runtime: BASH
        priority: 100
        before: true
        script: bash "$GATES/busy.sh"
"""


class Gate:
    """A place in a run's commands where it waits until the test opens it.

    It leaves a line in a file first, which the test counts, and a line in the log.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._passed, self._open = folder / f"{name}.begun", folder / f"{name}.open"
        self.script = folder / f"{name}.sh"
        self.line = f"At the gate of {name}."
        begin = f"echo begun >>'{self._passed}'\necho '{self.line}'\n"
        self.script.write_text(f"{begin}while [ ! -e '{self._open}' ]; do sleep 0.1; done\n", encoding="utf-8")

    @property
    def count(self) -> int:
        """How often commands have come to it."""
        return len(self._passed.read_text(encoding="utf-8").splitlines()) if self._passed.exists() else 0

    def open(self) -> None:
        self._open.touch()


class Trial[S: TlsSite]:
    """A workspace, a terminal in its configuration, and the gates of its runs."""

    def __init__(self, site: S, organization: Organization, token: str, folder: Path, hostname: str) -> None:
        self.site, self._environ = site, site.client_environ(site.home(folder))
        # The site is known by another port than its own.
        signed_in = f'credentials "{hostname}" {{\n  token = "{token}"\n}}\n'
        (folder / "home" / ".terraformrc").write_text(signed_in, encoding="utf-8")
        self.plan, self.apply, self.busy = (Gate(folder, name) for name in ("plan", "apply", "busy"))
        name = f"network-{uuid4().hex[:8]}"
        self.workspace: Workspace = create_workspace(
            organization,
            by=None,
            name=name,
            iac_type=IacType.TERRAFORM,
            terraform_version="1.11.4",
            source="empty",
            branch="remote-content",
        )
        set_variable(self.workspace, by=None, key="GATES", value=str(folder), category=Category.ENV)
        self._folder = folder / "configuration"
        self._folder.mkdir()
        cloud = NAMED.format(block=CLOUD, hostname=hostname, organization="acme", workspaces=f'name = "{name}"')
        text = cloud + CONFIGURATION % f"bash {self.apply.script}"
        (self._folder / "main.tf").write_text(text, encoding="utf-8")
        self._dialogue: Dialogue | None = None
        done = site.run(["terraform", "init", "-no-color"], home=folder / "home", folder=self._folder)
        assert done.returncode == 0, done.stdout + done.stderr

    # ---- the terminal -----------------------------------------------------------------------------------------------

    def begin(self, *arguments: str) -> None:
        """Type ``terraform apply``."""
        self._dialogue = Dialogue(["terraform", "apply", "-no-color", *arguments], self._folder, self._environ)

    @property
    def dialogue(self) -> Dialogue:
        assert self._dialogue is not None
        return self._dialogue

    @property
    def said(self) -> str:
        return self.dialogue.output

    def exit_code(self) -> int:
        """Wait for the client's end; one that hangs fails the test."""
        try:
            return self.dialogue.ended()
        except subprocess.TimeoutExpired:
            pytest.fail(f"the client does not end\n{self.report()}")

    def close(self) -> None:
        """End whatever is left."""
        if self._dialogue is not None:
            self._dialogue.close()
        self.open()

    def open(self) -> None:
        """Open all gates."""
        for gate in (self.busy, self.plan, self.apply):
            gate.open()

    # ---- the run ----------------------------------------------------------------------------------------------------

    @property
    def job(self) -> Job | None:
        return Job.objects.filter(workspace=self.workspace, template__isnull=False).first()

    def report(self) -> str:
        job = self.job
        return f"{self.said}\n{story(job) if job else 'no job'}"

    def reach(self, what: str, there: Callable[[], object]) -> None:
        """Wait until a run is somewhere; a client that ends before fails the test at once."""

        def looked() -> bool:
            if there():
                return True
            assert not self.dialogue.is_over, f"it ended before: {what}\n{self.report()}"
            return False

        await_that(looked, what, 60)

    def ended(self) -> Job:
        """Wait for the end of the only run."""
        (job,) = Job.objects.filter(workspace=self.workspace, template__isnull=False)
        assert isinstance(job, Job)

        def over() -> bool:
            job.refresh_from_db()
            return job.status in FINAL_JOB

        try:
            await_that(over, "the run has ended", 60)
        except pytest.fail.Exception:
            pytest.fail(f"the run does not end\n{self.report()}")
        return job

    def assert_applied_once(self) -> None:
        """The run has changed what was planned, by commands that began once."""
        job = self.ended()
        assert job.status == JobStatus.COMPLETED, self.report()
        assert (self.plan.count, self.apply.count) == (1, 1), self.report()
        assert StateVersion.objects.filter(workspace=self.workspace, job=job).exists(), self.report()
        job.workspace.refresh_from_db()
        assert not job.workspace.locked


def owned_organization() -> tuple[Organization, str]:
    """Create the organization of the trials; return it with a token of its owner."""
    made: Organization = OrganizationFactory.create(name="acme")
    add_default_templates(made, by=None)
    made.templates.filter(name=APPLY_TEMPLATE).update(tcl=PLAN_AND_APPLY)
    TeamFactory.create(organization=made, name="OWNERS", role="admin")
    user = TokenUser(name="owner", email="owner@example.com", groups=frozenset({"OWNERS"}))
    return made, create_token(by=user)[1]


# ---- phases: how far the run is when the fault comes, and what lets it go on afterwards ---------------------------


def after_the_upload(trial: Trial[Any]) -> Callable[[], None]:
    trial.begin("-auto-approve")
    versions = ConfigurationVersion.objects.filter(workspace=trial.workspace, content__isnull=False)
    trial.reach("the archive is there", versions.exists)
    return trial.open


def while_pending(trial: Trial[Any]) -> Callable[[], None]:
    upload_source(trial.workspace, archive({"main.tf": "# nothing\n"}), by=None)
    blocker = create_job(trial.workspace, by=None, tcl=BLOCKER)

    def busy() -> int:
        blocker.refresh_from_db()
        assert blocker.status not in FINAL_JOB, story(blocker)
        return trial.busy.count

    await_that(busy, "another job has the workspace", 30)
    trial.begin("-auto-approve")
    trial.reach("it waits for the workspace", lambda: trial.job is not None and "Waiting for" in trial.said)
    return trial.open


def while_planning(trial: Trial[Any]) -> Callable[[], None]:
    trial.begin("-auto-approve")
    trial.reach("the plan's log is followed", lambda: trial.plan.line in trial.said)
    return trial.open


def at_the_question(trial: Trial[Any]) -> Callable[[], None]:
    trial.plan.open()
    trial.begin()
    trial.reach("it asks", lambda: "Enter a value:" in trial.said)

    def go_on() -> None:
        trial.dialogue.answer("yes")
        trial.open()

    return go_on


def while_applying(trial: Trial[Any]) -> Callable[[], None]:
    trial.plan.open()
    trial.begin("-auto-approve")
    trial.reach("the apply's log is followed", lambda: trial.apply.line in trial.said)
    return trial.open


def at_the_end(trial: Trial[Any]) -> Callable[[], None]:
    while_applying(trial)()
    return lambda: None


type Phase = Callable[[Trial[Any]], Callable[[], None]]

PHASES: tuple[Phase, ...] = (
    after_the_upload, while_pending, while_planning, at_the_question, while_applying, at_the_end,
)  # fmt: skip
FOLLOWED: tuple[Phase, ...] = (while_planning, while_applying, at_the_end)
"""Here the client reads a log, which is the one request that it does not repeat when nobody listens."""
