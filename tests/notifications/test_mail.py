"""E-mail by a real mail server: notifications, and what people are told of their own tokens."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from tests.factories import PLAN, UserFactory
from tests.notifications.conftest import Notify
from tests.notifications.mail_server import TAKEN, MailServer
from workspaces.jobs import transitions
from workspaces.models import AccessToken, NotificationDelivery, Workspace
from workspaces.notifications import owners, upkeep
from workspaces.notifications.sending import send_delivery
from workspaces.services.jobs import cancel_job, create_job

pytestmark = pytest.mark.django_db
LATER, NEVER = "451 try again later", "550 no such user"


@pytest.fixture(scope="module")
def mail_server() -> Iterator[MailServer]:
    made = MailServer()
    yield made
    made.close()


@pytest.fixture
def mails(mail_server: MailServer, settings: Settings) -> MailServer:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", mail_server.port
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.DEFAULT_FROM_EMAIL = "terrakube@example.org"
    settings.PUBLIC_URL = "https://terrakube.example"
    mail_server.received.clear()
    mail_server.answers[:] = [TAKEN]
    return mail_server


# ---- notifications --------------------------------------------------------------------------------------------------


@pytest.fixture
def delivery(workspace: Workspace, notify: Notify, mails: MailServer) -> NotificationDelivery:
    notify("cancelled", channel_type="EMAIL", destination_url="mailto:ann@example.org,ben@example.org")
    job = create_job(workspace, by=None, tcl=PLAN)
    transitions.advance(job.pk)
    cancel_job(job, by=None)
    found: NotificationDelivery = NotificationDelivery.objects.get()
    return found


def tried(delivery: NotificationDelivery) -> NotificationDelivery:
    send_delivery(str(delivery.pk))
    delivery.refresh_from_db()
    return delivery


def test_the_server_gets_sender_recipients_subject_and_body(delivery: NotificationDelivery, mails: MailServer) -> None:
    assert tried(delivery).status == "SENT"
    [mail] = mails.received
    assert mail.sender == "terrakube@example.org"
    assert mail.recipients == ("ann@example.org", "ben@example.org")
    assert mail.message["From"] == "terrakube@example.org"
    assert mail.message["To"] == "ann@example.org, ben@example.org"
    assert mail.subject == f"[Terrakube] net: job {delivery.job_number} was cancelled"
    assert mail.message["X-Terrakube-Delivery"] == str(delivery.pk)
    assert "Workspace: net" in mail.body
    assert f"https://terrakube.example/admin/workspaces/job/{delivery.job_number}/change/" in mail.body


def test_a_refusal_for_now_is_tried_again_and_one_for_good_is_not(
    delivery: NotificationDelivery, mails: MailServer
) -> None:
    mails.answers[:] = [LATER, NEVER]
    assert (tried(delivery).status, delivery.answer_status) == ("PENDING", 451)
    assert delivery.due_at is not None
    assert delivery.due_at > timezone.now()
    assert tried(delivery).tries == 1, "not before it is due"
    NotificationDelivery.objects.update(due_at=timezone.now())
    over = tried(delivery)
    assert (over.status, over.answer_status, over.due_at) == ("FAILED", 550, None)
    assert not mails.received


def test_a_second_try_sends_the_same_delivery(delivery: NotificationDelivery, mails: MailServer) -> None:
    mails.answers[:] = [LATER, TAKEN]
    tried(delivery)
    NotificationDelivery.objects.update(due_at=timezone.now())
    assert (tried(delivery).status, delivery.tries) == ("SENT", 2)
    [mail] = mails.received
    assert mail.message["X-Terrakube-Delivery"] == str(delivery.pk)


# ---- people's own tokens --------------------------------------------------------------------------------------------

type NewToken = Callable[..., AccessToken]


@pytest.fixture
def token(mails: MailServer) -> NewToken:
    def make(days: float | None = 3, *, address: str = "ann@example.org", **fields: Any) -> AccessToken:
        user = UserFactory.create(email=address, is_active=fields.pop("is_active", True))
        expires = None if days is None else timezone.now() + dt.timedelta(days=days)
        given = {"user": user, "name": "ann", "description": "laptop", "expires_at": expires}
        return AccessToken.objects.create(**given | fields)

    return make


def told() -> None:
    """What two beats of the worker do, with the tasks that they queue."""
    moment = timezone.now()
    # One that is over: what is planned for later is not due yet.
    turn = moment.replace(minute=10) - dt.timedelta(hours=moment.minute < 10)
    for _ in range(2):
        upkeep.turn(turn)
        for key in AccessToken.objects.exclude(notice_due_at=None).values_list("pk", flat=True):
            owners.tell_owner(str(key))


def test_the_owner_of_a_token_is_told_once_before_it_ends(token: NewToken, mails: MailServer) -> None:
    ending = token()
    told()
    told()
    [mail] = mails.received
    assert (mail.sender, mail.recipients) == ("terrakube@example.org", ("ann@example.org",))
    assert mail.subject == "[Terrakube] Your token “laptop” is about to end"
    assert f"ends on {ending.expires_at:%Y-%m-%d} at {ending.expires_at:%H:%M} UTC" in mail.body
    assert "https://terrakube.example/admin/workspaces/accesstoken/" in mail.body


def test_nobody_is_told_of_other_tokens(token: NewToken, mails: MailServer, settings: Settings) -> None:
    settings.EMAIL_DOMAINS = ("example.org",)
    for days in (30, -1, None):
        token(days)
    token(deleted=True)
    token(team="CI")
    token(is_active=False)
    token(address="")
    token(address="ann@elsewhere.example")
    token(user=None)
    told()
    assert not mails.received
    settings.EMAIL_HOST = ""
    token()
    told()
    assert not AccessToken.objects.exclude(notice_due_at=None).exists()


def test_a_notice_that_is_refused_for_now_is_sent_later(token: NewToken, mails: MailServer) -> None:
    ending = token()
    mails.answers[:] = [LATER, TAKEN]
    told()
    ending.refresh_from_db()
    assert ending.notice_due_at is not None
    assert (ending.notice_tries, ending.notice_due_at > timezone.now()) == (1, True)
    assert not mails.received
    AccessToken.objects.update(notice_due_at=timezone.now() - dt.timedelta(hours=1))
    told()
    assert len(mails.received) == 1
    assert not AccessToken.objects.exclude(notice_due_at=None).exists()


def test_a_notice_that_is_refused_for_good_is_given_up(token: NewToken, mails: MailServer) -> None:
    ending = token()
    mails.answers[:] = [NEVER]
    told()
    ending.refresh_from_db()
    assert (ending.notice_tries, ending.notice_due_at) == (1, None)
