"""A repository with a webhook that takes commands, people with and without rights, and a provider that is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib.auth.models import Group, User

from tests.factories import PLAN, OrganizationFactory, TeamFactory, TemplateFactory, WorkspaceFactory
from vcs.choices import EventKind
from vcs.models import AccountLink, PullRequest, PullRequestRules, Report, ReportKind
from vcs.providers.base import Event, normalized
from vcs.providers.base import PullRequest as LivePullRequest
from vcs.pull_requests import records
from workspaces.choices import JobStatus, StepType, VcsType, WebhookEventType
from workspaces.jobs import transitions
from workspaces.models import Job, Organization, Vcs, Webhook, WebhookEvent, Workspace

SOURCE = "https://git.example/acme/net.git"
REPOSITORY = normalized(SOURCE)
HEAD, OLDER, NEWER = "a" * 40, "b" * 40, "c" * 40
NUMBER = 7
LIVE = LivePullRequest(
    number=NUMBER,
    title="More nets",
    author="ann",
    branch="nets",
    target_branch="main",
    commit=HEAD,
    fork=False,
    open=True,
    merged=False,
    approved=True,
    mergeable=True,
    up_to_date=True,
)


def connection(organization: Organization | None = None, kind: str = VcsType.GITHUB, **columns: Any) -> Vcs:
    organization = organization or OrganizationFactory.create(name="acme")
    values = {"name": "git", "vcs_type": kind, "access_token": "t0ken", "api_url": "https://api.git.example"}
    made: Vcs = Vcs.objects.create(organization=organization, **{**values, **columns})
    return made


def workspace_of(vcs: Vcs, name: str = "net", **columns: Any) -> Workspace:
    made: Workspace = WorkspaceFactory.create(
        organization=vcs.organization, vcs=vcs, source=SOURCE, name=name, **columns
    )
    return made


def rule_of(workspace: Workspace, *, tcl: str = PLAN, comments: bool = True, applies: bool = False) -> WebhookEvent:
    """The event of a workspace's webhook that is about pull requests."""
    webhook, _new = Webhook.objects.get_or_create(workspace=workspace)
    template = TemplateFactory.create(organization=workspace.organization, tcl=tcl)
    made: WebhookEvent = WebhookEvent.objects.create(
        webhook=webhook,
        event=WebhookEventType.PULL_REQUEST,
        template=template,
        pr_workflow_enabled=comments,
        pr_apply_enabled=applies,
        acts_for_site=True,
    )
    return made


def person(organization: Organization, name: str, **rights: bool) -> User:
    """A user in a team of their own with some rights."""
    user: User = User.objects.create_user(name, email=f"{name}@acme.example")
    group, _new = Group.objects.get_or_create(name=f"TEAM_{name}")
    user.groups.add(group)
    if rights:
        TeamFactory.create(organization=organization, name=group.name, **rights)
    return user


def linked(vcs: Vcs, user: User, account: str = "", account_id: str = "") -> AccountLink:
    made: AccountLink = AccountLink.objects.create(
        vcs=vcs, account=account or user.username, account_id=account_id, user=user
    )
    return made


def comment(text: str, *, by: str = "ann", by_id: str = "", action: str = "created", number: int = 1) -> Event:
    return Event(
        kind=EventKind.COMMENT,
        action=action,
        sender=by,
        sender_id=by_id or f"id-{by}",
        pull_request=NUMBER,
        comment=text,
        comment_id=f"c{number}",
    )


def record_of(vcs: Vcs, live: LivePullRequest = LIVE, **changes: Any) -> PullRequest:
    return records.refresh(vcs, SOURCE, replace(live, **changes))


def rules(workspace: Workspace, **columns: bool) -> PullRequestRules:
    made: PullRequestRules = PullRequestRules.objects.create(workspace=workspace, **columns)
    return made


def planned(job: Job, status: JobStatus = JobStatus.WAITING_APPROVAL) -> Job:
    """Let a job's plan end, by its own transitions."""
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    assert transitions.start_step(step_id)
    assert transitions.finish_step(step_id, transitions.Outcome(succeeded=True, changes=True))
    transitions.advance(job.pk)
    job.refresh_from_db()
    assert job.status == status, job.reason
    return job


def step_types(job: Job) -> list[str]:
    transitions.advance(job.pk)
    return [StepType(step.type).value for step in job.steps.all()]


def replies(vcs: Vcs) -> list[str]:
    rows = Report.objects.filter(vcs=vcs, kind=ReportKind.REPLY).order_by("pk")
    return [row.body for row in rows]


def last_reply(vcs: Vcs) -> str:
    return replies(vcs)[-1]
