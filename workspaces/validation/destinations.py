"""Checks of where notifications go. An address may be a credential, so no sentence quotes it whole."""

from __future__ import annotations

from urllib.parse import unquote

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

from terrakube_site.outgoing import Refused
from terrakube_site.outgoing.addresses import split_address
from workspaces.choices import NotificationChannel

LONGEST_DESTINATION = 2048
MOST_RECIPIENTS = 20
_MAILTO = "mailto:"


def recipients_of(destination: str) -> list[str]:
    """Return the addresses of a ``mailto:`` destination, with commas between."""
    text = destination.strip()
    if text.lower().startswith(_MAILTO):
        text = text[len(_MAILTO) :]
    return [unquote(part).strip() for part in text.split(",") if part.strip()]


def check_destination(channel: str, destination: str) -> None:
    """Raise ValidationError for an address to which a channel cannot send."""
    if len(destination) > LONGEST_DESTINATION:
        raise ValidationError(
            _("The text has %(length)d characters; at most %(most)d are allowed."),
            code="invalid",
            params={"length": len(destination), "most": LONGEST_DESTINATION},
        )
    if channel == NotificationChannel.EMAIL:
        _check_recipients(destination)
        return
    try:
        split_address(destination)
    except Refused:
        raise ValidationError(
            _("Enter an address that begins with https:// or http://, without a login and without spaces."),
            code="invalid",
        ) from None


def may_be_sent_to(address: str) -> bool:
    """Return whether the installation may send e-mail to an address."""
    try:
        validate_email(address)
    except ValidationError:
        return False
    return not settings.EMAIL_DOMAINS or _domain(address) in settings.EMAIL_DOMAINS


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _check_recipients(destination: str) -> None:
    if not settings.EMAIL_HOST:
        raise ValidationError(
            _("This installation sends no e-mail: an administrator sets TERRAKUBE_EMAIL_HOST."), code="invalid"
        )
    recipients = recipients_of(destination)
    if not 0 < len(recipients) <= MOST_RECIPIENTS:
        raise ValidationError(
            _("Enter 1 to %(most)d e-mail addresses, separated by commas: mailto:ann@example.org."),
            code="invalid",
            params={"most": MOST_RECIPIENTS},
        )
    for recipient in recipients:
        try:
            validate_email(recipient)
        except ValidationError:
            raise ValidationError(
                _('"%(address)s" is not an e-mail address.'), code="invalid", params={"address": recipient[:254]}
            ) from None
        if settings.EMAIL_DOMAINS and _domain(recipient) not in settings.EMAIL_DOMAINS:
            raise ValidationError(
                _('"%(address)s" is not allowed: this installation sends e-mail only to %(domains)s.'),
                code="invalid",
                params={"address": recipient[:254], "domains": ", ".join(settings.EMAIL_DOMAINS)},
            )
