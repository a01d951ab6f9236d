"""How long deliveries are kept: seven days, and for longer only that their events have started jobs."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from vcs.models import Delivery, Trigger

KEPT = dt.timedelta(days=7)
TRIGGERS_KEPT = dt.timedelta(days=365)
"""A delivery that is sent again later than that may start its job once more, if its provider signs it again."""


def remove_old(*, at_most: int) -> bool:
    """Remove at most so many old deliveries and triggers. Return True if more may be due."""
    now = timezone.now()
    deliveries = list(
        Delivery.objects.filter(received_at__lt=now - KEPT).order_by("pk").values_list("pk", flat=True)[:at_most]
    )
    Delivery.objects.filter(pk__in=deliveries).delete()
    triggers = Trigger.objects.filter(created_at__lt=now - TRIGGERS_KEPT, job=None)
    old = list(triggers.order_by("created_at").values_list("pk", flat=True)[:at_most])
    Trigger.objects.filter(pk__in=old).delete()
    return at_most in {len(deliveries), len(old)}
