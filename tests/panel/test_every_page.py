"""Every list and every form of the panel opens, for an administrator and a member, with a bounded number of queries."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.contrib import admin as django_admin
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from unfold.templatetags.unfold_list import items_for_result

from executors.attempts import lifecycle
from executors.choices import ExecutorKind
from executors.models import Attempt
from terrakube_site.templatetags.list_rows import cells_of
from tests.factories import (
    PLAN_AND_APPLY,
    CollectionFactory,
    GlobalVariableFactory,
    ItemFactory,
    OrganizationFactory,
    ReferenceFactory,
    TeamFactory,
    TemplateFactory,
    VariableFactory,
    WorkspaceFactory,
)
from tests.support.markup import without_breaks
from workspaces.choices import JobStatus
from workspaces.jobs import transitions
from workspaces.models import Job, Workspace
from workspaces.reasons import told
from workspaces.services import jobs

pytestmark = pytest.mark.django_db

# Of a list page, whatever it lists: session, user, counts, filters, rows, what a page of rows looks up, and what its
# reader chose for the list.
LIST_QUERIES = 15


def registered() -> list[str]:
    return sorted(f"{model._meta.app_label}_{model._meta.model_name}" for model in django_admin.site._registry)


def fill(workspace: Workspace, number: int) -> None:
    """Make a few of everything beside a workspace."""
    organization = workspace.organization
    TeamFactory.create(organization=organization)
    TemplateFactory.create(organization=organization)
    GlobalVariableFactory.create(organization=organization)
    item = ItemFactory.create(collection=CollectionFactory.create(organization=organization))
    ReferenceFactory.create(collection=item.collection, workspace=workspace)
    VariableFactory.create(workspace=workspace)
    job = jobs.create_job(workspace, by=None, tcl=PLAN_AND_APPLY, comments=f"number {number}")
    step_id = transitions.advance(job.pk)
    if step_id is not None:
        lifecycle.open_attempt(step_id, executor=ExecutorKind.KUBERNETES)


@pytest.fixture(scope="module")
def organization_id(shared_rows: Callable[[], AbstractContextManager[None]]) -> uuid.UUID:
    with shared_rows():
        organization = OrganizationFactory.create()
        for number in range(8):
            fill(WorkspaceFactory.create(organization=organization), number)
        return organization.pk


@pytest.fixture
def filled(organization_id: uuid.UUID) -> Workspace:
    first: Workspace = Workspace.objects.filter(organization=organization_id)[0]
    return first


@pytest.mark.parametrize("name", registered())
def test_a_list_opens_with_a_bounded_number_of_queries(
    name: str, admin: Client, filled: Workspace, django_assert_max_num_queries: Callable[..., object]
) -> None:
    with django_assert_max_num_queries(LIST_QUERIES):  # type: ignore[attr-defined]
        assert admin.get(reverse(f"admin:{name}_changelist")).status_code == 200


@pytest.mark.parametrize("name", registered())
def test_the_rows_of_a_list_say_what_unfold_writes(
    name: str, admin: Client, filled: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    # Ages are written twice, in one moment.
    monkeypatch.setattr(timezone, "now", lambda: now)
    address = reverse(f"admin:{name}_changelist")
    for query in ({}, {"q": "", "o": "-1"}, {"_popup": "1"}):
        shown = (getattr(admin.get(address, query), "context_data", None) or {}).get("cl")
        # The page of checks is no list.
        for record in shown.result_list if shown is not None else ():
            assert cells_of(shown, record) == list(items_for_result(shown, record, None))


@pytest.mark.parametrize("name", registered())
def test_a_form_for_a_new_record_opens_or_says_that_there_is_none(name: str, admin: Client, filled: Workspace) -> None:
    assert admin.get(reverse(f"admin:{name}_add")).status_code in {200, 403}


@pytest.mark.parametrize("name", registered())
def test_the_page_of_a_record_opens(name: str, admin: Client, filled: Workspace) -> None:
    model = next(
        model for model in django_admin.site._registry if f"{model._meta.app_label}_{model._meta.model_name}" == name
    )
    record = model._default_manager.first()
    if record is not None:
        assert admin.get(reverse(f"admin:{name}_change", args=[record.pk]), follow=True).status_code == 200


def test_the_page_of_a_workspace_takes_the_same_queries_for_many_variables(
    admin: Client, filled: Workspace, django_assert_max_num_queries: Callable[..., object]
) -> None:
    for _ in range(20):
        VariableFactory.create(workspace=filled)
    with django_assert_max_num_queries(16):  # type: ignore[attr-defined]
        assert admin.get(reverse("admin:workspaces_workspace_variables", args=[filled.pk])).status_code == 200


def test_a_member_opens_what_the_sidebar_offers(filled: Workspace, sign_in: Callable[..., Client]) -> None:
    client = sign_in(filled.organization, role="read")
    index = client.get(reverse("admin:index"))
    assert index.status_code == 200
    entries = [item for group in index.context["sidebar_navigation"] for item in group["items"]]
    assert {item["title"] for item in entries} >= {"Jobs", "Workspaces", "Teams"}
    assert "Users" not in {item["title"] for item in entries}
    for item in entries:
        assert client.get(item["link"]).status_code == 200, item["title"]


def test_the_first_page_shows_what_waits_and_why(admin: Client, filled: Workspace) -> None:
    jobs.create_job(filled, by=None, tcl=PLAN_AND_APPLY)
    transitions.advance(filled.jobs.latest("pk").pk)
    text = admin.get(reverse("admin:index")).content.decode()
    assert "Waits for job" in text
    assert "never seen" in text


def test_attempts_never_show_what_their_token_is_made_of(admin: Client, filled: Workspace) -> None:
    attempt = Attempt.objects.all()[0]
    text = admin.get(reverse("admin:executors_attempt_change", args=[attempt.pk])).content.decode()
    assert attempt.job_name in text
    assert attempt.nonce not in text


def test_the_first_page_counts_what_ended_and_how_quickly_steps_start(admin: Client, filled: Workspace) -> None:
    now = timezone.now()
    keys = list(filled.organization.jobs.values_list("pk", flat=True))
    Job.objects.filter(pk__in=keys[:3]).update(status=JobStatus.COMPLETED, ended_at=now)
    Job.objects.filter(pk=keys[3]).update(status=JobStatus.FAILED, ended_at=now)
    Job.objects.filter(pk=keys[4]).update(status=JobStatus.FAILED, ended_at=now - dt.timedelta(days=2))
    for seconds, attempt in enumerate(Attempt.objects.all()):
        Attempt.objects.filter(pk=attempt.pk).update(created_at=now, claimed_at=now + dt.timedelta(seconds=seconds))
    context = admin.get(reverse("admin:index")).context
    assert context["ended"].totals == {"good": 3, "quiet": 0, "bad": 1}
    assert sum(len(bar.parts) for bar in context["ended"].bars) == 2
    (_, start_up, _), (_, durations, _) = context["spans"]
    assert (start_up.number, start_up.median, start_up.slowest) == (8, 4, 7)
    assert durations is not None
    Job.objects.update(started_at=None)
    assert admin.get(reverse("admin:index")).context["spans"][1][1] is None, "what never started took no time"
    Job.objects.filter(pk__in=keys[:3]).update(started_at=now - dt.timedelta(seconds=90))
    response = admin.get(reverse("admin:index"))
    assert response.context["spans"][1][1].median == 90
    assert "1 min 30 s" in response.content.decode()


def test_the_first_page_groups_what_failed_by_its_reason(admin: Client, filled: Workspace) -> None:
    failed = Attempt.objects.all()[:3]
    for attempt in failed:
        lifecycle.fail_attempt(attempt, told("quota", "The quota is used up"))
    text = admin.get(reverse("admin:index")).content.decode()
    row = without_breaks(text.split("Why steps failed")[1].split("</table>")[0])
    assert "<td>3 steps</td>" in row
    assert "quota" in row
    assert "{" not in row
