"""Access tokens: personal ones and those of a team."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from workspaces.models.base import Audited, Record


class AccessToken(Record, Audited):
    """A token that was given out; the id is its ``jti``. The token itself is not kept."""

    name = models.CharField(max_length=256)
    email = models.CharField(max_length=256, blank=True, default="")
    groups = models.JSONField(default=list)
    team = models.CharField(max_length=64, blank=True, default="", help_text=_("Set on a team's token."))
    description = models.CharField(max_length=256, blank=True, default="")
    expires_at = models.DateTimeField(null=True, help_text=_("None: it doesn't expire."))
    deleted = models.BooleanField(default=False)

    class Meta:
        ordering = ("-created_date",)

    def __str__(self) -> str:
        return self.description or self.name
