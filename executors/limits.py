"""What this installation's settings say of limits and deadlines, and what is laid down below them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from django.db.models import Q

from executors.conf import Installation, installation
from terrakube_site.env import SettingErrors
from workspaces import run_limits
from workspaces.models import RunLimits, Workspace
from workspaces.run_limits import Limits


def limits_of(conf: Installation) -> Limits:
    """The installation's limits."""
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
    )


def installation_limits() -> Limits:
    """The limits of this process's environment; none where its settings are wrong, as ``manage.py check`` says."""
    try:
        return limits_of(installation())
    except SettingErrors:
        return Limits()


def _levels(workspace: Workspace) -> run_limits.Levels:
    rows = list(RunLimits.objects.filter(Q(workspace=workspace) | Q(organization=workspace.organization_id)))
    named = [(run_limits.ORGANIZATION if row.workspace_id is None else run_limits.WORKSPACE, row) for row in rows]
    return sorted(named, key=lambda level: level[0] == run_limits.WORKSPACE)


def deadlines_of(workspace: Workspace) -> dict[str, int]:
    """The deadlines that its organization or the workspace itself lays down, in seconds by name; one query."""
    levels = _levels(workspace)
    found = {name: run_limits.in_force(name, levels).value for name in run_limits.DEADLINES}
    return {name: seconds for name, seconds in found.items() if seconds is not None}


def in_force(name: str, workspace: Workspace) -> run_limits.InForce:
    """What its organization or the workspace itself lays down for one limit, and which of them."""
    return run_limits.in_force(name, _levels(workspace))


def retries_plans(workspace: Workspace) -> bool:
    """Whether a plan whose executor was lost is tried anew."""
    return bool(run_limits.in_force("retry_plans", _levels(workspace)).value)


def lowered(conf: Installation, deadlines: Mapping[str, int]) -> Installation:
    """The installation with a step's own deadline, where that is shorter."""
    return replace(conf, deadline_seconds=min(conf.deadline_seconds, deadlines.get("step_seconds", 2**31)))


def silence_seconds(conf: Installation, deadlines: Mapping[str, int]) -> int:
    """How long an executor may say nothing; never so short that one late heartbeat is silence."""
    return min(conf.lost_after_seconds, max(deadlines.get("silence_seconds", 2**31), 3 * conf.heartbeat_seconds))


def outage_seconds(conf: Installation, deadlines: Mapping[str, int]) -> int:
    """How long an executor keeps what this site does not answer for: less than the silence after which it is lost."""
    return min(conf.outage_seconds, max(10, silence_seconds(conf, deadlines) * 2 // 3))
