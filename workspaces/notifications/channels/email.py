"""E-mail by the installation's mail server, which its operator names: plain text, one message to all recipients."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from terrakube_site.outgoing import NoAnswer
from terrakube_site.outgoing.mail import MailRefused, send_mail
from workspaces.message_templates import render_template
from workspaces.notifications.channels.base import Message, Outcome, Target, shorten
from workspaces.notifications.facts import Facts
from workspaces.validation.destinations import recipients_of

_LONGEST_SUBJECT = 200


def send_email(target: Target, told: Message) -> Outcome:
    """Send a message; a refusal is part of the outcome."""
    facts = told.facts
    try:
        send_mail(
            shorten(" ".join(f"[Terrakube] {facts.headline}".split()), _LONGEST_SUBJECT),
            _body(target, facts),
            to=recipients_of(target.destination),
            headers={"X-Terrakube-Delivery": told.delivery, "Auto-Submitted": "auto-generated"},
        )
    except MailRefused as error:
        problem = message(_("The mail server refuses the message with {code}."), code=error.code)
        return Outcome(status=error.code, problem=problem, is_final=error.is_final)
    except NoAnswer as error:
        return Outcome(problem=message(_("The mail server does not answer: {words}"), words=str(error)))
    return Outcome(answer="The mail server took it.")


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
