"""Start the job of an event on a workspace: once for each commit, and in place of an older plan that still waits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import Message, message
from vcs.choices import EventKind
from vcs.models import Delivery, PullRequest, Trigger
from vcs.providers.base import Event
from vcs.pull_requests.jobs import VIA, job_settings, replace_older
from vcs.reports import outbox
from workspaces import flows
from workspaces.actors import Actor, groups_of, is_admin
from workspaces.choices import JobStatus, Via, WebhookEventType
from workspaces.errors import NotAllowed
from workspaces.jobs import transitions
from workspaces.jobs.acting import actor_behind
from workspaces.jobs.start_rules import parsed
from workspaces.models import Job, WebhookEvent, Workspace
from workspaces.reasons import Reason, reason
from workspaces.services.jobs import create_job

_LONGEST_BRANCH = 128
"""Of a job's own branch; a longer one is replaced by its commit."""


@dataclass(frozen=True, slots=True)
class Started:
    """What came of an event for a workspace: a new job, or the one that the event started before, and the sentence."""

    job: Job | None
    code: str
    why: Message


def start_job(
    workspace: Workspace, rule: WebhookEvent, event: Event, delivery: Delivery, record: PullRequest | None = None
) -> Started:
    """Start the job of an event by the rule that it matched. Raises ServiceError, changing nothing.

    The job has the rights of who saved the rule. What may run of a pull request, its ``record`` says. A plan-only job
    of an older commit of the same branch that still waits is cancelled; of an event that was overtaken, no job is made.
    """
    by = _actor_of(rule)
    with transaction.atomic():
        claimed = _claim(workspace, rule, event, delivery)
        if isinstance(claimed, Started):
            return claimed
        if record is not None:
            settings = job_settings(record, workspace, rule)
        else:
            settings = {"template": rule.template, **_source(workspace, event)}
        job = create_job(workspace, by=by, named=event.sender, **settings)
        claimed.job = job
        claimed.save(update_fields=["job"])
        outbox.note_job(job)
    # In transactions of their own: whoever holds the lock of a job takes that of its workspace after it.
    if record is not None:
        replace_older(job, record)
    if _plans_only(rule):
        older = _of_event(workspace, rule, event).filter(ref=event.branch, number__lt=delivery.pk)
        _drop(older, reason("cancelled", "newer-commit", number=job.pk))
    return Started(job, "job", message(_("Job {number} was started."), number=job.pk))


def _actor_of(rule: WebhookEvent) -> Actor:
    """Return who the jobs of a rule are started by, whose rights count. Raises NotAllowed for one without any."""
    by = actor_behind(rule)
    if by is not None and not groups_of(by) and not is_admin(by):
        sentence = _(
            "The event runs with the rights of {person}, who is inactive, in no team or unknown. Save it to run it "
            "with your rights."
        )
        raise NotAllowed(message(sentence, person=rule.acts_for_name or rule.updated_by or "–"))
    return by


def _of_event(workspace: Workspace, rule: WebhookEvent, event: Event) -> QuerySet[Trigger]:
    """Return what the events of a kind have started on a workspace; of a pull request, its own events alone."""
    return Trigger.objects.filter(workspace=workspace, event=rule.event, pull_request=event.pull_request or 0)


def _claim(workspace: Workspace, rule: WebhookEvent, event: Event, delivery: Delivery) -> Trigger | Started:
    """Keep that an event starts a job, for this process alone; or return why it starts none.

    Call it in the transaction that creates the job.
    """
    # Deliveries are handled side by side; this row is what they take turns by.
    Workspace.objects.select_for_update(of=("self",)).filter(pk=workspace.pk).values_list("pk").first()
    name = event.commit or event.branch
    of_event = _of_event(workspace, rule, event)
    before = of_event.filter(commit=name).select_related("job").first()
    if before is not None:
        return _was_started(before)
    if _plans_only(rule) and of_event.filter(ref=event.branch, number__gt=delivery.pk).exists():
        return Started(None, "overtaken", message(_("A newer commit of {name} is already planned."), name=event.branch))
    try:
        with transaction.atomic():
            return Trigger.objects.create(
                workspace=workspace,
                event=rule.event,
                commit=name,
                pull_request=event.pull_request or 0,
                ref=event.branch,
                rule=rule,
                delivery=delivery,
                number=delivery.pk,
            )
    except IntegrityError:
        # SQLite has no row locks.
        return _was_started(of_event.get(commit=name))


_BRANCHES = frozenset({WebhookEventType.PUSH, WebhookEventType.PULL_REQUEST})
"""Events of branches, on which commits follow each other."""


def _plans_only(rule: WebhookEvent) -> bool:
    """Return whether the jobs of a rule change nothing, so that only the newest commit of a branch matters."""
    if rule.event == WebhookEventType.PULL_REQUEST:
        return True
    try:
        return rule.event in _BRANCHES and flows.is_plan_only(parsed(rule.template.tcl))
    except flows.FlowError:
        return False


def _was_started(trigger: Trigger) -> Started:
    if trigger.job_id is None:
        return Started(None, "again", message(_("This commit already started a job, which was deleted.")))
    return Started(trigger.job, "again", message(_("This commit already started job {number}."), number=trigger.job_id))


def _source(workspace: Workspace, event: Event) -> dict[str, Any]:
    """Return what the job is made from, and who caused it."""
    vcs = workspace.vcs
    is_own = event.kind == EventKind.PUSH and event.branch == workspace.first_branch
    branch = f"refs/tags/{event.branch}" if event.kind in {EventKind.TAG, EventKind.RELEASE} else event.branch
    if len(branch) > _LONGEST_BRANCH:
        branch = event.commit
    return {
        "override_branch": None if is_own else branch,
        "commit_id": event.commit or None,
        "of_own_source": is_own,
        "via": VIA.get(vcs.vcs_type, Via.UI) if vcs is not None else Via.UI,
        "author": event.sender,
        "comments": event.message.strip().partition("\n")[0][:512] or None,
    }


def cancel_waiting_plans(workspace_ids: Iterable[UUID], pull_request: int) -> int:
    """Cancel the plan-only jobs of a closed pull request that have not started; return how many."""
    of_request = Trigger.objects.filter(
        workspace__in=list(workspace_ids),
        event=WebhookEventType.PULL_REQUEST,
        pull_request=pull_request,
    )
    return _drop(of_request, reason("cancelled", "pull-request-closed", number=pull_request))


def _drop(triggers: QuerySet[Trigger], why: Reason) -> int:
    """Cancel the plan-only jobs of triggers that have not started; return how many."""
    waiting = triggers.filter(job__plan_only=True, job__status=JobStatus.PENDING, job__started_at=None)
    return sum(transitions.drop_waiting(job_id, why) for job_id in waiting.values_list("job_id", flat=True))
