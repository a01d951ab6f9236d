"""How long deliveries, reports and closed pull requests are kept. Nothing is removed that is still needed."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from vcs.models import Delivery, PullRequest, Report, Trigger
from workspaces.choices import FINAL_JOB
from workspaces.models import Job, Workspace

TRIGGERS_KEPT = dt.timedelta(days=365)
"""A delivery that is sent again later than that may start its job once more, if its provider signs it again."""


def remove_old(*, at_most: int) -> bool:
    """Remove at most so many old records of each kind. Return True if more may be due."""
    now = timezone.now()
    before = now - dt.timedelta(days=settings.KEEP_PULL_REQUEST_DAYS)
    due: tuple[QuerySet[Delivery] | QuerySet[Trigger] | QuerySet[Report] | QuerySet[PullRequest], ...] = (
        Delivery.objects.filter(received_at__lt=now - dt.timedelta(days=settings.KEEP_DELIVERY_DAYS)).order_by("pk"),
        Trigger.objects.filter(created_at__lt=now - TRIGGERS_KEPT, job=None).order_by("created_at"),
        _old_reports(before),
        _old_pull_requests(before),
    )
    more = False
    for rows in due:
        keys = list(rows.values_list("pk", flat=True)[:at_most])
        if keys:
            # Some may have changed since they were looked up.
            rows.filter(pk__in=keys).delete()
        more |= len(keys) >= at_most
    return more


def _old_reports(before: dt.datetime) -> QuerySet[Report]:
    """Return the reports that were told or given up, and that nothing changes or reads any more.

    The status of a commit is made from those of its workspaces, and a comment is kept up to date while its pull request
    is open, so these go together.
    """
    same = {"vcs": OuterRef("vcs"), "repository": OuterRef("repository")}
    is_open = PullRequest.objects.filter(**same, number=OuterRef("pull_request"), open=True)
    newer = Report.objects.filter(**same, commit=OuterRef("commit"), changed_at__gte=before).exclude(commit="")
    running = Job.objects.filter(pk=OuterRef("job")).exclude(status__in=sorted(FINAL_JOB))
    told = Report.objects.filter(due_at=None, leased_until=None, changed_at__lt=before)
    return told.filter(~Exists(is_open), ~Exists(newer), ~Exists(running)).order_by("changed_at")


def _old_pull_requests(before: dt.datetime) -> QuerySet[PullRequest]:
    """Return the closed pull requests that hold no lock and have no job that may still run."""
    locked = Workspace.objects.filter(
        pull_requests__pull_request=OuterRef("pk"), locked_by_pull_request=OuterRef("number")
    )
    running = Job.objects.filter(workspace__pull_requests__pull_request=OuterRef("pk"), pr_number=OuterRef("number"))
    closed = PullRequest.objects.filter(open=False, updated_date__lt=before)
    found: QuerySet[PullRequest] = closed.filter(
        ~Exists(locked), ~Exists(running.exclude(status__in=sorted(FINAL_JOB)))
    ).order_by("updated_date")
    return found
