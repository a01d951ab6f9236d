"""A member's list of attempts: counted by the key of their organization, and whole while an older version runs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from executors.attempts import organizations
from executors.attempts.lifecycle.writes import create_attempt
from executors.choices import EventKind, ExecutorKind
from executors.models import Attempt, AttemptEvent
from tests.factories import PLAN, WorkspaceFactory
from tests.support.work import kept_statements
from workspaces.models import Access, Step, Workspace
from workspaces.services.jobs import create_job

pytestmark = pytest.mark.django_db
LIST = reverse("admin:executors_attempt_changelist")


def _attempt(workspace: Workspace) -> Attempt:
    job = create_job(workspace, by=None, tcl=PLAN)
    step = job.steps.first() or Step.objects.create(job=job, step_number=100, name="Plan")
    return create_attempt(step, number=1, executor=ExecutorKind.LOCAL, not_before=job.created_date)


@pytest.fixture
def own(workspace: Workspace) -> Attempt:
    return _attempt(workspace)


@pytest.fixture
def strange() -> Attempt:
    return _attempt(WorkspaceFactory.create())


def _shown(client: Client) -> set[str]:
    return {attempt.job_name for attempt in client.get(LIST).context["cl"].result_list}


def _counts(client: Client) -> list[str]:
    with kept_statements() as statements:
        assert client.get(LIST).status_code == 200
    return [one for one in statements if "COUNT(*)" in one and 'FROM "executors_attempt"' in one]


def test_a_member_sees_the_attempts_of_their_organization_which_are_counted_without_jobs(
    own: Attempt, strange: Attempt, workspace: Workspace, sign_in: Callable[..., Client]
) -> None:
    member = sign_in(workspace.organization)

    assert own.organization_key == workspace.organization_id
    assert _shown(member) == {own.job_name}
    counts = _counts(member)
    assert len(counts) == 1
    assert "workspaces_job" not in counts[0]


def test_attempts_of_an_older_version_are_shown_at_once_and_get_their_key(
    own: Attempt, strange: Attempt, workspace: Workspace, sign_in: Callable[..., Client]
) -> None:
    Attempt.objects.update(organization_key=None)
    member = sign_in(workspace.organization)

    assert _shown(member) == {own.job_name}

    assert organizations.fill_keys() is False
    keys = dict(Attempt.objects.values_list("pk", "organization_key"))
    assert keys == {own.pk: workspace.organization_id, strange.pk: strange.step.job.organization_id}
    assert _shown(member) == {own.job_name}


def test_many_attempts_get_their_key_some_at_a_time(
    own: Attempt, strange: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(organizations, "_AT_ONCE", 1)
    Attempt.objects.update(organization_key=None)

    assert [organizations.fill_keys() for _ in range(3)] == [True, True, False]
    assert not Attempt.objects.filter(organization_key=None).exists()


def test_an_access_to_one_workspace_shows_its_attempts_beside_those_of_a_team(
    own: Attempt, strange: Attempt, workspace: Workspace, sign_in: Callable[..., Client]
) -> None:
    member = sign_in(workspace.organization, name="both")
    Access.objects.create(workspace=strange.step.job.workspace, name="both")

    assert _shown(member) == {own.job_name, strange.job_name}


def test_the_page_of_an_attempt_names_phases_as_the_page_of_its_job(own: Attempt, admin: Client) -> None:
    Attempt.objects.update(phase="source")
    AttemptEvent.objects.create(attempt=own, kind=EventKind.PHASE, detail="source", at=timezone.now())
    page = admin.get(reverse("admin:executors_attempt_change", args=[own.pk])).content.decode()
    assert page.count("Getting the source") == 2
