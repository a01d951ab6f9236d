"""Steps that run as processes of this machine, beside a worker that comes and goes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from executors.attempts.tokens import claim_token
from executors.choices import AttemptOutcome, AttemptState
from executors.models import Attempt
from tests.spine.bell import Bell
from tests.spine.cluster import arguments, environment
from tests.spine.conftest import SiteMaker
from tests.spine.processes import Process, tree
from tests.spine.site import Site, story
from tests.spine.sources import answers
from tests.spine.waiting import await_that
from workspaces.choices import Category, JobStatus
from workspaces.models import Job, StateVersion
from workspaces.services.workspaces import set_variable

pytestmark = [pytest.mark.cluster, pytest.mark.postgres, pytest.mark.redis]

APPLY = "flow:\n  - {type: terraformApply, name: Apply, step: 100}\n"


@pytest.fixture(scope="module")
def site(make_site: SiteMaker) -> Iterator[Site]:
    with make_site() as site:
        site.start()
        yield site


class Apply:
    """A job on this machine in the middle of its apply, which goes on when ``gate`` is opened."""

    def __init__(self, site: Site, bell: Bell, gate: Path, **variables: str) -> None:
        self._site = site
        self._bell = bell
        self._gate = gate
        self.name = gate.name
        command = f"{bell.script(self.name)}; until test -e {gate}; do sleep 0.1; done"
        resource = f'command = {json.dumps(command)}\n    interpreter = ["/bin/bash", "-c"]'
        module = f'resource "terraform_data" "slow" {{\n  provisioner "local-exec" {{\n    {resource}\n  }}\n}}\n'
        workspace = site.workspace({"main.tf": module}, on_cluster=False)
        for key, value in variables.items():
            set_variable(workspace, by=None, key=key, value=value, category=Category.ENV, sensitive=True)
        self.job: Job = site.job(workspace, APPLY)
        bell.await_ring(self.name)
        self.attempt = Attempt.objects.get(step__job=self.job)

    @property
    def process_id(self) -> int:
        def known() -> int | None:
            self.attempt.refresh_from_db()
            return self.attempt.process_id

        return await_that(known, "the attempt's process is known")

    def processes(self) -> dict[str, Path]:
        """The /proc folders of the executor's process and of what it runs, by the names of their programs."""
        found: dict[str, Path] = {}
        for folder in (Path(f"/proc/{pid}") for pid in tree(self.process_id)):
            with contextlib.suppress(OSError):
                found[Path(arguments(folder)[0]).name] = folder
        # Each pause of the script is a process of its own, gone in a moment.
        return {name: folder for name, folder in found.items() if name not in ("", "sleep")}

    def open_gate(self) -> None:
        self._gate.touch()

    def assert_completed_once(self) -> None:
        self._site.await_status(self.job, JobStatus.COMPLETED)
        (attempt,) = Attempt.objects.filter(step__job=self.job)
        assert (attempt.pk, attempt.outcome) == (self.attempt.pk, AttemptOutcome.SUCCEEDED), story(self.job)
        assert self._bell.count(self.name) == 1
        assert StateVersion.objects.filter(workspace=self.job.workspace).exists()


@pytest.fixture
def applying(site: Site, bell: Bell, tmp_path: Path) -> Callable[..., Apply]:
    return lambda **variables: Apply(site, bell, tmp_path / f"gate-{site.namespace}-{tmp_path.name}", **variables)


@pytest.mark.parametrize("end", [Process.kill, Process.stop], ids=["killed", "stopped"])
def test_an_apply_goes_on_while_its_worker_is_started_again(
    site: Site, applying: Callable[..., Apply], end: Callable[[Process], None]
) -> None:
    apply = applying()
    before = apply.processes()
    end(site.worker)
    assert apply.processes() == before
    site.worker.start()
    apply.open_gate()
    apply.assert_completed_once()


def test_an_apply_outlives_all_processes_of_the_site(site: Site, applying: Callable[..., Apply]) -> None:
    apply = applying()
    for process in site.processes:
        process.kill()
    assert not answers(site.host, site.port)
    # Its state is written while nobody is there to take it.
    apply.open_gate()
    site.start()
    apply.assert_completed_once()


def test_an_executor_that_is_killed_fails_its_step_and_frees_the_workspace(
    site: Site, applying: Callable[..., Apply]
) -> None:
    apply = applying()
    for folder in apply.processes().values():
        os.kill(int(folder.name), signal.SIGKILL)
    site.await_status(apply.job, JobStatus.FAILED)
    (attempt,) = Attempt.objects.filter(step__job=apply.job)
    assert (attempt.state, attempt.outcome) == (AttemptState.ENDED, AttemptOutcome.LOST), story(apply.job)
    assert "ended without a report" in apply.job.reason
    await_that(lambda: not Job.objects.filter(holds_workspace=True).exists(), "the workspace is free")


def test_terraform_on_this_machine_gets_its_variables_and_no_key(site: Site, applying: Callable[..., Apply]) -> None:
    apply = applying(API_TOKEN="the-token-of-the-workspace")
    processes = apply.processes()
    terraform, executor = environment(processes["terraform"]), environment(processes[_python(processes)])
    commands = [arguments(folder) for folder in processes.values()]
    apply.open_gate()
    apply.assert_completed_once()

    assert terraform["API_TOKEN"] == "the-token-of-the-workspace"
    token = claim_token(apply.attempt)
    assert token not in json.dumps(terraform)
    assert token not in json.dumps(commands)
    assert "the-token-of-the-workspace" not in json.dumps([executor, commands])
    names = {"TERRAKUBE_SECRET_KEY", "TERRAKUBE_ENCRYPTION_KEYS", "InternalSecret", "PatSecret", "KUBECONFIG"}
    names |= {"TERRAKUBE_DATABASE_URL", "TerrakubeRedisPassword"}
    given = {site.worker.environ[name] for name in names}
    for found in (terraform, executor):
        assert names.isdisjoint(found)
        assert given.isdisjoint(found.values())
    assert "EphemeralJobData" not in terraform


def _python(processes: dict[str, Path]) -> str:
    (name,) = (name for name in processes if name.startswith("python"))
    return name
