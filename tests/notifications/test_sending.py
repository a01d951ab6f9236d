"""What each channel is sent, and what comes of the answers: kept, tried again within a limit, or given up."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import smtplib
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from terrakube_site.outgoing import allowed_from
from tests.notifications.conftest import SECRET, Notify
from tests.notifications.receiver import Answer, Receiver
from tests.notifications.test_outbox import failed, planned
from workspaces.models import NotificationDelivery, Workspace
from workspaces.notifications import sending
from workspaces.notifications.sending import WAITS, send_delivery

pytestmark = pytest.mark.django_db


def send_all() -> NotificationDelivery:
    """Send the one delivery as if its time had come."""
    NotificationDelivery.objects.exclude(due_at=None).update(due_at=timezone.now())
    delivery: NotificationDelivery = NotificationDelivery.objects.get()
    send_delivery(str(delivery.pk))
    delivery.refresh_from_db()
    return delivery


def signed(secret: str, content: bytes) -> str:
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def test_a_webhook_gets_terrakubes_members_and_both_signatures(
    workspace: Workspace, notify: Notify, receiver: Receiver
) -> None:
    notify("failed")
    job = failed(workspace)
    delivery = send_all()
    [asked] = receiver.received
    page = f"https://terrakube.example/admin/workspaces/job/{job.pk}/change/"
    assert asked.content == {
        "organization": "acme",
        "workspace": "net",
        "jobId": job.pk,
        "status": "failed",
        "runUrl": page,
        "workspaceUrl": f"https://terrakube.example/admin/workspaces/workspace/{workspace.pk}/",
        "commitId": None,
        "failureReason": job.reason,
        "configurationName": "on call",
        "event": "failed",
        "reasonCode": job.reason_code or None,
        "message": f"net: job {job.pk} failed",
    }
    assert asked.headers["X-Terrakube-Signature"] == signed(SECRET, asked.body)
    assert asked.headers["X-Terrakube-Delivery"] == str(delivery.pk)
    moment, _, version = asked.headers["X-Terrakube-Signature-V2"].removeprefix("t=").partition(",v1=")
    assert version == signed(SECRET, b".".join((moment.encode(), str(delivery.pk).encode(), asked.body)))
    assert (delivery.status, delivery.answer_status, delivery.answer, delivery.due_at) == ("SENT", 200, "ok", None)


def test_slack_gets_a_header_a_reason_and_a_button_to_approve(
    workspace: Workspace, notify: Notify, receiver: Receiver
) -> None:
    notify("waitingApproval", channel_type="SLACK")
    job = planned(workspace)
    assert send_all().status == "SENT"
    [asked] = receiver.received
    page = f"https://terrakube.example/admin/workspaces/job/{job.pk}/change/"
    assert asked.content["username"] == "net"
    [attachment] = asked.content["attachments"]
    assert attachment["color"] == "#ecb22e"
    header, context, section, actions = attachment["blocks"]
    assert header["text"]["text"] == "net - waits for approval"
    assert [part["text"] for part in context["elements"]] == ["*Organization:* acme", f"*Job:* #{job.pk}"]
    assert "approval" in section["text"]["text"]
    assert actions["elements"][0]["url"] == page
    assert "X-Terrakube-Signature" not in asked.headers


def test_slack_in_one_line_has_no_blocks_and_a_name_calls_nobody(
    workspace: Workspace, notify: Notify, receiver: Receiver
) -> None:
    workspace.name = "<!channel>"
    workspace.save()
    notify("failed", channel_type="SLACK", message_style="SIMPLE")
    failed(workspace)
    send_all()
    [asked] = receiver.received
    assert asked.content.keys() == {"text", "username"}
    assert "<!channel>" not in asked.content["text"]
    assert "&lt;!channel&gt;" in asked.content["text"]


def test_slack_takes_a_message_with_ok_alone(workspace: Workspace, notify: Notify, receiver: Receiver) -> None:
    notify("failed", channel_type="SLACK")
    receiver.answers = [Answer(200, b"<html>sign in</html>")]
    failed(workspace)
    delivery = send_all()
    assert (delivery.status, delivery.answer) == ("FAILED", "<html>sign in</html>")
    assert "answers with ok" in delivery.problem


def test_teams_gets_an_adaptive_card(workspace: Workspace, notify: Notify, receiver: Receiver) -> None:
    notify("failed", channel_type="TEAMS")
    receiver.answers = [Answer(202, b"")]
    job = failed(workspace)
    assert send_all().status == "SENT"
    [asked] = receiver.received
    [attachment] = asked.content["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert [part["type"] for part in card["body"]] == ["TextBlock", "FactSet", "TextBlock"]
    assert card["body"][0]["text"] == f"net: job {job.pk} failed"
    assert card["actions"][0]["url"].endswith(f"/job/{job.pk}/change/")


def test_an_e_mail_goes_to_all_recipients_with_a_link(workspace: Workspace, notify: Notify, settings: Settings) -> None:
    settings.EMAIL_HOST = "mail.example"
    notify("failed", channel_type="EMAIL", destination_url="mailto:ann@example.org, ben@example.org")
    job = failed(workspace)
    delivery = send_all()
    [message] = mail.outbox
    assert message.to == ["ann@example.org", "ben@example.org"]
    assert message.subject == f"[Terrakube] net: job {job.pk} failed"
    assert job.reason in str(message.body)
    assert f"https://terrakube.example/admin/workspaces/job/{job.pk}/change/" in str(message.body)
    assert message.extra_headers["X-Terrakube-Delivery"] == str(delivery.pk)
    assert delivery.status == "SENT"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (smtplib.SMTPRecipientsRefused({"ann@example.org": (550, b"unknown")}), "FAILED"),
        (smtplib.SMTPDataError(451, b"later"), "PENDING"),
        (ConnectionRefusedError("no"), "PENDING"),
    ],
)
def test_what_a_mail_server_refuses_for_good_is_given_up(
    error: Exception,
    status: str,
    workspace: Workspace,
    notify: Notify,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_args: Any, **_named: Any) -> None:
        raise error

    settings.EMAIL_HOST = "mail.example"
    monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)
    notify("failed", channel_type="EMAIL", destination_url="mailto:ann@example.org")
    failed(workspace)
    delivery = send_all()
    assert delivery.status == status
    assert "mail server" in delivery.problem


def test_an_own_sentence_replaces_the_sites(workspace: Workspace, notify: Notify, receiver: Receiver) -> None:
    notify("failed", message_template="{{{workspace}}} {event}: {url}")
    job = failed(workspace)
    send_all()
    page = f"https://terrakube.example/admin/workspaces/job/{job.pk}/change/"
    assert receiver.received[0].content["message"] == f"{{net}} failed: {page}"


# ---- answers --------------------------------------------------------------------------------------------------------


def test_a_refusal_is_tried_again_with_longer_waits_and_then_given_up(
    workspace: Workspace, notify: Notify, receiver: Receiver
) -> None:
    notify("failed")
    receiver.answers = [Answer(503, b"down")]
    failed(workspace)
    for number, wait in enumerate(WAITS, 1):
        delivery = send_all()
        assert (delivery.status, delivery.tries, delivery.answer_status) == ("PENDING", number, 503)
        assert delivery.last_attempt_at is not None
        assert delivery.due_at is not None
        assert delivery.due_at - delivery.last_attempt_at == wait
    delivery = send_all()
    assert (delivery.status, delivery.due_at, delivery.answer) == ("FAILED", None, "down")
    assert len(receiver.received) == len(WAITS) + 1
    assert len({asked.headers["X-Terrakube-Delivery"] for asked in receiver.received}) == 1


def test_a_receiver_that_is_there_again_gets_the_same_message(
    workspace: Workspace, notify: Notify, receiver: Receiver
) -> None:
    notify("failed")
    receiver.answers = [Answer(500, b""), Answer(200, b"")]
    failed(workspace)
    assert send_all().status == "PENDING"
    delivery = send_all()
    assert (delivery.status, delivery.tries, delivery.problem) == ("SENT", 2, "")
    first, second = receiver.received
    assert first.body == second.body


def test_a_receiver_that_asks_to_wait_is_left_alone_also_by_others(
    workspace: Workspace, notify: Notify, receiver: Receiver
) -> None:
    notify("failed", "running")
    receiver.answers = [Answer(429, b"", {"Retry-After": "3600"})]
    failed(workspace)
    first, second = NotificationDelivery.objects.order_by("created_date")
    send_delivery(str(first.pk))
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.due_at is not None
    assert first.last_attempt_at is not None
    assert first.due_at - first.last_attempt_at == dt.timedelta(hours=1)
    assert second.due_at == first.due_at
    send_delivery(str(second.pk))
    assert len(receiver.received) == 1


@pytest.mark.parametrize("status", [301, 400, 401, 404, 410])
def test_an_answer_that_would_come_again_is_final(
    status: int, workspace: Workspace, notify: Notify, receiver: Receiver
) -> None:
    notify("failed")
    receiver.answers = [Answer(status, b"", {"Location": f"{receiver.url}/else"})]
    failed(workspace)
    delivery = send_all()
    assert (delivery.status, delivery.tries, delivery.answer_status) == ("FAILED", 1, status)
    assert len(receiver.received) == 1


def test_a_private_address_is_not_reached(
    workspace: Workspace, notify: Notify, receiver: Receiver, settings: Settings
) -> None:
    settings.OUTGOING_ALLOWED = allowed_from([])
    notify("failed")
    failed(workspace)
    delivery = send_all()
    assert delivery.status == "FAILED"
    assert "127.0.0.1 is no public address" in delivery.problem
    assert not receiver.received


def test_an_answer_that_repeats_secrets_is_kept_without_them(
    workspace: Workspace, notify: Notify, receiver: Receiver
) -> None:
    notify("failed")
    receiver.answers = [Answer(400, f"{receiver.url} {SECRET} ".encode() * 100)]
    failed(workspace)
    delivery = send_all()
    assert "secret" not in delivery.answer
    assert len(delivery.answer) <= sending.LONGEST_ANSWER
    stored = json.dumps(delivery.facts) + delivery.problem
    assert "secret-part" not in stored


def test_a_delivery_is_sent_by_one_process_at_a_time(workspace: Workspace, notify: Notify, receiver: Receiver) -> None:
    notify("failed")
    failed(workspace)
    now = timezone.now()
    NotificationDelivery.objects.update(due_at=now, leased_until=now + dt.timedelta(minutes=1))
    [delivery] = NotificationDelivery.objects.all()
    send_delivery(str(delivery.pk))
    assert not receiver.received
    # The process that had it is gone.
    NotificationDelivery.objects.update(leased_until=now - dt.timedelta(minutes=1))
    send_delivery(str(delivery.pk))
    assert len(receiver.received) == 1
    send_delivery(str(delivery.pk))
    assert len(receiver.received) == 1


def test_what_is_due_is_queued_again_and_what_is_old_goes(
    workspace: Workspace, notify: Notify, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued: list[str] = []
    monkeypatch.setattr(sending, "enqueue", lambda _name, key: queued.append(key))
    notify("failed", "running")
    failed(workspace)
    due, sent = NotificationDelivery.objects.all()
    NotificationDelivery.objects.filter(pk=sent.pk).update(
        due_at=None, created_date=timezone.now() - sending.KEPT - dt.timedelta(days=1)
    )
    sending.send_due()
    assert queued == [str(due.pk)]
    sending.remove_old(at_most=10)
    assert list(NotificationDelivery.objects.all()) == [due]
