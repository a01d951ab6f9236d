"""Send deliveries: one process for each at a time, again after a refusal, and given up after about a day."""

from __future__ import annotations

import datetime as dt
import email.utils
import logging
from email.message import Message as EmailHeaders
from uuid import UUID

from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import as_json, message
from terrakube_site.outgoing import NoAnswer, Refused, ask
from workspaces.choices import NotificationChannel, NotificationEvent, NotificationStatus
from workspaces.models import NotificationConfiguration, NotificationDelivery
from workspaces.notifications.channels.base import Message, Outcome, Sent, Target
from workspaces.notifications.channels.email import send_email
from workspaces.notifications.channels.slack import slack_request
from workspaces.notifications.channels.teams import teams_request
from workspaces.notifications.channels.webhook import webhook_request
from workspaces.notifications.facts import facts_from
from workspaces.notifications.outbox import SEND, due_deliveries
from workspaces.task_queue.client import enqueue

logger = logging.getLogger(__name__)
S = NotificationStatus
LEASE = dt.timedelta(minutes=5)
WAITS = tuple(dt.timedelta(minutes=minutes) for minutes in (1, 5, 30, 180, 1200))
"""Between one try and the next: six tries within about a day."""
KEPT = dt.timedelta(days=90)
LONGEST_ANSWER = 1000
_TIMEOUT_SECONDS = 15
_AT_ONCE = 200
_TRIED_AGAIN = frozenset({408, 425, 429})
_HIDDEN = "********"


def target_of(configuration: NotificationConfiguration) -> Target:
    return Target(
        channel=configuration.channel_type,
        destination=configuration.destination_url,
        secret=configuration.signing_secret,
        style=configuration.message_style,
        template=configuration.message_template,
        name=configuration.name,
    )


def send_delivery(delivery_id: str) -> None:
    """Send one delivery; nothing if it is not due, or if another process is at it."""
    delivery = _leased(UUID(delivery_id))
    if delivery is not None:
        send_leased(delivery)


def send_leased(delivery: NotificationDelivery) -> Outcome:
    """Send a delivery that this process alone has, and keep what came of it."""
    configuration = delivery.configuration
    if not configuration.active and delivery.event != NotificationEvent.TEST:
        outcome = Outcome(problem=message(_("The notification was switched off before it was sent.")), is_final=True)
    else:
        told = Message(facts=facts_from(delivery.facts), delivery=str(delivery.pk), at=timezone.now())
        try:
            outcome = deliver(target_of(configuration), told)
        except Exception:
            # A fault of ours: tried again as a refusal, since the next version may know better.
            logger.exception("The notification %s could not be sent", delivery.pk)
            outcome = Outcome(problem=message(_("The message could not be created; see the worker's log.")))
    _keep(delivery, outcome)
    return outcome


def deliver(target: Target, told: Message) -> Outcome:
    """Send a message to a destination once. What it refuses is part of the outcome, in which no secret is."""
    if target.channel == NotificationChannel.EMAIL:
        return send_email(target, told)
    sent = _request(target, told)
    try:
        answer = ask(
            target.destination,
            method="POST",
            headers=sent.headers,
            body=sent.body,
            timeout=_TIMEOUT_SECONDS,
            redirects=None,
        )
    except Refused as error:
        return Outcome(
            problem=message(_("The destination cannot be reached: {words}"), words=str(error)), is_final=True
        )
    except NoAnswer as error:
        return Outcome(problem=message(_("The destination cannot be reached: {words}"), words=str(error)))
    text = _readable(answer.content, target)
    if 200 <= answer.status < 300:
        if target.channel == NotificationChannel.SLACK and text.strip() != "ok":
            problem = message(_("The answer is not from Slack: Slack answers with ok."))
            return Outcome(status=answer.status, answer=text, problem=problem, is_final=True)
        return Outcome(status=answer.status, answer=text)
    if 300 <= answer.status < 400:
        problem = message(
            _("The destination answers {code}, a redirect. Enter the address it redirects to."), code=answer.status
        )
        return Outcome(status=answer.status, answer=text, problem=problem, is_final=True)
    return Outcome(
        status=answer.status,
        answer=text,
        problem=message(_("The destination answers {code}."), code=answer.status),
        is_final=answer.status < 500 and answer.status not in _TRIED_AGAIN,
        retry_after=_retry_after(answer.headers),
    )


def send_due() -> None:
    """Queue the deliveries that are due: those that wait after a refusal, and those whose task was lost."""
    due = NotificationDelivery.objects.filter(due_deliveries()).order_by("due_at")
    for key in due.values_list("pk", flat=True)[:_AT_ONCE]:
        enqueue(SEND, str(key))


def remove_old(*, at_most: int) -> None:
    """Remove deliveries after 90 days, as Terrakube does; at most so many."""
    old = NotificationDelivery.objects.filter(created_date__lt=timezone.now() - KEPT, due_at=None)
    keys = list(old.order_by("created_date").values_list("pk", flat=True)[:at_most])
    if keys:
        NotificationDelivery.objects.filter(pk__in=keys).delete()


def _leased(delivery_id: UUID) -> NotificationDelivery | None:
    """Take a due delivery for this process alone; None if it is not due, or another process has it."""
    due = NotificationDelivery.objects.filter(due_deliveries(), pk=delivery_id)
    if not due.update(status=S.SENDING, leased_until=timezone.now() + LEASE):
        return None
    found: NotificationDelivery = NotificationDelivery.objects.select_related("configuration").get(pk=delivery_id)
    return found


def _request(target: Target, told: Message) -> Sent:
    if target.channel == NotificationChannel.SLACK:
        return slack_request(target, told)
    if target.channel == NotificationChannel.TEAMS:
        return teams_request(target, told)
    return webhook_request(target, told)


def _keep(delivery: NotificationDelivery, outcome: Outcome) -> None:
    """Keep the answer, and plan the next try or give up."""
    now = timezone.now()
    due_at = None
    is_final = outcome.is_final or delivery.event == NotificationEvent.TEST
    if outcome.problem and not is_final and delivery.tries < len(WAITS):
        wait = WAITS[delivery.tries]
        due_at = now + (min(outcome.retry_after, WAITS[-1]) if outcome.retry_after is not None else wait)
    status = S.SENT if not outcome.problem else S.PENDING if due_at is not None else S.FAILED
    NotificationDelivery.objects.filter(pk=delivery.pk).update(
        status=status,
        due_at=due_at,
        leased_until=None,
        tries=F("tries") + 1,
        last_attempt_at=now,
        answer_status=outcome.status,
        answer=outcome.answer,
        problem=f"{outcome.problem}",
        problem_words=as_json(outcome.problem) if outcome.problem else None,
    )
    if outcome.problem:
        logger.warning("The notification %s was not taken: %s", delivery.pk, outcome.problem)
    if outcome.retry_after is not None and due_at is not None:
        # The limit is the destination's: what else is due there would only prolong it.
        others = NotificationDelivery.objects.filter(configuration=delivery.configuration_id, due_at__lt=due_at)
        others.exclude(pk=delivery.pk).update(due_at=due_at)


def _readable(content: bytes, target: Target) -> str:
    """Return the beginning of an answer as text, without the destination and the secret that it may repeat."""
    text = content[: 4 * LONGEST_ANSWER].decode("utf-8", errors="replace").replace("\0", "")
    for secret in (target.secret, target.destination):
        if len(secret) > 3:
            text = text.replace(secret, _HIDDEN)
    return text[:LONGEST_ANSWER]


def _retry_after(headers: EmailHeaders) -> dt.timedelta | None:
    """Return how long a receiver asks to wait, in seconds or as a date; None if it does not say."""
    text = (headers.get("Retry-After") or "").strip()
    if text.isascii() and text.isdecimal():
        return dt.timedelta(seconds=min(int(text[:9]), 86_400))
    try:
        until = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=dt.UTC)
    return max(until - timezone.now(), dt.timedelta())
