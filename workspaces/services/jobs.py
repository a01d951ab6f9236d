"""Start, approve, reject, cancel and delete jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from terrakube_site.database.built_writes import update_by_key
from terrakube_site.messages import message
from workspaces import flows
from workspaces.actors import Actor, name_of
from workspaces.choices import (
    FROM_REPOSITORIES,
    IN_EXECUTOR,
    AddressType,
    Category,
    Door,
    HistoryVerb,
    Interruption,
    JobStatus,
    Via,
    in_words,
)
from workspaces.errors import InvalidInput, NotAllowed, WrongState
from workspaces.flows.runtimes import check_flow
from workspaces.jobs import transitions
from workspaces.jobs.acting import keep_actor
from workspaces.jobs.saved_plans import is_stale
from workspaces.jobs.scope import Asked, addresses_of, check_asked, read_addresses
from workspaces.jobs.start_rules import START, Start, check_start, parsed, require_cancel, starter_on, why_not
from workspaces.models import Address, Job, JobVariable, Template, Workspace
from workspaces.models.history_recording import note_event
from workspaces.models.variable import check_key, check_value
from workspaces.permissions import may_approve, may_decide, refusal, require_permission, self_approval_refusal
from workspaces.services.saving import invalid_input, save_valid
from workspaces.task_queue.client import enqueue
from workspaces.validation.secrecy import without_secrets


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
    variables: Mapping[str, str] | None = None,
    save_plan: bool = False,
    priority: int = 0,
    named: str = "",
    plan_only: bool = False,
    of_own_source: bool = False,
    pr_number: int | None = None,
    author: str = "",
    withholds_sensitive: bool = False,
    from_fork: bool = False,
) -> Job:
    """Start a job on a workspace: it runs at once, or waits with a reason.

    The flow is the template's, or ``tcl`` (YAML), or that of the workspace's default template when neither is given.
    ``commit_id`` None is resolved by the first step. ``variables`` are HCL expressions that replace the workspace's
    Terraform variables. With ``save_plan`` the plan waits for approval without holding the workspace. A ``priority``
    other than 0 needs the right to manage the workspace. ``named`` replaces the actor's name as the job's creator. With
    ``plan_only`` only the plans of the flow run, up to its first change. ``of_own_source`` says that the commit is
    known to be of the workspace's own branch. ``author`` is the provider's account that caused the job. With
    ``withholds_sensitive`` its steps get no sensitive variable. ``from_fork`` says that whoever wrote the code may not
    be trusted with it: nothing but a plan runs, and its steps get no key to other repositories.

    Raises InvalidInput, NotAllowed, and WrongState for a deleted workspace.
    """
    organization = workspace.organization
    starter = starter_on(workspace, by)
    if not starter.own.plan_job:
        raise NotAllowed(refusal(organization, "plan_job", action=START))
    if priority:
        _require_priority(by, workspace)
    if workspace.deleted or organization.disabled:
        raise WrongState(
            message(_("{name} is disabled; no job can be started in it."), name=organization.name)
            if organization.disabled
            else message(_("{name} was deleted; no job can be started on it."), name=workspace.shown_name)
        )
    if template is None and not tcl:
        template = workspace.default_template
    if template is not None and template.organization_id != organization.pk:
        raise InvalidInput(_("The template belongs to another organization."), fields={"templateReference": "unknown"})
    text = template.tcl if template is not None else tcl
    if not text:
        raise InvalidInput(
            message(_("No template was given, and {name} has no default template."), name=workspace.name),
            fields={"templateReference": "missing"},
        )
    addresses = read_addresses(targets, replaces)
    _check_variables(variables or {})
    try:
        flow = parsed(text)
    except flows.FlowError as error:
        wrong = message(_("The template's flow is invalid: {error}"), error=error)
        raise InvalidInput(wrong, fields={"tcl": str(error)}) from error
    if template is None:
        _require_runtimes(text)
    if (plan_only or from_fork) and not flows.is_plan_only(flow):
        flow = flows.plan_part(flow)
        if not flow:
            raise InvalidInput(_("The template changes resources before its first plan, so it may not run here."))
        text = flows.as_yaml(flow)
    elsewhere = bool(override_source or override_branch or commit_id) and not of_own_source
    start = Start(flow=flow, template=template, auto_apply=auto_apply, elsewhere=elsewhere)
    if refused := why_not(start, starter):
        raise NotAllowed(refused)
    check_asked(Asked(workspace=workspace, flow=flow, addresses=addresses, refresh=refresh, refresh_only=refresh_only))
    name = named or name_of(by)
    with transaction.atomic():
        job = save_valid(
            _acting_for(
                by,
                organization=organization,
                workspace=workspace,
                template=template,
                tcl=text,
                plan_only=flows.is_plan_only(flow),
                comments=comments,
                commit_id=commit_id,
                refresh=refresh,
                refresh_only=refresh_only,
                auto_apply=auto_apply,
                override_source=override_source,
                override_branch=override_branch,
                via=via,
                save_plan=save_plan,
                priority=priority,
                pr_number=pr_number,
                author=author,
                withholds_sensitive=withholds_sensitive,
                from_fork=from_fork,
                created_by=name,
                updated_by=name,
            )
        )
        for kind, texts in ((AddressType.TARGET, addresses.targets), (AddressType.REPLACE, addresses.replaces)):
            for text in texts:
                save_valid(Address(job=job, name=text, type=kind))
        JobVariable.objects.bulk_create(
            JobVariable(job=job, key=key, value=value) for key, value in (variables or {}).items()
        )
        if not job.is_drift_check:
            # Checks come by themselves: they are no workspace's last job, and nobody's deed.
            update_by_key(Workspace, workspace.pk, last_job_status=JobStatus.PENDING, last_job_date=timezone.now())
            note_event(
                job,
                HistoryVerb.STARTED,
                by=by,
                sentence=message(_("Template {name}"), name=template.name) if template is not None else "",
                door=_DOORS.get(via, Door.GIT if via in FROM_REPOSITORIES else ""),
                caused_by=author,
            )
        enqueue("executors.tasks.advance_job", job.pk)
    return job


_DOORS: Mapping[str, str] = {Via.SCHEDULE: Door.SCHEDULE, Via.CLI: Door.TERMINAL}


def _check_variables(variables: Mapping[str, str]) -> None:
    """Refuse variables of a job that could only fail at launch. Raises InvalidInput, which quotes no value."""
    for key, value in variables.items():
        try:
            check_key(key, Category.TERRAFORM)
            check_value(key, value, Category.TERRAFORM, hcl=True, sensitive=True)
        except ValidationError as error:
            told = invalid_input(without_secrets(error, key, value)).message
            raise InvalidInput(told, fields={"variables": str(told)}) from None


def add_address(job: Job, name: str, *, kind: str = AddressType.TARGET, by: Actor) -> Address:
    """Add a target or a replacement to a job that has not begun, as who may start that job may.

    Raises InvalidInput, NotAllowed, and WrongState for a job that has begun.
    """
    flow = parsed(job.tcl)
    elsewhere = bool(job.override_source or job.override_branch or job.commit_id)
    start = Start(flow=flow, template=job.template, auto_apply=job.auto_apply, elsewhere=elsewhere)
    check_start(start, by=by, workspace=job.workspace)
    with transaction.atomic():
        locked = Job.objects.select_for_update(of=("self",)).get(pk=job.pk)
        if locked.is_final or locked.started_at is not None:
            raise WrongState(message(_("Job {number} has started, so its addresses cannot change."), number=job.pk))
        known = addresses_of(locked)
        targets, replaces = (*known.targets, *([name] if kind == AddressType.TARGET else [])), known.replaces
        if kind == AddressType.REPLACE:
            replaces = (*replaces, name)
        addresses = read_addresses(targets, replaces)
        check_asked(
            Asked(
                workspace=job.workspace,
                flow=flow,
                addresses=addresses,
                refresh=locked.refresh,
                refresh_only=locked.refresh_only,
            )
        )
        address, _new = Address.objects.get_or_create(job=locked, name=name.strip(), type=kind)
    return address


def _require_runtimes(tcl: str) -> None:
    """Refuse a job's own flow whose scripts the executor cannot run; a template was checked when it was saved."""
    try:
        check_flow(tcl)
    except ValidationError as error:
        raise invalid_input(ValidationError({"tcl": error})) from error


def _acting_for(actor: Actor, **fields: Any) -> Job:
    job = Job(**fields)
    keep_actor(job, actor)
    return job


def _require_priority(by: Actor, workspace: Workspace) -> None:
    require_permission(
        by, workspace.organization, "manage_workspace", action=_("set the priority of a job"), workspace=workspace
    )


def set_priority(job: Job, priority: int, *, by: Actor) -> Job:
    """Change the priority of a job that waits for capacity. Raises InvalidInput, NotAllowed, WrongState."""
    _require_priority(by, job.workspace)
    if job.is_final:
        raise WrongState(message(_("Job {number} has ended, so its priority cannot change."), number=job.pk))
    job.priority, job.updated_by = priority, name_of(by)
    return save_valid(job, update_fields=["priority", "updated_by"])


def require_decision(job: Job, *, by: Actor, approved: bool) -> None:
    """Refuse to approve or reject a job. Raises NotAllowed."""
    if not may_decide(by, job):
        refused = _("You may not approve job {number}.") if approved else _("You may not reject job {number}.")
        team = " " + message(_("Its approval team is {team}."), team=job.approval_team) if job.approval_team else ""
        raise NotAllowed(message(refused, number=job.pk) + team)
    if approved and not may_approve(by, job):
        raise NotAllowed(self_approval_refusal(by, job))


def _decide(job: Job, *, by: Actor, approved: bool, comment: str) -> Job:
    require_decision(job, by=by, approved=approved)
    if approved and job.save_plan and is_stale(job):
        sentence = _("The state of {name} has changed since job {number} planned. Discard this plan, and plan again.")
        raise WrongState(message(sentence, name=job.workspace.name, number=job.pk))
    with transaction.atomic():
        decided = transitions.decide(job.pk, approved=approved, by=name_of(by), comment=comment)
        if decided and approved:
            for check in _approval_checks:
                check(job, by)
        if decided:
            said = message(_("Comment: {comment}"), comment=comment) if comment else ""
            note_event(job, HistoryVerb.APPROVED if approved else HistoryVerb.REJECTED, by=by, sentence=said)
    if not decided:
        job.refresh_from_db()
        said = message(
            _("Job {number} does not wait for approval: it is {status}."), number=job.pk, status=in_words(job.status)
        )
        why = f"{job.reason.rstrip('.')}." if job.is_final and job.reason else ""
        # The job may have ended meanwhile, when its workspace was deleted.
        raise WrongState(f"{said} {why}".rstrip(), keep=True)
    job.refresh_from_db()
    return job


type ApprovalCheck = Callable[[Job, Actor], None]
_approval_checks: list[ApprovalCheck] = []


def check_approvals_with(check: ApprovalCheck) -> None:
    """Call a function of a package above for each approval, whatever its door, within its transaction.

    It raises NotAllowed or WrongState for what may not be approved. It must be quick and call no other host.
    """
    if check not in _approval_checks:
        _approval_checks.append(check)


def approve_job(job: Job, *, by: Actor, comment: str = "") -> Job:
    """Approve a job that waits for approval. Raises NotAllowed and WrongState."""
    return _decide(job, by=by, approved=True, comment=comment)


def reject_job(job: Job, *, by: Actor, comment: str = "") -> Job:
    """Reject a job that waits for approval. Raises NotAllowed and WrongState."""
    return _decide(job, by=by, approved=False, comment=comment)


def cancel_job(job: Job, *, by: Actor) -> Job:
    """Cancel a job and interrupt its running step. Raises NotAllowed, and WrongState when the job has ended."""
    require_cancel(job, by=by)
    with transaction.atomic():
        cancelled = transitions.cancel(job.pk, by=name_of(by))
        if cancelled:
            note_event(job, HistoryVerb.CANCELLED, by=by)
    if not cancelled:
        job.refresh_from_db()
        status = in_words(job.status)
        raise WrongState(message(_("Job {number} has ended: it is {status}."), number=job.pk, status=status))
    job.refresh_from_db()
    return job


def force_cancel(job: Job, *, by: Actor) -> Job:
    """Cancel a job and kill its executor without a grace period.

    Also for a cancelled job whose executor is still stopping. Raises NotAllowed, and WrongState when nothing of the job
    runs.
    """
    require_cancel(job, by=by)
    with transaction.atomic():
        # Under the lock: a job may go on to its next step meanwhile.
        transitions.lock_job(job.pk)
        running = job.steps.filter(Q(status__in=IN_EXECUTOR) | Q(interruption=Interruption.INTERRUPTING)).first()
        if running is None:
            raise WrongState(message(_("Job {number} has nothing left to stop."), number=job.pk))
        if transitions.cancel(job.pk, by=name_of(by)):
            note_event(job, HistoryVerb.CANCELLED, by=by)
            # The job was cancelled before its executor was told: both become one request, with force.
            job.refresh_from_db()
        enqueue("executors.tasks.kill_step", str(running.pk))
    job.refresh_from_db()
    return job


def force_execute(job: Job, *, by: Actor) -> list[Job]:
    """Reject the jobs whose approval a waiting job waits for, so that it is next; return them.

    Raises NotAllowed, and WrongState for a job that waits for no approval of another one: work is not broken off.
    """
    require_decision(job, by=by, approved=False)
    if job.is_final or job.started_at is not None:
        raise WrongState(message(_("Job {number} does not wait for another job."), number=job.pk))
    before = list(Job.objects.open_on_workspace().filter(workspace=job.workspace_id, pk__lt=job.pk).order_by("pk"))
    busy = next((one for one in before if one.status != JobStatus.WAITING_APPROVAL), None)
    if busy is not None or not before:
        sentence = _("Job {number} does not wait for the approval of an earlier job. Cancel the jobs before it.")
        raise WrongState(message(sentence, number=job.pk))
    return [reject_job(one, by=by) for one in before]


def run_again(job: Job, *, by: Actor) -> Job:
    """Start a job with the settings of an earlier one, by the template as it is now. Raises as ``create_job``.

    The commit is not kept: the new job takes the newest of the same branch. Code of a fork is that which a person has
    looked at, so there it is kept. What a pull request's job may not have or do, the new one may not either.
    """
    addresses = addresses_of(job)
    return create_job(
        job.workspace,
        by=by,
        template=job.template,
        tcl=job.tcl,
        targets=addresses.targets,
        replaces=addresses.replaces,
        comments=job.comments,
        refresh=job.refresh,
        refresh_only=job.refresh_only,
        auto_apply=job.auto_apply,
        override_source=job.override_source,
        override_branch=job.override_branch,
        commit_id=job.commit_id if job.from_fork else None,
        plan_only=job.plan_only and job.pr_number is not None,
        withholds_sensitive=job.withholds_sensitive,
        from_fork=job.from_fork,
        variables={row.key: row.value for row in job.variables.all()},
    )


def delete_job(job: Job, *, by: Actor) -> None:
    """Delete a job with its steps and logs; for administrators.

    Raises NotAllowed, and WrongState while the job or its last pod exists.
    """
    require_permission(by, job.organization, "manage_organization", action=_("delete a job"), workspace=job.workspace)
    with transaction.atomic():
        locked = Job.objects.select_for_update(of=("self",)).filter(pk=job.pk).first()
        if locked is None:
            return
        if not locked.is_final or locked.holds_workspace:
            raise WrongState(message(_("Job {number} has not ended: cancel it first."), number=job.pk))
        note_event(locked, HistoryVerb.DELETED, by=by)
        locked.delete()
