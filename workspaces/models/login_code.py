"""Authorization codes of ``terraform login`` and ``tofu login``."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from workspaces.models.base import Record
from workspaces.models.token import AccessToken


class LoginCode(Record):
    """A code that a user allowed a terminal to exchange for a token. The code itself is not stored.

    ``used_at`` is when the code was first presented, by the right client or not. ``token`` is what it was exchanged
    for; it is revoked if the code is presented again.
    """

    digest = models.CharField(max_length=64, unique=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="login_codes", editable=False
    )
    redirect_uri = models.CharField(max_length=64)
    code_challenge = models.CharField(max_length=43)
    description = models.CharField(max_length=256)
    days = models.PositiveIntegerField(help_text=_("Validity of the token in days; 0 for one that does not expire."))
    created_date = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    token = models.ForeignKey(AccessToken, on_delete=models.SET_NULL, null=True, related_name="+", editable=False)

    class Meta:
        ordering = ("-created_date",)

    def __str__(self) -> str:
        return self.description
