"""Write down what a provider is to be told, in the transaction of what has changed; a task sends it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from vcs.models import ConcernedWorkspace, Report, ReportKind
from vcs.providers import provider_of
from vcs.providers.base import normalized
from workspaces.choices import FROM_REPOSITORIES
from workspaces.models import Job, Vcs
from workspaces.task_queue.client import enqueue

K = ReportKind
MOST_COMMENTS = 10
"""A pull request that touches more workspaces has one comment for all of them."""


def note_job(job: Job) -> None:
    """Report a new job from now on: its status, its commit's, and its comment if it is a pull request's.

    Call it in the transaction that creates the job. Nothing is reported without a commit or a connection, and of tags
    no status: nobody looks at one there.
    """
    vcs = job.workspace.vcs
    if vcs is None or provider_of(vcs) is None or not job.commit_id:
        return
    repository = normalized(job.workspace.source)
    place = {"commit": job.commit_id, "pull_request": job.pr_number}
    own = {"workspace": job.workspace, "job": job}
    rows = [_due(vcs, repository, K.STATUS, f"{job.commit_id}/{job.workspace_id}", **place, **own)]
    rows.append(_due(vcs, repository, K.COMBINED, job.commit_id, **place))
    if job.pr_number is None:
        pass
    elif _has_many_workspaces(vcs, repository, job.pr_number):
        rows += _summarized(vcs, repository, job.pr_number, place)
    else:
        rows.append(_due(vcs, repository, K.COMMENT, f"{job.pr_number}/{job.workspace_id}", **place, **own))
    _send(row.pk for row in rows)


def _has_many_workspaces(vcs: Vcs, repository: str, pull_request: int) -> bool:
    """Return whether a pull request touches too many workspaces for a comment on each."""
    of_request = {"pull_request__vcs": vcs, "pull_request__repository": repository}
    concerned = ConcernedWorkspace.objects.filter(pull_request__number=pull_request, **of_request)
    return concerned.count() > MOST_COMMENTS


def _summarized(vcs: Vcs, repository: str, pull_request: int, place: Mapping[str, object]) -> list[Report]:
    """Report a pull request in one comment; comments of before, when it touched fewer workspaces, refer to it."""
    of_request = Report.objects.filter(vcs=vcs, repository=repository, pull_request=pull_request)
    is_new = not of_request.filter(kind=K.SUMMARY).exists()
    found = [_due(vcs, repository, K.SUMMARY, str(pull_request), **place)]
    if is_new:
        before = of_request.filter(kind=K.COMMENT)
        now = timezone.now()
        before.update(changed_at=now, due_at=now)
        found += before
    return found


def note_change(job: Job) -> None:
    """Report a job's new status: called for each, in its transaction, so it asks nothing for jobs of other origin."""
    if job.via not in FROM_REPOSITORIES:
        return
    now = timezone.now()
    columns = ("pk", "kind", "vcs_id", "repository", "commit", "pull_request")
    rows = list(Report.objects.filter(job=job).values_list(*columns))
    if not rows:
        return
    found = [key for key, *_rest in rows]
    of_status = next((row for row in rows if row[1] == K.STATUS), None)
    if of_status is not None:
        _key, _kind, vcs_id, repository, commit, pull_request = of_status
        of_all = Q(kind=K.COMBINED, key=commit)
        if pull_request is not None:
            of_all |= Q(kind=K.SUMMARY, key=str(pull_request))
        found += Report.objects.filter(of_all, vcs_id=vcs_id, repository=repository).values_list("pk", flat=True)
    told = Report.objects.filter(pk__in=found)
    told.update(changed_at=now)
    # What waits after a refusal goes on waiting: the provider said until when, and is told the newest then.
    told.exclude(due_at__gt=now).update(due_at=now, tries=0, failing_since=None)
    _send(found)


def note_no_match(vcs: Vcs, repository: str, commit: str, pull_request: int | None) -> None:
    """Report that a commit changes no workspace, as success: a check that a branch requires would else never come."""
    _send([_due(vcs, normalized(repository), K.COMBINED, commit, commit=commit, pull_request=pull_request).pk])


def reply(
    vcs: Vcs, repository: str, pull_request: int, body: str, *, key: str, answers: str = "", accepted: bool = True
) -> None:
    """Write an answer into a pull request, once for each key; ``answers`` is the comment that it reacts to as well."""
    row = _due(
        vcs,
        normalized(repository),
        K.REPLY,
        f"{pull_request}/{key}"[:255],
        pull_request=pull_request,
        body=body,
        answers=answers,
        accepted=accepted,
    )
    _send([row.pk])


def _due(vcs: Vcs, repository: str, kind: ReportKind, key: str, **columns: object) -> Report:
    now = timezone.now()
    values = {**columns, "changed_at": now, "due_at": due_after_limit(vcs, now), "tries": 0, "failing_since": None}
    found, _new = Report.objects.update_or_create(vcs=vcs, repository=repository, kind=kind, key=key, defaults=values)
    return found


def due_after_limit(vcs: Vcs, now: dt.datetime) -> dt.datetime:
    """Return when a connection's provider may be told something: now, or after a limit that it has set."""
    return now if vcs.limited_until is None else max(now, vcs.limited_until)


def _send(keys: Iterable[int]) -> None:
    for key in keys:
        enqueue("vcs.tasks.send_report", key)


def send_again(report: Report) -> None:
    """Send a report that was given up once more."""
    with transaction.atomic():
        now = timezone.now()
        Report.objects.filter(pk=report.pk).update(changed_at=now, due_at=now, tries=0, failing_since=None, sent="")
        _send([report.pk])
