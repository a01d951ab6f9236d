"""Columns of the records that give rights: teams, accesses and project accesses."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


def group_name_field(*, max_length: int) -> models.CharField[str, str]:
    """Return the column of the name of a group of users."""
    return models.CharField(max_length=max_length, help_text=_("Group name, as sign-in and tokens provide it."))


def role_field() -> models.CharField[str | None, str | None]:
    """Return the column of a role; null and empty are ``custom``, as in the API."""
    return models.CharField(
        max_length=255,
        null=True,
        blank=True,
        help_text=_("admin, write, plan, read or custom; empty is custom. An unknown role may only read."),
    )
