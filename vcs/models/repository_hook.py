"""Webhooks as they are at the providers: one for each repository, or for a workspace that has its own."""

from __future__ import annotations

import secrets

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from terrakube_site.messages import from_json
from vcs.querysets import RepositoryHookQuerySet
from workspaces.encryption import EncryptedTextField
from workspaces.models import Vcs
from workspaces.models.base import Record

_SCHEME = "https://"


def make_secret() -> str:
    """Return a new secret of a webhook."""
    return secrets.token_urlsafe(32)


class RepositoryHook(Record):
    """A webhook at a provider, which a task registers, changes and removes.

    It belongs to one connection: who controls another connection's server does not learn the secret, and so cannot
    start jobs of this one's workspaces. ``webhook_id`` is the webhook of a workspace that has its own, None where all
    workspaces of the repository share this one; it is no foreign key, since the row must outlive that webhook until the
    provider has removed its part. ``events`` is what is registered.
    """

    vcs = models.ForeignKey(Vcs, on_delete=models.CASCADE, related_name="repository_hooks")
    repository_url = models.CharField(_("repository"), max_length=1024, editable=False)
    source = models.CharField(max_length=1024, editable=False, help_text=_("The address as a workspace writes it."))
    webhook_id = models.UUIDField(null=True, unique=True, editable=False)
    remote_hook_id = models.TextField(_("id at the provider"), blank=True, default="", editable=False)
    secret = EncryptedTextField(default=make_secret, editable=False)
    events = models.JSONField(default=list, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    registered_at = models.DateTimeField(_("registered"), null=True, editable=False)
    problem = models.JSONField(null=True, editable=False, help_text=_("Why the provider did not register it."))
    failed_tries = models.PositiveIntegerField(default=0, editable=False)
    next_try_at = models.DateTimeField(null=True, editable=False)
    lease_until = models.DateTimeField(
        null=True, editable=False, help_text=_("While one process talks to the provider.")
    )
    last_delivery_at = models.DateTimeField(_("last delivery"), null=True, editable=False)
    counted_minute = models.BigIntegerField(default=0, editable=False, help_text=_("Minutes since 1970."))
    minute_deliveries = models.PositiveIntegerField(default=0, editable=False)
    counted_day = models.BigIntegerField(default=0, editable=False, help_text=_("Days since 1970."))
    day_bytes = models.PositiveBigIntegerField(default=0, editable=False)
    limited_until = models.DateTimeField(
        null=True, editable=False, help_text=_("Until when its deliveries are refused, since there were too many.")
    )

    objects = RepositoryHookQuerySet.as_manager()

    class Meta:
        ordering = ("repository_url",)
        verbose_name = _("repository webhook")
        constraints = (
            models.UniqueConstraint(
                fields=("vcs", "repository_url"), condition=Q(webhook_id=None), name="one_shared_hook_of_a_repository"
            ),
        )

    def __str__(self) -> str:
        return self.repository_url.removeprefix(_SCHEME)

    @property
    def why(self) -> str:
        """The problem as a message; empty for none."""
        return from_json(self.problem) if self.problem else ""

    @property
    def path(self) -> str:
        """The path at this site to which the provider delivers."""
        return f"/webhook/v2/{self.pk}" if self.webhook_id is None else f"/webhook/v1/{self.webhook_id}"
