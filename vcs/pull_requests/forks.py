"""Let a commit of a fork be planned: a decision of a person with the right, for this commit alone."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from vcs.models import ConcernedWorkspace, PullRequest
from vcs.pull_requests.jobs import create_plan, replace_older
from workspaces.actors import Actor, name_of
from workspaces.errors import NotAllowed, ServiceError, WrongState
from workspaces.models import Job
from workspaces.permissions import workspaces_with_right


def allow_commit(record: PullRequest, commit: str, *, by: Actor) -> list[Job]:
    """Plan a commit of a fork on the concerned workspaces on which the actor may start jobs.

    ``commit`` is what the actor looked at; where a newer one came meanwhile, nothing runs. Raises NotAllowed, and
    WrongState where there is nothing to allow.
    """
    with transaction.atomic():
        locked = PullRequest.objects.select_for_update(of=("self",)).select_related("vcs").get(pk=record.pk)
        if not locked.open:
            raise WrongState(message(_("Pull request {number} is not open."), number=locked.number))
        if not locked.is_held:
            raise WrongState(message(_("Pull request {number} is not waiting for permission."), number=locked.number))
        if not commit or not locked.commit.startswith(commit):
            sentence = _("Pull request {number} now has another commit: {commit}. Review that commit.")
            raise WrongState(message(sentence, number=locked.number, commit=locked.commit[:10]))
        rows = list(
            ConcernedWorkspace.objects.filter(pull_request=locked, rule__isnull=False).select_related(
                "workspace__organization", "workspace__vcs", "rule__template"
            )
        )
        allowed = workspaces_with_right(by, [row.workspace for row in rows], "plan_job")
        if not allowed:
            sentence = _("You may not start jobs on any workspace that pull request {number} affects.")
            raise NotAllowed(message(sentence, number=locked.number))
        locked.allowed_commit, locked.allowed_by = locked.commit, name_of(by)
        locked.save(update_fields=["allowed_commit", "allowed_by", "updated_date"])
        jobs: list[Job] = []
        refused: ServiceError | None = None
        for row in rows:
            if row.workspace_id in allowed and row.rule is not None:
                try:
                    jobs.append(create_plan(locked, row.workspace, row.rule, by=by))
                except ServiceError as error:
                    refused = error
        if not jobs and refused is not None:
            # Nothing runs, so nothing was allowed either.
            raise refused
    for job in jobs:
        replace_older(job, locked)
    return jobs
