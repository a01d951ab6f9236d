"""For whom a record acts later without a user present: a schedule when it is due, a flow's own schedules."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class ActsFor(models.Model):
    """Who started a job or last changed a schedule, stored so that their rights can be looked up again.

    A user's groups are looked up at that moment. The bearer of a token without a user here is known by the groups that
    the token had. The site itself acts for commands and the internal token. Records older than these columns have no
    actor, and so no rights.
    """

    acts_for_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    acts_for_name = models.CharField(max_length=256, blank=True, default="", editable=False)
    acts_for_team = models.CharField(
        max_length=64, blank=True, default="", editable=False, help_text=_("Set if a team token was used.")
    )
    acts_for_groups = models.JSONField(default=list, editable=False)
    acts_for_site = models.BooleanField(default=False, editable=False)

    class Meta:
        abstract = True
