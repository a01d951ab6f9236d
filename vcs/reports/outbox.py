"""Write down what a provider is to be told, in the transaction of what has changed; a task sends it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

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
_UNIQUE = ("vcs", "repository", "kind", "key")
_RENEWED = (
    *("commit", "pull_request", "workspace", "job", "body", "answers", "accepted"),
    *("changed_at", "due_at", "tries", "failing_since"),
)
"""What a report gets anew; how it was told before stays, by which it is edited and not told again."""


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
    rows = [
        Report(kind=K.STATUS, key=f"{job.commit_id}/{job.workspace_id}", **place, **own),
        Report(kind=K.COMBINED, key=job.commit_id, **place),
    ]
    before: list[int] = []
    if job.pr_number is None:
        pass
    elif _has_many_workspaces(vcs, repository, job.pr_number):
        before = _comments_of_before(vcs, repository, job.pr_number)
        rows.append(Report(kind=K.SUMMARY, key=str(job.pr_number), **place))
    else:
        rows.append(Report(kind=K.COMMENT, key=f"{job.pr_number}/{job.workspace_id}", **place, **own))
    _tell(vcs, repository, rows)
    _send(before)


def _has_many_workspaces(vcs: Vcs, repository: str, pull_request: int) -> bool:
    """Return whether a pull request touches too many workspaces for a comment on each."""
    of_request = {"pull_request__vcs": vcs, "pull_request__repository": repository}
    concerned = ConcernedWorkspace.objects.filter(pull_request__number=pull_request, **of_request)
    return concerned.count() > MOST_COMMENTS


def _comments_of_before(vcs: Vcs, repository: str, pull_request: int) -> list[int]:
    """Let the comments refer to the one for all, which is new; a pull request had them when it touched fewer
    workspaces.
    """
    of_request = Report.objects.filter(vcs=vcs, repository=repository, pull_request=pull_request)
    if of_request.filter(kind=K.SUMMARY).exists():
        return []
    comments, now = of_request.filter(kind=K.COMMENT), timezone.now()
    comments.update(changed_at=now, due_at=due_after_limit(vcs, now))
    return list(comments.values_list("pk", flat=True))


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
    row = Report(kind=K.COMBINED, key=commit, commit=commit, pull_request=pull_request)
    _tell(vcs, normalized(repository), [row])


def reply(
    vcs: Vcs, repository: str, pull_request: int, body: str, *, key: str, answers: str = "", accepted: bool = True
) -> None:
    """Write an answer into a pull request, once for each key; ``answers`` is the comment that it reacts to as well."""
    row = Report(
        kind=K.REPLY,
        key=f"{pull_request}/{key}"[:255],
        pull_request=pull_request,
        body=body,
        answers=answers,
        accepted=accepted,
    )
    _tell(vcs, normalized(repository), [row])


def _tell(vcs: Vcs, repository: str, rows: Sequence[Report]) -> None:
    """Store what is to be told from now on, each in place of what has its kind and key, and send it; one statement."""
    now = timezone.now()
    due_at = due_after_limit(vcs, now)
    for row in rows:
        row.vcs, row.repository, row.changed_at, row.due_at = vcs, repository, now, due_at
    stored = Report.objects.bulk_create(rows, update_conflicts=True, unique_fields=_UNIQUE, update_fields=_RENEWED)
    _send(row.pk for row in stored)


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
