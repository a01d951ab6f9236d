"""E-mail by the installation's mail server, which its operator names: plain text, one message to all recipients."""

from __future__ import annotations

import smtplib

from django.core.mail import EmailMessage
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces.message_templates import render_template
from workspaces.notifications.channels.base import Message, Outcome, Target, shorten
from workspaces.notifications.facts import Facts
from workspaces.validation.destinations import recipients_of

_LONGEST_SUBJECT = 200
_PERMANENT = 500
"""From this code on a mail server refuses for good."""


def send_email(target: Target, told: Message) -> Outcome:
    """Send a message; a refusal is part of the outcome."""
    facts = told.facts
    mail = EmailMessage(
        subject=shorten(" ".join(f"[Terrakube] {facts.headline}".split()), _LONGEST_SUBJECT),
        body=_body(target, facts),
        to=recipients_of(target.destination),
        headers={"X-Terrakube-Delivery": told.delivery, "Auto-Submitted": "auto-generated"},
    )
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _words in error.recipients.values()]
        return _refused(max(codes, default=_PERMANENT), is_final=min(codes, default=0) >= _PERMANENT)
    except smtplib.SMTPResponseException as error:
        return _refused(error.smtp_code, is_final=error.smtp_code >= _PERMANENT)
    except (smtplib.SMTPException, OSError) as error:
        words = str(getattr(error, "strerror", None) or error)
        return Outcome(problem=message(_("The mail server does not answer: {words}"), words=words))
    return Outcome(answer="The mail server took it.")


def _refused(code: int, *, is_final: bool) -> Outcome:
    problem = message(_("The mail server refuses the message with {code}."), code=code)
    return Outcome(status=code, problem=problem, is_final=is_final)


def _body(target: Target, facts: Facts) -> str:
    lines = [render_template(target.template, facts.values) if target.template else f"{facts.headline}."]
    if target.is_detailed:
        if facts.reason and not target.template:
            lines += ["", facts.reason]
        rows = (
            ("Organization", facts.organization),
            ("Workspace", facts.workspace),
            ("Job", "" if facts.job is None else f"#{facts.job}"),
            ("Commit", facts.commit),
        )
        lines += ["", *(f"{name}: {value}" for name, value in rows if value)]
    return "\n".join([*lines, "", facts.url, ""])
