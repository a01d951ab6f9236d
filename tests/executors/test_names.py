"""Two sites, or one that was made anew, in one namespace: their Jobs have the same numbers."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from executors import cluster
from executors.attempts import lifecycle
from executors.choices import AttemptState, ExecutorKind
from executors.cluster import AlreadyExists
from executors.installation.settings import installation
from executors.launching import kubernetes_job, launcher
from executors.models import Attempt
from tests.factories import PLAN, VariableFactory, WorkspaceFactory
from workspaces.jobs import transitions
from workspaces.services import jobs

pytestmark = pytest.mark.django_db


class Names:
    """A cluster as far as names of Jobs go."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.deleted: list[str] = []

    def create_job(self, namespace: str, manifest: dict[str, Any]) -> dict[str, Any]:
        name = manifest["metadata"]["name"]
        if name in self.jobs:
            raise AlreadyExists(f"{name} exists", status=409)
        self.jobs[name] = {"metadata": manifest["metadata"] | {"uid": str(uuid4())}}
        return self.jobs[name]

    def read_job(self, namespace: str, name: str) -> dict[str, Any] | None:
        return self.jobs.get(name)

    def delete_job(self, namespace: str, name: str) -> bool:
        self.deleted.append(name)
        return self.jobs.pop(name, None) is not None

    def may(self, verb: str, resource: str, namespace: str, *, group: str = "") -> bool:
        return False


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    found = Names()
    monkeypatch.setattr(cluster, "connect", lambda: found)
    monkeypatch.setattr(kubernetes_job, "may_create_secrets", lambda api, namespace: False)
    monkeypatch.setenv("AzBuilderApiUrl", "http://site.example:8080")
    monkeypatch.setenv("ExecutorEphemeralImage", "terrakube-executor:1")
    installation.cache_clear()
    return found


@pytest.fixture(autouse=True)
def settings_of_the_next_test() -> Any:
    yield
    installation.cache_clear()


def waiting_attempt() -> Attempt:
    workspace = WorkspaceFactory.create()
    VariableFactory.create(workspace=workspace, key="TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR", value="1")
    job = jobs.create_job(workspace, by=None, tcl=PLAN)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    attempt = lifecycle.open_attempt(step_id, executor=ExecutorKind.KUBERNETES)
    assert attempt is not None
    return attempt


def test_a_name_that_is_taken_by_somebody_elses_job_is_not_used_and_their_job_stays(names: Names) -> None:
    attempt = waiting_attempt()
    taken = attempt.job_name
    foreign = {"metadata": {"name": taken, "uid": "theirs", "labels": {"terrakube.io/attempt": str(uuid4())}}}
    names.jobs[taken] = foreign
    assert launcher.launch_due_attempt(attempt.step_id)
    attempt.refresh_from_db()
    assert (attempt.state, attempt.job_name) == (AttemptState.LAUNCHED, f"{taken}-{attempt.pk.hex[:8]}")
    assert names.jobs[taken] is foreign
    assert names.jobs[attempt.job_name]["metadata"]["labels"]["terrakube.io/attempt"] == str(attempt.pk)


def test_a_second_launch_after_that_adopts_the_first_ones_job(names: Names) -> None:
    attempt = waiting_attempt()
    names.jobs[attempt.job_name] = {"metadata": {"name": attempt.job_name, "labels": {}}}
    launcher.launch_due_attempt(attempt.step_id)
    # As when the worker died before it could write that the Job exists.
    Attempt.objects.filter(pk=attempt.pk).update(state=AttemptState.NEW, launched_at=None)
    launcher.launch_due_attempt(attempt.step_id)
    assert len(names.jobs) == 2


def test_cancelling_an_attempt_that_was_not_launched_deletes_no_job_of_somebody_else(names: Names) -> None:
    attempt = waiting_attempt()
    names.jobs[attempt.job_name] = {"metadata": {"name": attempt.job_name, "labels": {}}}
    jobs.cancel_job(attempt.step.job, by=None)
    launcher.cancel_step(attempt.step_id)
    assert (names.deleted, list(names.jobs)) == ([], [attempt.job_name])
