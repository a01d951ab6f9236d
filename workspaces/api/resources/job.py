"""``job`` with its ``step`` and ``address``, and its ``template``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from django.conf import settings

from workspaces.actors import Actor
from workspaces.api.errors import InvalidValue
from workspaces.api.jsonapi.attributes import (
    Attribute,
    Kind,
    Writing,
    audit,
    decode_flow,
    encode_flow,
    of_column,
    of_columns,
    reference,
    told,
)
from workspaces.api.jsonapi.resource import Change, make, to_many, to_one
from workspaces.api.resources.changes import columns, deleting, reference_field
from workspaces.choices import AddressType, Interruption, JobStatus, Via
from workspaces.errors import NotAllowed
from workspaces.jobs import capacity
from workspaces.jobs.start_rules import require_cancel
from workspaces.jobs.undeclared_variables import undeclared_inherited, undeclared_own
from workspaces.models import Address, Job, Step, Template
from workspaces.services.jobs import (
    add_address,
    approve_job,
    cancel_job,
    create_job,
    delete_job,
    force_cancel,
    reject_job,
    require_decision,
    set_priority,
)
from workspaces.services.records import create_record, update_record
from workspaces.services.sources import check_source_address

_DECISIONS: Mapping[JobStatus, Callable[..., Job]] = {
    JobStatus.APPROVED: approve_job,
    JobStatus.REJECTED: reject_job,
    JobStatus.CANCELLED: cancel_job,
}
_RIGHTS: Mapping[JobStatus, Callable[..., None]] = {
    JobStatus.APPROVED: partial(require_decision, approved=True),
    JobStatus.REJECTED: partial(require_decision, approved=False),
    JobStatus.CANCELLED: require_cancel,
}
"""Who may repeat a decision that was taken already: who may take it."""


def _job_flow(job: Job) -> str | None:
    # Terrakube fills a template's flow in when the job is first dispatched.
    return None if job.template_id is not None and job.started_at is None else encode_flow(job.tcl)


def _places(part: str) -> Callable[[Sequence[Job]], Callable[[Job], int | None]]:
    """A part of the place in line of each job of a page; all parts are looked up at once."""

    def look_up(jobs: Sequence[Job]) -> Callable[[Job], int | None]:
        if not all(hasattr(job, "place") for job in jobs):
            capacity.note_places(jobs)
        return lambda job: getattr(job.place, part, None)  # type: ignore[attr-defined]

    return look_up


def _create_job(change: Change, actor: Actor) -> Job:
    given = change.attributes
    workspace = change.related["workspace"]
    organization = change.related.get("organization")
    if organization is not None and workspace.organization_id != organization.pk:
        raise InvalidValue(str(workspace.pk), "the workspace is one of the organization in the path")
    source = given.get("overrideSource") or None
    if source is not None:
        check_source_address(workspace, source)
    template = reference_field(change, "templateReference", Template, workspace.organization_id, "template")
    return create_job(
        workspace,
        by=actor,
        template=template.get("template"),
        tcl=decode_flow("tcl", given.get("tcl")),
        targets=given.get("targetAddrs") or (),
        replaces=given.get("replaceAddrs") or (),
        comments=given.get("comments"),
        commit_id=given.get("commitId") or None,
        refresh=given.get("refresh", True),
        refresh_only=given.get("refreshOnly", False),
        override_source=source,
        override_branch=given.get("overrideBranch") or None,
        via=given.get("via", Via.UI),
        priority=given.get("priority") or 0,
    )


def _update_job(job: Job, change: Change, actor: Actor) -> None:
    given = dict(change.attributes)
    status, priority = given.pop("status", None), given.pop("priority", None)
    if priority is not None and priority != job.priority:
        set_priority(job, priority, by=actor)
    if given.pop("forceCancel", False):
        force_cancel(job, by=actor)
        return
    for name, value in given.items():
        read = JOB.attributes[name].read
        if status in _DECISIONS and not value:
            # Terrakube's library sends every attribute with a decision, empty where it has none.
            continue
        if read is not None and read(job) != value:
            raise NotAllowed(f"{name} of a job is written by the server alone.")
    if status is None:
        return
    if status == job.status:
        if status in _RIGHTS:
            _RIGHTS[status](job, by=actor)
        return
    decide = _DECISIONS.get(JobStatus(status))
    if decide is None:
        raise NotAllowed(f"A job is approved, rejected or cancelled; it becomes {status} by its executor alone.")
    decide(job, by=actor)


JOB = make(
    "job",
    Job,
    (
        of_column(Job, "status", lenient=True),
        reference("templateReference", "template"),
        Attribute(name="tcl", read=_job_flow, description="The flow's YAML in base64."),
        *of_columns(Job, "comments commitId approvalTeam overrideSource overrideBranch output terraformPlan"),
        *of_columns(Job, "refresh refreshOnly"),
        of_column(Job, "via", lenient=True),
        of_column(Job, "priority"),
        # Only the plan itself says whether there are changes; clients send a default.
        of_column(Job, "planChanges", writing=Writing.NEVER),
        Attribute(
            name="forceCancel",
            kind=Kind.FLAG,
            description="Sent as true: cancel the job and kill what runs of it, also when it was cancelled before.",
        ),
        told(Job, "approvedBy", "Who gave the job's last approval; null while none was given."),
        of_column(Job, "approvedDate", description="When the job's last approval was given."),
        of_column(Job, "reason", writing=Writing.NEVER, description="What the job waits for, or why it ended."),
        of_column(Job, "reasonCode", writing=Writing.NEVER, description="The reason's code, of a bounded set."),
        Attribute(
            name="placeInLine",
            kind=Kind.NUMBER,
            look_up=_places("number"),
            writing=Writing.NEVER,
            description="Where a job that waits for room stands in its line, from 1; null for one that does not.",
        ),
        Attribute(
            name="lineLength",
            kind=Kind.NUMBER,
            look_up=_places("length"),
            writing=Writing.NEVER,
            description="How many wait for room in the line of the job; null for one that does not wait for room.",
        ),
        Attribute(name="targetAddrs", kind=Kind.TEXTS, read=lambda job: None),
        Attribute(name="replaceAddrs", kind=Kind.TEXTS, read=lambda job: None),
        of_column(Job, "prNumber", writing=Writing.NEVER, description="Number of the pull request; null for none."),
        told(Job, "author", "Account at the provider whose push, tag or pull request started the job."),
        of_column(
            Job,
            "prCommentError",
            writing=Writing.NEVER,
            description="Why the pull request could not be updated; null if nothing failed.",
        ),
        *audit(Job),
    ),
    (
        to_one("organization"),
        to_one("workspace", required=True),
        to_many("step", "job"),
        to_many("address", "job"),
        to_many("jobComment", "job", type="job_comment"),
    ),
    joined=("organization", "workspace"),
    tolerated=frozenset({"command"}),
    create=_create_job,
    update=_update_job,
    delete=deleting(delete_job),
)


def _log_address(step: Step) -> str | None:
    """Return the address of a step's log; None before one can exist."""
    if step.queued_at is None:
        output: str | None = step.output
        return output
    return f"{settings.PUBLIC_URL}/tfoutput/v1/organization/{step.job.organization_id}/job/{step.job_id}/step/{step.pk}"


def _with_job(rows: Any) -> Any:
    # The flows are long, and no document of a step shows them.
    return rows.select_related("job").defer("flow", "job__tcl")


STEP = make(
    "step",
    Step,
    (
        *of_columns(Step, "stepNumber name status", writing=Writing.NEVER),
        of_column(
            Step,
            "interruption",
            choices=("", *Interruption.values),
            writing=Writing.NEVER,
            description="How far the stopping of a cancelled step is; empty for a step that needed none.",
        ),
        told(Step, "decision", "Of an approval: approved or rejected; null while it is open."),
        told(Step, "decidedBy", "Who approved or rejected."),
        of_column(Step, "decidedDate", description="When it was approved or rejected."),
        told(Step, "comment", "What was said with the decision."),
        of_column(Step, "reason", writing=Writing.NEVER, description="Why the step ended so, or a remark."),
        of_column(Step, "reasonCode", writing=Writing.NEVER, description="The reason's code, of a bounded set."),
        Attribute(
            name="undeclaredVariables",
            kind=Kind.TEXTS,
            read=undeclared_own,
            writing=Writing.NEVER,
            description="Terraform variables of the workspace that the step's configuration does not declare.",
        ),
        Attribute(
            name="undeclaredInheritedVariables",
            kind=Kind.TEXTS,
            read=undeclared_inherited,
            writing=Writing.NEVER,
            description="Those of the organization and of collections, which are normal.",
        ),
        Attribute(name="output", read=_log_address, writing=Writing.NEVER, description="Where the step's log is."),
    ),
    (to_one("job"),),
    root=True,
    narrow=_with_job,
)


def _create_address(change: Change, actor: Actor) -> Address:
    given = change.attributes
    return add_address(change.related["job"], given["name"], kind=given.get("type", AddressType.TARGET), by=actor)


ADDRESS = make(
    "address",
    Address,
    (
        of_column(Address, "name", required=True),
        of_column(
            Address,
            "type",
            read=None,
            lenient=True,
            description="TARGET, which is the default, confines the plan to the address; REPLACE replaces it.",
        ),
    ),
    (to_one("job", required=True),),
    root=True,
    create=_create_address,
)


def _template_fields(change: Change) -> dict[str, Any]:
    given = dict(change.attributes)
    if "tcl" in given:
        given["tcl"] = decode_flow("tcl", given["tcl"])
    return columns(replace(change, attributes=given), Template)


def _create_template(change: Change, actor: Actor) -> Template:
    return create_record(Template(**_template_fields(change)), by=actor)


def _update_template(record: Template, change: Change, actor: Actor) -> None:
    update_record(record, _template_fields(change), by=actor)


TEMPLATE = make(
    "template",
    Template,
    (
        *of_columns(Template, "name description version"),
        Attribute(
            name="tcl",
            read=lambda template: encode_flow(template.tcl),
            description="The flow's YAML in base64.",
        ),
        *audit(Template),
    ),
    (to_one("organization", required=True),),
    root=True,
    joined=("organization",),
    create=_create_template,
    update=_update_template,
    delete=deleting(),
)
