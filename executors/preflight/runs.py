"""Preflight for the panel: a task of the queue, whose findings the page shows."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext_noop as _

from executors.models import PreflightRun
from executors.preflight.checks import preflight
from executors.preflight.findings import Finding, restored
from workspaces.actors import Actor, name_of
from workspaces.models import Workspace
from workspaces.permissions import require_permission
from workspaces.task_queue.client import enqueue

LONGEST = dt.timedelta(minutes=5)
"""A run that takes longer was lost; another may be started."""


def request_run(workspace: Workspace, *, by: Actor) -> None:
    """Start a run in the background unless one is going on. Raises NotAllowed."""
    require_permission(by, workspace.organization, "plan_job", action=_("start a preflight"), workspace=workspace)
    with transaction.atomic():
        # Two requests take turns.
        list(Workspace.objects.filter(pk=workspace.pk).select_for_update(of=("self",), no_key=True))
        if is_going(PreflightRun.objects.filter(workspace=workspace).first()):
            return
        PreflightRun.objects.update_or_create(
            workspace=workspace,
            defaults={
                "started_at": timezone.now(),
                "finished_at": None,
                "asked_by": name_of(by),
                "language": translation.get_language() or "en",
                "found": [],
            },
        )
        enqueue("executors.tasks.run_preflight", str(workspace.pk))


def is_going(run: PreflightRun | None) -> bool:
    """Return whether a run is still awaited."""
    return run is not None and run.finished_at is None and run.started_at > timezone.now() - LONGEST


def finish_run(workspace_id: UUID) -> None:
    """Run what was requested. Safe to repeat: a finished run stays."""
    run = PreflightRun.objects.filter(workspace=workspace_id, finished_at=None).first()
    rows = Workspace.objects.alive().select_related("organization", "vcs", "ssh", "module_ssh_key")
    workspace = rows.filter(pk=workspace_id).first()
    if run is None or workspace is None:
        return
    # Refusals of a save come in the language in which they are made.
    with translation.override(run.language):
        found = [one.as_row() for one in preflight(workspace).findings]
    PreflightRun.objects.filter(pk=run.pk, started_at=run.started_at, finished_at=None).update(
        found=found, finished_at=timezone.now()
    )


def findings_of(run: PreflightRun) -> list[Finding]:
    """Return the findings of a run."""
    return [restored(row) for row in run.found]
