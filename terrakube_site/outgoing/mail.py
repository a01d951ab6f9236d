"""E-mail by the installation's mail server, which its operator names in a setting."""

from __future__ import annotations

import smtplib
from collections.abc import Mapping, Sequence

from django.core.mail import EmailMessage

from terrakube_site.outgoing.addresses import NoAnswer, OutgoingError

_PERMANENT = 500
"""From this code on a mail server refuses for good."""


class MailRefused(OutgoingError):
    """The mail server refuses a message with a ``code``; ``is_final``: it would refuse it again."""

    def __init__(self, code: int, *, is_final: bool) -> None:
        super().__init__(f"The mail server refuses the message with {code}")
        self.code, self.is_final = code, is_final


def send_mail(subject: str, body: str, *, to: Sequence[str], headers: Mapping[str, str]) -> None:
    """Send one message to all recipients. Raises MailRefused, and NoAnswer where the server is not reached."""
    mail = EmailMessage(subject=subject, body=body, to=list(to), headers=dict(headers))
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _words in error.recipients.values()] or [_PERMANENT]
        raise MailRefused(max(codes), is_final=min(codes) >= _PERMANENT) from None
    except smtplib.SMTPResponseException as error:
        raise MailRefused(error.smtp_code, is_final=error.smtp_code >= _PERMANENT) from None
    except (smtplib.SMTPException, OSError) as error:
        raise NoAnswer(str(getattr(error, "strerror", None) or error)) from None
