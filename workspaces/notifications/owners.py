"""Tell people by e-mail of their own tokens that are about to end, once for each.

A personal token belongs to no organization, so no notification of one tells of it. Its own row says what is to be told.
"""

from __future__ import annotations

import datetime as dt
import logging
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from terrakube_site.outgoing import NoAnswer
from terrakube_site.outgoing.mail import MailRefused, send_mail
from workspaces.models import AccessToken
from workspaces.notifications.sending import LEASE, WAITS
from workspaces.task_queue.client import enqueue
from workspaces.validation.destinations import may_be_sent_to

logger = logging.getLogger(__name__)
AHEAD = dt.timedelta(days=7)
TELL = "workspaces.notifications.owners.tell_owner"
_AT_ONCE = 200


def note_own_tokens(now: dt.datetime) -> None:
    """Plan the notice of each personal token that ends soon, if the installation sends e-mail."""
    if not settings.EMAIL_HOST:
        return
    ending = _in_use().filter(notice_tries=0, notice_due_at=None, expires_at__gt=now, expires_at__lt=now + AHEAD)
    keys = list(ending.order_by("expires_at").values_list("pk", flat=True)[:_AT_ONCE])
    AccessToken.objects.filter(pk__in=keys, notice_tries=0).update(notice_due_at=now)


def tell_due(now: dt.datetime) -> None:
    """Queue the notices that are due: new ones, those that wait after a refusal, and those whose task was lost."""
    due = AccessToken.objects.filter(notice_due_at__lte=now).order_by("notice_due_at")
    for key in due.values_list("pk", flat=True)[:_AT_ONCE]:
        enqueue(TELL, str(key))


def tell_owner(token_id: str) -> None:
    """Send the notice of one token; nothing if it is not due, or if another process is at it."""
    now = timezone.now()
    rows = AccessToken.objects.filter(pk=UUID(token_id), notice_due_at__lte=now)
    # The row is leased: whoever comes now finds it due only after the lease.
    if not rows.update(notice_due_at=now + LEASE, notice_tries=F("notice_tries") + 1):
        return
    again = _tell(token_id, now)
    AccessToken.objects.filter(pk=UUID(token_id)).update(notice_due_at=again)


def _tell(token_id: str, now: dt.datetime) -> dt.datetime | None:
    """Send a notice once; return when to try again, None if it was taken or will never be."""
    token = _in_use().select_related("user").filter(pk=UUID(token_id), expires_at__gt=now).first()
    if token is None or token.user is None or token.expires_at is None:
        return None
    address = token.user.email
    if not may_be_sent_to(address):
        return None
    try:
        send_mail(_subject(token), _body(token, token.expires_at), to=[address], headers=_headers(token))
    except MailRefused as error:
        logger.warning("The notice of the token %s was refused with %s", token.pk, error.code)
        is_over = error.is_final
    except NoAnswer as error:
        logger.warning("The notice of the token %s was not sent: %s", token.pk, error)
        is_over = False
    else:
        is_over = True
    return None if is_over or token.notice_tries > len(WAITS) else now + WAITS[token.notice_tries - 1]


def _in_use() -> QuerySet[AccessToken]:
    return AccessToken.objects.filter(Q(user__is_active=True) & ~Q(user__email=""), team="", deleted=False)


def _subject(token: AccessToken) -> str:
    return f"[Terrakube] Your token {_named(token)}is about to end"


def _named(token: AccessToken) -> str:
    return f"“{' '.join(token.description.split())}” " if token.description.strip() else ""


def _body(token: AccessToken, ends: dt.datetime) -> str:
    page = f"{settings.PUBLIC_URL}{reverse('admin:workspaces_accesstoken_changelist')}"
    return (
        f"Your token {_named(token)}ends on {ends:%Y-%m-%d} at {ends:%H:%M} UTC. "
        f"Create another one and put it where this one is used.\n\n{page}\n"
    )


def _headers(token: AccessToken) -> dict[str, str]:
    return {"X-Terrakube-Delivery": str(token.pk), "Auto-Submitted": "auto-generated"}
