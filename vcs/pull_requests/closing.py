"""What ends with a pull request: its waiting plans and its lock; and what may begin with its merge."""

from __future__ import annotations

import logging
from typing import Any

from django.db import transaction
from django.utils import timezone

from vcs.models import ConcernedWorkspace, PullRequest
from vcs.providers.base import Event
from vcs.pull_requests.jobs import VIA, end_waiting, unfinished_of
from vcs.pull_requests.records import find_record
from vcs.pull_requests.rules import rules_of
from vcs.reports import outbox
from workspaces import flows
from workspaces.errors import ServiceError
from workspaces.jobs.acting import actor_behind
from workspaces.jobs.start_rules import parsed
from workspaces.models import Job, Vcs, Workspace
from workspaces.services.jobs import create_job
from workspaces.services.locks import unlock_of_pull_request

logger = logging.getLogger(__name__)


def closed(vcs: Vcs, source: str, event: Event, *, merge_commit: str = "") -> list[Job]:
    """End what waits of a pull request that was closed or merged, and start what its merge applies; return those jobs.

    ``merge_commit`` is the target's commit after the merge; "" takes the newest of the target's branch. A plan that
    runs goes on to its end, and what is applied already is left alone.
    """
    record = find_record(vcs, source, event.pull_request) if event.pull_request is not None else None
    if record is None:
        return []
    was_open = PullRequest.objects.filter(pk=record.pk, open=True).update(
        open=False, merged=event.merged, updated_date=timezone.now()
    )
    record.open, record.merged = False, event.merged
    end_waiting(unfinished_of(record), by=f"the end of pull request {record.number}")
    started = []
    for row in ConcernedWorkspace.objects.filter(pull_request=record).select_related(
        "workspace__organization", "workspace__vcs", "workspace__default_template", "rule__template"
    ):
        unlock_of_pull_request(row.workspace, record.number)
        # A delivery that is handled again starts nothing again.
        if was_open and event.merged and rules_of(row.workspace).apply_on_merge:
            job = _apply_merged(record, row, event.sender, merge_commit)
            started += [job] if job is not None else []
    return started


def _apply_merged(record: PullRequest, row: ConcernedWorkspace, sender: str, commit: str) -> Job | None:
    """Start a job on the merged commit. It plans anew and waits for approval, since nobody has seen that plan."""
    if row.rule is None:
        return None
    is_own = record.target_branch == row.workspace.first_branch
    try:
        with transaction.atomic():
            job = create_job(
                row.workspace,
                by=actor_behind(row.rule),
                named=sender,
                **_flow(row.workspace),
                commit_id=commit or None,
                override_branch=None if is_own else record.target_branch,
                of_own_source=is_own,
                via=VIA[record.vcs.vcs_type],
                author=sender,
                comments=f"#{record.number} {record.title}"[:512],
            )
            outbox.note_job(job)
    except ServiceError as error:
        logger.warning("Nothing is applied for the merge of pull request %s: %s", record.number, error.message)
        body = f"After the merge nothing was started for {row.workspace.name}: {error.message}"
        key = f"merge:{row.workspace_id}"
        outbox.reply(record.vcs, record.repository, record.number, body, key=key, accepted=False)
        return None
    return job


def _flow(workspace: Workspace) -> dict[str, Any]:
    """Return the default template if it has an approval before each change, else the usual three steps."""
    template = workspace.default_template
    if template is not None and flows.first_unapproved_step(parsed(template.tcl)) is None:
        return {"template": template}
    return {"tcl": flows.PLAN_APPROVE_APPLY}
