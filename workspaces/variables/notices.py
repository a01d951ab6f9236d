"""What is told of a variable when it is saved, though nothing is refused."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces.choices import Category
from workspaces.models.variable import AbstractVariable

DYNAMIC_CREDENTIALS = "ENABLE_DYNAMIC_CREDENTIALS_"
"""How Terrakube's switches for short-lived credentials of a cloud begin."""
NO_DYNAMIC_CREDENTIALS = _("{key} has no effect yet: this site issues no dynamic credentials.")


def notice_of(record: models.Model) -> str:
    """Return what to tell of a record that was saved, as a message; empty for nothing."""
    if not isinstance(record, AbstractVariable) or record.category != Category.ENV:
        return ""
    return message(NO_DYNAMIC_CREDENTIALS, key=record.key) if record.key.startswith(DYNAMIC_CREDENTIALS) else ""
