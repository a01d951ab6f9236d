"""Runs, plans and applies as the protocol shows them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

from tfe.documents import Json, moment, moments, resource, to_many, to_one
from tfe.identities import user_id
from tfe.runs.events import events_of
from tfe.runs.find import Run
from tfe.runs.log_address import log_address
from tfe.runs.permissions import Caller, actions
from tfe.runs.status import Phase, has_changes, phases_of, run_status, status_of
from workspaces.choices import PLAN_TYPES, AddressType, JobStatus, StepType, Via
from workspaces.flows import DESTROY_TEMPLATE
from workspaces.models import Address, Job, Step
from workspaces.services.sources import version_of

_SOURCES = {Via.CLI: "tfe-api", Via.UI: "tfe-ui"}
_FORCE_CANCEL_AFTER = dt.timedelta(seconds=10)
_NO_CHANGES = {"resource-additions": 0, "resource-changes": 0, "resource-destructions": 0, "resource-imports": 0}


def run_object(run: Run, caller: Caller, *, position: int = 0, variables: Mapping[str, str] | None = None) -> Json:
    """Return a run with what the caller may do with it.

    The values of its variables may be secrets: only the answer to who has just sent ``variables`` has them.
    """
    job, may = run.job, caller.may(run)
    addresses = list(job.addresses.all())
    attributes = {
        "status": run_status(job, run.steps),
        "status-timestamps": _timestamps(run),
        "has-changes": has_changes(job, run.steps),
        "is-destroy": _destroys(run),
        "auto-apply": job.auto_apply,
        "plan-only": job.plan_only,
        "save-plan": job.save_plan,
        "refresh": job.refresh,
        "refresh-only": job.refresh_only,
        "target-addrs": _names(addresses, AddressType.TARGET),
        "replace-addrs": _names(addresses, AddressType.REPLACE),
        "allow-empty-apply": False,
        "allow-config-generation": False,
        "message": job.comments or "",
        "source": _SOURCES.get(Via(job.via), "tfe-configuration-version"),
        "trigger-reason": "manual",
        "terraform-version": job.workspace.terraform_version,
        "variables": _variables(job, variables),
        "position-in-queue": position,
        "created-at": moment(job.created_date),
        "actions": actions(run, may),
        "permissions": {
            "can-apply": may.apply,
            "can-cancel": may.cancel,
            "can-comment": may.comment,
            "can-discard": may.discard,
            "can-force-cancel": may.cancel,
            "can-force-execute": may.discard,
        },
    }
    if job.status == JobStatus.CANCELLED and job.ended_at is not None:
        attributes["canceled-at"] = moment(job.ended_at)
        attributes["force-cancel-available-at"] = moment(job.ended_at + _FORCE_CANCEL_AFTER)
    return resource("runs", f"run-{job.pk}", attributes, _relationships(run))


def _relationships(run: Run) -> Json:
    job, events = run.job, events_of(run)
    found = {
        "workspace": to_one("workspaces", job.workspace_id),
        "plan": to_one("plans", f"plan-{job.pk}"),
        "apply": to_one("applies", f"apply-{job.pk}"),
        "configuration-version": to_one("configuration-versions", version_of(job)),
        "task-stages": to_many("task-stages", ()),
        "policy-checks": to_many("policy-checks", ()),
    }
    found["run-events"] = to_many("run-events", (event.event_id for event in events))
    found["comments"] = to_many("comments", (event.comment_id for event in events if event.comment))
    found["created-by"] = to_one("users", user_id(job.acts_for_user_id, job.created_by) if job.created_by else None)
    if job.approved_by:
        found["confirmed-by"] = to_one("users", user_id(None, job.approved_by))
    return found


def people_of(runs: Iterable[Run]) -> list[Json]:
    """Return who started and who decided some runs, by the names that the runs keep."""
    found: dict[str, Json] = {}
    for run in runs:
        for event in events_of(run):
            if event.actor:
                key = user_id(event.user_key, event.actor)
                found[key] = resource("users", key, {"username": event.actor})
    return list(found.values())


def _names(addresses: Iterable[Address], kind: AddressType) -> list[str]:
    return [row.name for row in addresses if row.type == kind]


def _variables(job: Job, sent: Mapping[str, str] | None) -> list[Json]:
    if sent is not None:
        return [{"key": key, "value": value} for key, value in sent.items()]
    return [{"key": row.key, "value": ""} for row in job.variables.all()]


def _destroys(run: Run) -> bool:
    """Return whether a run destroys everything, by its template before it has steps."""
    if run.steps:
        return any(step.type in {StepType.PLAN_DESTROY, StepType.DESTROY} for step in run.steps)
    template = run.job.template
    return template is not None and template.name == DESTROY_TEMPLATE


def _timestamps(run: Run) -> dict[str, str]:
    job, phases = run.job, phases_of(run.steps)
    planned, applied = _plan_step(phases.plan), _changing_step(phases.apply)
    ended = {
        JobStatus.FAILED: "errored_at",
        JobStatus.CANCELLED: "canceled_at",
        JobStatus.REJECTED: "discarded_at",
        JobStatus.COMPLETED: "planned_and_finished_at" if run_status(job, run.steps) != "applied" else "applied_at",
    }
    times: dict[str, dt.datetime | None] = {"plan_queueable_at": job.created_date, "confirmed_at": job.approved_date}
    if planned is not None:
        times |= {
            "plan_queued_at": planned.queued_at,
            "planning_at": planned.started_at,
            "planned_at": planned.ended_at,
        }
    if applied is not None:
        times |= {"apply_queued_at": applied.queued_at, "applying_at": applied.started_at}
    if (name := ended.get(JobStatus(job.status))) is not None:
        times[name] = job.ended_at
    return moments(**times)


def _plan_step(steps: Iterable[Step]) -> Step | None:
    return next((step for step in steps if step.type in PLAN_TYPES), None)


def _changing_step(steps: Iterable[Step]) -> Step | None:
    return next((step for step in steps if step.type in {StepType.APPLY, StepType.DESTROY}), None)


def phase_object(run: Run, phase: Phase, counts: Mapping[str, int] | None = None) -> Json:
    """Return the plan or the apply of a run; ``counts`` are the resources that it changes, None while not known."""
    job, steps = run.job, phases_of(run.steps).steps(phase)
    status = status_of(phase, job, run.steps)
    step = _plan_step(steps) if phase is Phase.PLAN else _changing_step(steps)
    attributes = {
        "status": status,
        "status-timestamps": _phase_timestamps(job, step, status),
        "log-read-url": log_address(job.pk, phase),
        "structured-run-output-enabled": False,
        **(_NO_CHANGES if counts is None else counts),
    }
    if phase is Phase.APPLY:
        return resource("applies", f"apply-{job.pk}", attributes)
    attributes |= {"has-changes": has_changes(job, run.steps), "generated-configuration": False}
    return resource("plans", f"plan-{job.pk}", attributes)


def _phase_timestamps(job: Job, step: Step | None, status: str) -> dict[str, str]:
    if step is None:
        return {}
    ended = {"errored": "errored_at", "canceled": "canceled_at", "finished": "finished_at"}.get(status)
    times: dict[str, dt.datetime | None] = {"queued_at": step.queued_at, "started_at": step.started_at}
    if ended is not None:
        times[ended] = step.ended_at or job.ended_at
    return moments(**times)
