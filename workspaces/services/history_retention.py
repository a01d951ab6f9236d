"""How long histories are kept."""

from __future__ import annotations

import datetime as dt

from auditlog.models import LogEntry
from django.conf import settings
from django.utils import timezone

from workspaces.models import HistoryEntry


def remove_old(*, at_most: int = 500) -> bool:
    """Remove at most so many entries that are past their days, oldest first. Return True if more may be due."""
    days: int = settings.KEEP_HISTORY_DAYS
    if not days:
        return False
    before = timezone.now() - dt.timedelta(days=days)
    keys = list(HistoryEntry.objects.filter(at__lt=before).order_by("at", "pk").values_list("pk", flat=True)[:at_most])
    HistoryEntry.objects.filter(pk__in=keys).delete()
    # Also those of users and groups, which belong to no organization.
    logged = list(
        LogEntry.objects.filter(timestamp__lt=before).order_by("timestamp").values_list("pk", flat=True)[:at_most]
    )
    LogEntry.objects.filter(pk__in=logged).delete()
    return max(len(keys), len(logged)) >= at_most
