"""How much one webhook may deliver, so that nobody fills the database through it; and how often without a signature.

What is stored is counted in the webhook's own row, by one statement that lets a delivery in or not, for any number of
web processes.
"""

from __future__ import annotations

import datetime as dt
import logging

from django.conf import settings
from django.db.models import Case, F, Q, Value, When
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from terrakube_site.http.error_response import error_response
from terrakube_site.http.failure_limit import WINDOW_SECONDS, FailureLimit
from vcs.models import RepositoryHook

logger = logging.getLogger(__name__)
LEAST_BYTES = 16 * 2**10
"""As how many bytes the smallest delivery counts: its row, and what comes of it for each workspace."""
_MINUTE, _DAY = 60, 86_400


def refuse_too_many(hook: RepositoryHook, size: int) -> HttpResponse | None:
    """Count a signed delivery of so many bytes; return the refusal if the webhook has delivered too much."""
    now = timezone.now()
    minute, day = int(now.timestamp()) // _MINUTE, int(now.timestamp()) // _DAY
    size = max(size, LEAST_BYTES)
    room = (~Q(counted_minute=minute) | Q(minute_deliveries__lt=settings.DELIVERIES_PER_MINUTE)) & (
        ~Q(counted_day=day) | Q(day_bytes__lt=settings.DELIVERY_BYTES_PER_DAY)
    )
    counted = RepositoryHook.objects.filter(room, pk=hook.pk).update(
        minute_deliveries=Case(When(counted_minute=minute, then=F("minute_deliveries") + 1), default=Value(1)),
        day_bytes=Case(When(counted_day=day, then=F("day_bytes") + size), default=Value(size)),
        counted_minute=minute,
        counted_day=day,
        last_delivery_at=now,
    )
    if counted:
        return None
    full = RepositoryHook.objects.filter(pk=hook.pk, counted_day=day, day_bytes__gte=settings.DELIVERY_BYTES_PER_DAY)
    end = (day + 1) * _DAY if full.exists() else (minute + 1) * _MINUTE
    until = dt.datetime.fromtimestamp(end, dt.UTC)
    if RepositoryHook.objects.filter(pk=hook.pk).exclude(limited_until=until).update(limited_until=until):
        logger.warning("The webhook of %s delivers too much: the rest is refused until %s", hook, until)
    return _too_many("The webhook delivers too much.", end - int(now.timestamp()))


def is_limited(hook: RepositoryHook) -> bool:
    """Return whether deliveries of a webhook are refused now."""
    return hook.limited_until is not None and hook.limited_until > timezone.now()


def refuse_failures(request: HttpRequest, hook: RepositoryHook | None) -> HttpResponse | None:
    """Count a delivery of an unknown webhook or with a wrong signature; return the refusal after too many of them.

    They are counted for each address and webhook: who sends wrong ones keeps no right one away.
    """
    failures = FailureLimit(request, f"webhook-{hook.pk if hook is not None else 'unknown'}")
    if failures.is_reached:
        return _too_many("Too many deliveries without the right signature came from this address.", WINDOW_SECONDS)
    failures.count()
    return None


def _too_many(sentence: str, seconds: int) -> HttpResponse:
    response = error_response(sentence, 429)
    response["Retry-After"] = str(max(seconds, 1))
    return response
