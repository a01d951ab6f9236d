"""Access tokens of users and of teams."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from workspaces.models.base import Audited, Record


class AccessToken(Record, Audited):
    """A token that was issued; the id is its ``jti``. The token itself is not stored.

    A personal token has the groups that its ``user`` has at each request. ``groups`` are those of its creator when it
    was created; they count only where no user of this site is known, because a program created it.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="access_tokens", editable=False
    )
    name = models.CharField(max_length=256)
    email = models.CharField(max_length=256, blank=True, default="")
    groups = models.JSONField(default=list)
    team = models.CharField(max_length=64, blank=True, default="", help_text=_("Team of a team token."))
    description = models.CharField(max_length=256, blank=True, default="")
    expires_at = models.DateTimeField(null=True, help_text=_("Empty if the token does not expire."))
    lifetime = models.JSONField(
        null=True,
        editable=False,
        help_text=_("Days, hours and minutes that a team token was requested for; empty for older tokens."),
    )
    deleted = models.BooleanField(default=False)
    notice_due_at = models.DateTimeField(
        null=True,
        editable=False,
        help_text=_("When its owner is next told that it expires; empty if no notice is due."),
    )
    notice_tries = models.PositiveSmallIntegerField(
        default=0,
        db_default=0,
        editable=False,
        help_text=_("How often sending the notice that it expires was tried."),
    )

    class Meta:
        ordering = ("-created_date",)
        indexes = (
            models.Index(
                fields=("notice_due_at",), condition=models.Q(notice_due_at__isnull=False), name="token_notice_due"
            ),
        )

    def __str__(self) -> str:
        return self.description or self.name
