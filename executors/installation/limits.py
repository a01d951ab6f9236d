"""Limits and deadlines from the settings of the installation, and those set below it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from django.db.models import Q

from executors.installation.settings import Installation, installation
from terrakube_site.env import SettingErrors
from workspaces import run_limits
from workspaces.models import Job, RunLimits, Workspace
from workspaces.run_limits import Limits


def installation_limits_of(conf: Installation) -> Limits:
    """Return the installation's limits."""
    return Limits(
        image_seconds=conf.image_seconds,
        reference_seconds=conf.reference_seconds,
        unschedulable_seconds=conf.unschedulable_seconds,
        claim_seconds=conf.claim_seconds,
        silence_seconds=conf.lost_after_seconds,
        step_seconds=conf.deadline_seconds,
        retry_plans=False,
        running_steps=conf.max_running_steps,
        running_applies=conf.max_running_applies,
        keep_jobs=conf.keep_jobs,
        keep_log_days=conf.keep_log_days,
        keep_states=conf.keep_states,
    )


def installation_limits() -> Limits:
    """Return the limits of this process's environment; none if its settings are invalid, which ``manage.py check``
    reports.
    """
    try:
        return installation_limits_of(installation())
    except SettingErrors:
        return Limits()


def _levels(workspace: Workspace) -> run_limits.Levels:
    rows = list(RunLimits.objects.filter(Q(workspace=workspace) | Q(organization=workspace.organization_id)))
    named = [(run_limits.ORGANIZATION if row.workspace_id is None else run_limits.WORKSPACE, row) for row in rows]
    return sorted(named, key=lambda level: level[0] == run_limits.WORKSPACE)


def workspace_deadlines(workspace: Workspace) -> dict[str, int]:
    """Return the deadlines that the workspace or its organization sets, in seconds by name; one query."""
    return _deadlines(_levels(workspace))


def job_deadlines(job: Job) -> dict[str, int]:
    """Return the deadlines of a job's workspace; no query for a job that was locked and asked for its obstacles."""
    around = job.surroundings
    if around is None:
        return workspace_deadlines(job.workspace)
    return _deadlines([(run_limits.ORGANIZATION, around.organization), (run_limits.WORKSPACE, around.workspace)])


def _deadlines(levels: run_limits.Levels) -> dict[str, int]:
    found = {name: run_limits.limit_in_force(name, levels).value for name in run_limits.DEADLINES}
    return {name: seconds for name, seconds in found.items() if seconds is not None}


def limit_in_force(name: str, workspace: Workspace) -> run_limits.LimitInForce:
    """Return the value of one limit that the workspace or its organization sets, and which of them."""
    return run_limits.limit_in_force(name, _levels(workspace))


def may_retry_plans(workspace: Workspace) -> bool:
    """Return True if a lost plan is retried."""
    return bool(run_limits.limit_in_force("retry_plans", _levels(workspace)).value)


def with_deadlines(conf: Installation, deadlines: Mapping[str, int]) -> Installation:
    """Return the installation with a step's own deadline if that is shorter."""
    return replace(conf, deadline_seconds=min(conf.deadline_seconds, deadlines.get("step_seconds", 2**31)))


def silence_seconds(conf: Installation, deadlines: Mapping[str, int]) -> int:
    """Return the time of silence after which an executor is lost; always longer than one late heartbeat."""
    return min(conf.lost_after_seconds, max(deadlines.get("silence_seconds", 2**31), 3 * conf.heartbeat_seconds))


def outage_seconds(conf: Installation, deadlines: Mapping[str, int]) -> int:
    """Return how long an executor bridges an outage: shorter than the silence after which it is lost."""
    return min(conf.outage_seconds, max(10, silence_seconds(conf, deadlines) * 2 // 3))
