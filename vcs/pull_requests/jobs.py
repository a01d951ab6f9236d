"""Start the job of a pull request: what may run of it, on which commit, with which variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from vcs.models import PullRequest, PullRequestRules
from vcs.providers import provider_of
from vcs.pull_requests.records import note_concerned
from vcs.pull_requests.rules import rules_of
from vcs.reports import outbox
from workspaces import flows
from workspaces.actors import Actor
from workspaces.choices import FINAL_JOB, JobStatus, VcsType, Via
from workspaces.errors import WrongState
from workspaces.jobs import transitions
from workspaces.jobs.start_rules import parsed
from workspaces.models import Job, Template, WebhookEvent, Workspace
from workspaces.services.jobs import create_job

VIA: Mapping[str, Via] = {
    VcsType.GITHUB: Via.GITHUB,
    VcsType.GITLAB: Via.GITLAB,
    VcsType.BITBUCKET: Via.BITBUCKET,
    VcsType.AZURE_DEVOPS: Via.AZURE_DEVOPS,
    VcsType.AZURE_SP_MI: Via.AZURE_DEVOPS,
    VcsType.GITEA: Via.GITEA,
}
"""What a job says of its origin, by the type of the connection."""
_LONGEST_BRANCH = 128


def job_settings(record: PullRequest, workspace: Workspace, rule: WebhookEvent) -> dict[str, Any]:
    """Return the arguments for ``create_job`` of a pull request's job.

    It only plans, unless the event lets comments apply: then its plan is saved and waits, so that what is applied is
    the very plan that was seen. What comes from a fork is never applied. Raises WrongState for a fork that nobody
    allowed, and for one whose commits the provider does not keep in the repository itself.
    """
    if record.is_held:
        sentence = _("Pull request {number} comes from a fork, and its commit {commit} was not allowed.")
        raise WrongState(message(sentence, number=record.number, commit=record.commit[:10]))
    rules = rules_of(workspace)
    applies = may_be_applied(record, rule, rules)
    return {
        **(_flow_to_apply(rule.template) if applies else {"template": rule.template, "plan_only": True}),
        "save_plan": applies,
        "commit_id": record.commit or None,
        "override_branch": _branch(record),
        "via": VIA[record.vcs.vcs_type],
        "pr_number": record.number,
        "author": record.author,
        "comments": record.title[:512] or None,
        "from_fork": record.fork,
        "withholds_sensitive": not (rules.sensitive_for_forks if record.fork else rules.sensitive_in_plans),
    }


def may_be_applied(record: PullRequest, rule: WebhookEvent, rules: PullRequestRules) -> bool:
    """Return whether a pull request's plan is made to be applied; one without the secrets could only mislead."""
    return rule.pr_apply_enabled and not record.fork and rules.sensitive_in_plans


def _flow_to_apply(template: Template) -> dict[str, Any]:
    """Return a flow with an approval before each change: the template if it is one, else the usual three steps."""
    flow = parsed(template.tcl)
    if flows.changes_resources(flow) and flows.first_unapproved_step(flow) is None:
        return {"template": template}
    return {"tcl": flows.PLAN_APPROVE_APPLY}


def _branch(record: PullRequest) -> str:
    """Return the name under which git finds the commit in the repository itself, whose access is the workspace's."""
    if not record.fork:
        own = record.branch if len(record.branch) <= _LONGEST_BRANCH else record.commit
        return str(own)
    provider = provider_of(record.vcs)
    name = provider.pull_requests.head_ref(record.number) if provider is not None and provider.pull_requests else ""
    if not name:
        raise WrongState(_("The provider keeps no commits of forks in the repository, so they cannot be planned."))
    return name


def start_plan(record: PullRequest, workspace: Workspace, rule: WebhookEvent, *, by: Actor) -> Job:
    """Start the job of a pull request's newest commit instead of an older one that waits. Raises as ``create_job``."""
    job = create_plan(record, workspace, rule, by=by)
    replace_older(job, record)
    return job


def create_plan(record: PullRequest, workspace: Workspace, rule: WebhookEvent, *, by: Actor) -> Job:
    """Make that job and its reports, leaving older ones to ``replace_older``. Raises as ``create_job``."""
    with transaction.atomic():
        note_concerned(record, workspace, rule)
        job = create_job(workspace, by=by, **job_settings(record, workspace, rule))
        outbox.note_job(job)
    return job


def replace_older(job: Job, record: PullRequest) -> None:
    """End the pull request's older jobs on a workspace that wait, to start or for their approval.

    Call it outside of a transaction: whoever holds the lock of a job takes that of its workspace after it.
    """
    older = unfinished_of(record).filter(workspace=job.workspace_id, pk__lt=job.pk)
    end_waiting(older, by=f"job {job.pk}, which plans the pull request again")


def end_waiting(jobs: QuerySet[Job], *, by: str) -> int:
    """Cancel those of some jobs that have not started or wait for approval; return how many."""
    ended = 0
    for job in jobs.filter(approved_date=None):
        if job.started_at is None or job.status == JobStatus.WAITING_APPROVAL:
            ended += transitions.cancel(job.pk, by=by)
    return ended


def unfinished_of(record: PullRequest) -> QuerySet[Job]:
    """Return the jobs of a pull request that have not ended, the oldest first."""
    concerned = Workspace.objects.filter(pull_requests__pull_request=record)
    found: QuerySet[Job] = Job.objects.filter(pr_number=record.number, workspace__in=concerned)
    return found.exclude(status__in=sorted(FINAL_JOB)).order_by("pk")
