"""Start the job that changes drifted resources back: an ordinary one, with its approvals."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces import flows
from workspaces.actors import Actor
from workspaces.choices import DriftStatus, StepType
from workspaces.errors import InvalidInput, NotAllowed, WrongState
from workspaces.jobs.drift_findings import stored_resources
from workspaces.jobs.scope import MAX_ADDRESSES
from workspaces.jobs.start_rules import START, Starter, parsed, startable, starter_on
from workspaces.models import Drift, Job, Template, Workspace
from workspaces.permissions import refusal
from workspaces.services.jobs import create_job


def bring_back(workspace: Workspace, *, by: Actor) -> Job:
    """Start a job that changes what drifted back to what the configuration says, and return it.

    Its targets are the drifted resources, so that nothing else which waits to be applied goes with it; more than a job
    takes are left to the plan as a whole, which then must have an approval. The template is the workspace's default if
    that applies, else one that asks for an approval, else any that applies. Raises as ``create_job``, and WrongState
    for a workspace without drift.
    """
    starter = starter_on(workspace, by)
    if not starter.own.plan_job:
        raise NotAllowed(refusal(workspace.organization, "plan_job", action=START))
    record = Drift.objects.filter(workspace=workspace).first()
    if record is None or record.drifted_since is None or record.status == DriftStatus.CLEAN:
        raise WrongState(message(_("{name} has no known drift to revert."), name=workspace.name))
    is_whole = record.resource_count > min(len(record.resources), MAX_ADDRESSES)
    template = _template(starter, with_approval=is_whole)
    if template is None:
        wrong = _(
            "You may not start any template of {organization} that applies a plan, so you cannot revert the drift."
        )
        raise InvalidInput(message(wrong, organization=workspace.organization.name))
    return create_job(
        workspace,
        by=by,
        template=template,
        targets=() if is_whole else [row.address for row in stored_resources(record.resources)],
        comments=None
        if record.result_job_id is None
        else f"Brings back the drift that job {record.result_job_id} found",
    )


def _template(starter: Starter, *, with_approval: bool) -> Template | None:
    """Return the template that a user's job to bring drift back follows; None if they may start none."""
    found = [template for template in startable(starter) if _applies(template)]
    approved = [template for template in found if flows.first_unapproved_step(parsed(template.tcl)) is None]
    if with_approval:
        found = approved
    default = starter.workspace.default_template_id
    return next((one for one in found if one.pk == default), next(iter([*approved, *found]), None))


def _applies(template: Template) -> bool:
    """Return whether a template plans and applies, and does nothing else to resources."""
    kinds = {StepType(step.type) for step in parsed(template.tcl)}
    return {StepType.PLAN, StepType.APPLY} <= kinds <= {StepType.PLAN, StepType.APPLY, StepType.APPROVAL}
