"""Pages of pull requests, of the rules of workspaces, and of linked accounts: who sees and decides what."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.factories import OrganizationFactory
from tests.vcs.pulls import HEAD, NEWER, connection, person, record_of, rule_of, workspace_of
from vcs.models import AccountLink, PullRequest, PullRequestRules, Report, ReportKind
from vcs.pull_requests.records import note_concerned
from workspaces.models import Job, Vcs, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def record() -> PullRequest:
    vcs = connection()
    workspace = workspace_of(vcs)
    found = record_of(vcs, fork=True)
    note_concerned(found, workspace, rule_of(workspace))
    return found


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def staff(record: PullRequest, name: str, **rights: bool) -> Client:
    user = person(record.vcs.organization, name, **rights)
    User.objects.filter(pk=user.pk).update(is_staff=True)
    return client_of(User.objects.get(pk=user.pk))


def page(record: PullRequest) -> str:
    return reverse("admin:vcs_pullrequest_change", args=[record.pk])


def allow(client: Client, record: PullRequest, commit: str = HEAD) -> int:
    return client.post(reverse("admin:vcs_pullrequest_allow", args=[record.pk]), {"commit": commit}).status_code


def _elsewhere(record: PullRequest) -> Client:
    other = OrganizationFactory.create(name="other")
    user = person(other, "eve", plan_job=True)
    User.objects.filter(pk=user.pk).update(is_staff=True)
    return client_of(User.objects.get(pk=user.pk))


WHO: dict[str, tuple[Callable[[PullRequest], Client], bool, bool]] = {
    # case: who, whether they see the page, whether they may allow the commit
    "administrator": (lambda record: client_of(User.objects.create_superuser("root")), True, True),
    "planner": (lambda record: staff(record, "bob", plan_job=True), True, True),
    "reader": (lambda record: staff(record, "bob", manage_state=True), True, False),
    "elsewhere": (_elsewhere, False, False),
}


@pytest.mark.parametrize("case", WHO)
def test_a_fork_is_allowed_on_its_page_by_who_may_start_jobs(record: PullRequest, case: str) -> None:
    who, sees, may = WHO[case]
    client = who(record)
    shown = client.get(page(record))
    assert (shown.status_code == 200) is sees
    assert (b"Plan it" in shown.content) is may
    allow(client, record)
    assert Job.objects.exists() is may
    if sees:
        assert client.get(reverse("admin:vcs_pullrequest_changelist")).status_code == 200


def test_the_page_shows_what_became_of_each_workspace_and_what_could_not_be_told(record: PullRequest) -> None:
    client = client_of(User.objects.create_superuser("root"))
    allow(client, record)
    Report.objects.filter(kind=ReportKind.COMMENT).update(problem="403: no access")
    Workspace.objects.update(locked=True, locked_by_pull_request=record.number)
    text = client.get(page(record)).content.decode()
    assert reverse("admin:workspaces_job_change", args=[Job.objects.get().pk]) in text
    assert "403: no access" in text
    assert "Holds the lock" in text
    assert "Plan it" not in text


def test_a_page_of_an_older_commit_allows_nothing(record: PullRequest) -> None:
    client = staff(record, "bob", plan_job=True)
    PullRequest.objects.update(commit=NEWER)
    allow(client, record)
    assert not Job.objects.exists()
    assert PullRequest.objects.get().is_held


def test_rules_are_set_by_who_manages_the_workspace_and_their_history_is_kept(record: PullRequest) -> None:
    workspace = Workspace.objects.get()
    address = reverse("admin:vcs_pullrequestrules_add")
    body = {"workspace": str(workspace.pk), "require_mergeable": "on", "sensitive_in_plans": "on"}
    assert staff(record, "bob", plan_job=True).post(address, body).status_code == 403
    client = staff(record, "ann", manage_workspace=True)
    assert client.get(address).status_code == 200
    assert client.post(address, body).status_code == 302
    found = PullRequestRules.objects.get()
    assert (found.require_approved, found.require_mergeable, found.sensitive_for_forks) == (False, True, False)
    assert LogEntry.objects.get_for_object(found).exists()
    change = reverse("admin:vcs_pullrequestrules_change", args=[found.pk])
    assert client.post(change, {**body, "require_approved": "on"}).status_code == 302
    found.refresh_from_db()
    assert found.require_approved


def test_only_administrators_link_accounts(record: PullRequest) -> None:
    vcs = Vcs.objects.get()
    user = person(vcs.organization, "carl")
    body = {"vcs": str(vcs.pk), "account": "@Carl", "user": str(user.pk)}
    address = reverse("admin:vcs_accountlink_add")
    assert staff(record, "ann", manage_vcs=True, manage_workspace=True).post(address, body).status_code == 403
    client = client_of(User.objects.create_superuser("root"))
    assert client.post(address, body).status_code == 302
    link = AccountLink.objects.get()
    assert (link.account, link.user) == ("carl", user)
    AccountLink.objects.update(account_id="1")
    client.post(reverse("admin:vcs_accountlink_change", args=[link.pk]), {**body, "account": "carla"})
    link.refresh_from_db()
    assert (link.account, link.account_id) == ("carla", ""), "the id was that of the account before"
    assert LogEntry.objects.get_for_object(link).exists()
