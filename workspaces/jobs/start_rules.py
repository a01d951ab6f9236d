"""Who may start which flow on a workspace: planning is not applying, and starting a job never counts as approving it.

Users who may approve jobs may start flows that change resources at once. Users who may only plan start flows that plan,
and flows with an approval before each change. A template's scripts belong to its author; users who bring their own
flow, or another source for a template's scripts, need the right for what these could do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import marked, message
from workspaces import flows
from workspaces.actors import Actor, groups_of, is_admin
from workspaces.choices import IN_EXECUTOR, PLAN_TYPES, Interruption, StepType
from workspaces.errors import NotAllowed
from workspaces.flows import FlowStep
from workspaces.jobs.acting import actor_behind
from workspaces.jobs.approval_teams import deciding_team
from workspaces.models import Job, Organization, Step, Template, Workspace
from workspaces.permissions import refusal, rights
from workspaces.roles import Rights

START = _("start a job")
"""What a refusal calls it."""
CANCEL = _("cancel a job")
_MOST_NAMED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a user wants to start.

    ``template`` None is the user's own flow. ``elsewhere``: on another source, branch or commit than the workspace's.
    """

    flow: tuple[FlowStep, ...]
    template: Template | None = None
    auto_apply: bool = False
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Starter:
    """A user who wants to start something on one workspace, with their rights looked up."""

    workspace: Workspace
    own: Rights
    groups: frozenset[str]
    administrator: bool


def starter_on(workspace: Workspace, actor: Actor) -> Starter:
    """Look up the actor's rights on a workspace."""
    own = rights(actor, workspace.organization, workspace)
    return Starter(workspace, own, groups_of(actor), is_admin(actor))


@lru_cache(maxsize=256)
def parsed(text: str) -> tuple[FlowStep, ...]:
    """Parse a flow, cached: most jobs follow one of few templates. Raises FlowError."""
    return flows.parse(text)


def check_start(start: Start, *, by: Actor, workspace: Workspace) -> None:
    """Refuse what the actor may not start on a workspace. Raises NotAllowed."""
    starter = starter_on(workspace, by)
    why = why_not(start, starter)
    if why:
        raise NotAllowed(why)


def why_not(start: Start, starter: Starter) -> str:
    """Return why a user may not start this; empty if they may."""
    workspace, own = starter.workspace, starter.own
    if not own.plan_job:
        return refusal(workspace.organization, "plan_job", action=START)
    if workspace.organization.no_self_approval:
        wrong = _against_self_approval(start, workspace.organization)
        if wrong:
            return wrong
    if starter.administrator:
        return ""
    wrong = _of_own_text(start, starter) if start.template is None else ""
    return wrong or (_of_approvers(start, starter) if own.approve_job else _of_planners(start, starter))


def _against_self_approval(start: Start, organization: Organization) -> str:
    """Return what an organization that forbids self-approval refuses to every user."""
    step = flows.first_unapproved_step(start.flow)
    if step is not None:
        sentence = _(
            "{organization} forbids self-approval, and step {step} changes resources without an approval before it."
        )
        return message(sentence, organization=organization.name, step=step.name)
    if start.auto_apply and flows.changes_resources(start.flow):
        sentence = _("{organization} forbids self-approval, so auto-approve is not allowed.")
        return message(sentence, organization=organization.name)
    return ""


def _of_own_text(start: Start, starter: Starter) -> str:
    """Return why the user's own flow may not do something that needs a right they lack."""
    needed = {StepType.DISABLE_WORKSPACE: "create_workspace", StepType.SCHEDULE_TEMPLATES: "manage_workspace"}
    for step in start.flow:
        right = needed.get(StepType(step.type))
        if right is not None and not getattr(starter.own, right):
            return refusal(starter.workspace.organization, right, action=START)
        if flows.chooses_variables(step) and not starter.own.manage_workspace:
            # It would replace or drop what the organization sets, also where its steps run.
            sentence = _(
                "You may not manage {name}, so your own flow cannot choose its variables by inputsEnv or "
                "inputsTerraform."
            )
            return message(sentence, name=starter.workspace.name)
    return ""


def _of_approvers(start: Start, starter: Starter) -> str:
    """Return what users who may approve jobs may not start: auto-approve of approvals that belong to others."""
    organization = starter.workspace.organization
    teams = {deciding_team(step.team, organization) for step in start.flow if step.type == StepType.APPROVAL}
    foreign = teams - {""} - starter.groups
    if start.auto_apply and foreign:
        sentence = _("Auto-approve is not allowed here: {teams} must approve.")
        return message(sentence, teams=", ".join(sorted(map(str, foreign))))
    return ""


def still_auto_approves(job: Job, team: str) -> bool:
    """Return whether an approval of a job with auto-approve is given now; ``team`` is the one that decides, if any.

    Asked when the job gets there: the rule against self-approval, or the loss of a right, may be newer than the job.
    """
    if job.organization.no_self_approval:
        return False
    starter = starter_on(job.workspace, actor_behind(job))
    return starter.administrator or (starter.own.approve_job and (not team or team in starter.groups))


def _of_planners(start: Start, starter: Starter) -> str:
    """Return what users who may plan but not approve may not start."""
    name = starter.workspace.name
    if start.auto_apply:
        return message(_("You may not approve jobs on {name}, so auto-approve is not allowed."), name=name)
    if start.template is None:
        # The starter is its author: a team it names could be their own, and scripts can do anything.
        if flows.has_scripts(start.flow):
            sentence = _("You may not approve jobs on {name}, so your own flow cannot contain scripts.")
            return message(sentence, name=name) + _instead(starter)
        step = flows.first_unapproved_step(start.flow, counts=lambda step: not step.team)
    else:
        step = flows.first_unapproved_step(start.flow)
    if step is not None:
        sentence = _(
            "You may plan but not approve jobs on {name}, and step {step} changes resources without an approval "
            "before it."
        )
        return message(sentence, name=name, step=step.name) + _instead(starter)
    if start.elsewhere and flows.has_scripts_before_approval(start.flow):
        sentence = _(
            "You may not approve jobs on {name}, so the scripts of {template} run only on its own source. Do not "
            "set another source, branch or commit."
        )
        return message(sentence, template=start.template, name=name) + _instead(starter, elsewhere=True)
    return ""


def _instead(starter: Starter, *, elsewhere: bool = False) -> str:
    """Name the templates that the user may start."""
    found = startable(starter, elsewhere=elsewhere)
    if not found:
        return " " + marked(_("No other template of the organization can be started."))
    names = ", ".join(f'"{template.name}"' for template in found[:_MOST_NAMED])
    return " " + message(_("You may start: {names}."), names=names)


def startable(starter: Starter, *, elsewhere: bool = False) -> list[Template]:
    """Return the organization's templates that the user may start on a workspace, by name."""
    templates = starter.workspace.organization.templates.order_by("name")
    return [template for template in templates if not why_not_template(template, starter, elsewhere=elsewhere)]


def why_not_template(template: Template, starter: Starter, *, elsewhere: bool = False) -> str:
    """Return why a user may not start a template, empty if they may; names no other templates."""
    try:
        flow = parsed(template.tcl)
    except flows.FlowError as error:
        return message(_("The template's flow is invalid: {error}"), error=error)
    own = starter.own
    if not own.plan_job:
        return refusal(starter.workspace.organization, "plan_job", action=START)
    if starter.workspace.organization.no_self_approval:
        wrong = _against_self_approval(Start(flow=flow, template=template), starter.workspace.organization)
        if wrong:
            return wrong
    if own.approve_job:
        return ""
    if flows.first_unapproved_step(flow) is not None:
        return _("It changes resources without an approval before that.")
    if elsewhere and flows.has_scripts_before_approval(flow):
        return _("Its scripts run only on the source of the workspace.")
    return ""


# ---- cancelling -----------------------------------------------------------------------------------------------------


def why_not_cancel(job: Job, *, by: Actor, own: Rights | None = None, steps: Iterable[Step] | None = None) -> str:
    """Return why a user may not cancel a job, empty if they may.

    Users who may plan or approve may cancel. While a step changes resources, only users who may approve jobs: an
    interrupt leaves it half done. ``own`` are the actor's rights and ``steps`` the job's, where they are loaded.
    """
    own = own or rights(by, job.organization, job.workspace)
    if not own.manage_job:
        return refusal(job.organization, "manage_job", action=CANCEL)
    if not own.approve_job and _is_changing(job.steps.all() if steps is None else steps):
        return message(
            _("Job {number} is changing resources. Only users who may approve jobs can interrupt it."), number=job.pk
        )
    return ""


def _is_changing(steps: Iterable[Step]) -> bool:
    running = (step for step in steps if step.status in IN_EXECUTOR or step.interruption == Interruption.INTERRUPTING)
    return any(step.type not in PLAN_TYPES for step in running)


def require_cancel(job: Job, *, by: Actor) -> None:
    """Refuse to cancel a job. Raises NotAllowed."""
    why = why_not_cancel(job, by=by)
    if why:
        raise NotAllowed(why)
