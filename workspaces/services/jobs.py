"""What a user does with jobs: start, approve, reject, cancel."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from workspaces import flows, transitions
from workspaces.access import Actor, name_of
from workspaces.choices import IN_EXECUTOR, AddressType, Interruption, JobStatus, Via, in_words
from workspaces.errors import InvalidInput, NotAllowed, WrongState
from workspaces.models import Address, Job, Template, Workspace
from workspaces.permissions import may_approve, require
from workspaces.queueing import enqueue
from workspaces.services.saving import save_valid

START = _("start a job")
"""What a refusal calls it."""


@lru_cache(maxsize=256)
def _only_plans(text: str) -> bool:
    """Whether a flow only plans. Most jobs follow one of few templates, so the YAML is not read again for each."""
    return flows.is_plan_only(flows.parse(text))


def create_job(
    workspace: Workspace,
    *,
    by: Actor,
    template: Template | None = None,
    tcl: str = "",
    targets: Iterable[str] = (),
    replaces: Iterable[str] = (),
    comments: str | None = None,
    commit_id: str | None = None,
    refresh: bool = True,
    refresh_only: bool = False,
    auto_apply: bool = False,
    override_source: str | None = None,
    override_branch: str | None = None,
    via: str = Via.UI,
    priority: int = 0,
) -> Job:
    """Start a job on a workspace: it runs at once, or waits with a reason.

    Its flow is the template's, or ``tcl`` (YAML), or the workspace's default template when neither is given.
    ``commit_id`` None is the commit that the first step finds. Any ``priority`` but 0 needs the right to manage the
    workspace.

    Raises InvalidInput, NotAllowed, and WrongState for a deleted workspace.
    """
    organization = workspace.organization
    require(by, organization, "plan_job", to=START, workspace=workspace)
    if priority:
        _require_priority(by, workspace)
    if workspace.deleted or organization.disabled:
        raise WrongState(_("{name} was deleted; no job can be started on it.").format(name=workspace.name))
    if template is None and not tcl:
        template = workspace.default_template
    if template is not None and template.organization_id != organization.pk:
        raise InvalidInput(_("The template belongs to another organization."), fields={"templateReference": "unknown"})
    text = template.tcl if template is not None else tcl
    if not text:
        raise InvalidInput(
            _("No template was given, and {name} has no default template.").format(name=workspace.name),
            fields={"templateReference": "missing"},
        )
    try:
        plan_only = _only_plans(text)
    except flows.FlowError as error:
        wrong = _("The template's flow is not valid: {error}").format(error=error)
        raise InvalidInput(wrong, fields={"tcl": str(error)}) from error
    name = name_of(by)
    with transaction.atomic():
        job = save_valid(
            Job(
                organization=organization,
                workspace=workspace,
                template=template,
                tcl=text,
                plan_only=plan_only,
                comments=comments,
                commit_id=commit_id,
                refresh=refresh,
                refresh_only=refresh_only,
                auto_apply=auto_apply,
                override_source=override_source,
                override_branch=override_branch,
                via=via,
                priority=priority,
                created_by=name,
                updated_by=name,
            )
        )
        addresses = [(AddressType.TARGET, text) for text in targets] + [
            (AddressType.REPLACE, text) for text in replaces
        ]
        for kind, address in addresses:
            save_valid(Address(job=job, name=address, type=kind))
        Workspace.objects.filter(pk=workspace.pk).update(
            last_job_status=JobStatus.PENDING, last_job_date=timezone.now()
        )
        enqueue("executors.tasks.advance_job", job.pk)
    return job


def _require_priority(by: Actor, workspace: Workspace) -> None:
    require(by, workspace.organization, "manage_workspace", to=_("set the priority of a job"), workspace=workspace)


def set_priority(job: Job, priority: int, *, by: Actor) -> Job:
    """Let a job go before or after others that wait for room. Raises InvalidInput, NotAllowed, WrongState."""
    _require_priority(by, job.workspace)
    if job.is_final:
        raise WrongState(_("Job {number} has ended: it waits for nothing.").format(number=job.pk))
    job.priority, job.updated_by = priority, name_of(by)
    return save_valid(job, update_fields=["priority", "updated_by", "updated_date"])


def _decide(job: Job, *, by: Actor, approved: bool, comment: str) -> Job:
    if not may_approve(by, job):
        refused = _("You may not approve job {number}.") if approved else _("You may not reject job {number}.")
        team = " " + _("Its approval team is {team}.").format(team=job.approval_team) if job.approval_team else ""
        raise NotAllowed(refused.format(number=job.pk) + team)
    if not transitions.decide(job.pk, approved=approved, by=name_of(by), comment=comment):
        job.refresh_from_db()
        raise WrongState(
            _("Job {number} does not wait for approval: it is {status}.").format(
                number=job.pk, status=in_words(job.status)
            )
        )
    job.refresh_from_db()
    return job


def approve_job(job: Job, *, by: Actor, comment: str = "") -> Job:
    """Let a job that waits for approval go on. Raises NotAllowed and WrongState."""
    return _decide(job, by=by, approved=True, comment=comment)


def reject_job(job: Job, *, by: Actor, comment: str = "") -> Job:
    """End a job that waits for approval. Raises NotAllowed and WrongState."""
    return _decide(job, by=by, approved=False, comment=comment)


def cancel_job(job: Job, *, by: Actor) -> Job:
    """Cancel a job; a step that runs is interrupted. Raises NotAllowed, and WrongState when the job has ended."""
    require(by, job.organization, "approve_job", to=_("cancel a job"), workspace=job.workspace)
    if not transitions.cancel(job.pk, by=name_of(by)):
        job.refresh_from_db()
        status = in_words(job.status)
        raise WrongState(_("Job {number} has ended: it is {status}.").format(number=job.pk, status=status))
    job.refresh_from_db()
    return job


def force_cancel(job: Job, *, by: Actor) -> Job:
    """Cancel a job and kill what runs of it, without its time to end in good order.

    For a job that was cancelled and whose executor still ends, too. Raises NotAllowed, and WrongState when nothing of
    the job runs.
    """
    require(by, job.organization, "approve_job", to=_("cancel a job"), workspace=job.workspace)
    running = job.steps.filter(Q(status__in=IN_EXECUTOR) | Q(interruption=Interruption.INTERRUPTING)).first()
    if running is None:
        raise WrongState(_("Nothing of job {number} is left to stop.").format(number=job.pk))
    with transaction.atomic():
        if transitions.cancel(job.pk, by=name_of(by)):
            # Cancelled before its executor heard of it: what follows is one request, with force.
            job.refresh_from_db()
        enqueue("executors.tasks.kill_step", str(running.pk))
    job.refresh_from_db()
    return job


def run_again(job: Job, *, by: Actor) -> Job:
    """Start a job that does what an earlier one did, by the same template as it is now. Raises as ``create_job``.

    The commit is not kept: the new job takes the newest of the same branch.
    """
    addresses = list(job.addresses.all())
    return create_job(
        job.workspace,
        by=by,
        template=job.template,
        tcl=job.tcl,
        targets=[row.name for row in addresses if row.type == AddressType.TARGET],
        replaces=[row.name for row in addresses if row.type == AddressType.REPLACE],
        comments=job.comments,
        refresh=job.refresh,
        refresh_only=job.refresh_only,
        auto_apply=job.auto_apply,
        override_source=job.override_source,
        override_branch=job.override_branch,
    )


def delete_job(job: Job, *, by: Actor) -> None:
    """Remove a job with its steps and logs. Raises NotAllowed, and WrongState while it, or its last pod, is there."""
    require(by, job.organization, "manage_job", to=_("delete a job"), workspace=job.workspace)
    with transaction.atomic():
        locked = Job.objects.select_for_update(of=("self",)).filter(pk=job.pk).first()
        if locked is None:
            return
        if not locked.is_final or locked.holds_workspace:
            raise WrongState(_("Job {number} has not ended: cancel it first.").format(number=job.pk))
        locked.delete()
