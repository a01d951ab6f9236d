"""Credentials for a workspace's source: connections to a version control system, and SSH keys."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from workspaces.choices import ConnectionType, SshType, VcsStatus, VcsType
from workspaces.encryption import EncryptedTextField
from workspaces.models.base import Audited, Record
from workspaces.models.organization import Organization
from workspaces.querysets import SshQuerySet, VcsQuerySet


class Vcs(Record, Audited):
    """A connection to a version control system; its secrets are never shown again."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="vcs")
    name = models.CharField(max_length=64)
    description = models.CharField(max_length=264, blank=True, default="")
    vcs_type = models.CharField(max_length=16, choices=VcsType)
    connection_type = models.CharField(max_length=16, choices=ConnectionType, default=ConnectionType.OAUTH)
    client_id = models.CharField(max_length=512, null=True, blank=True)  # noqa: DJ001 - null is a value of the API
    client_secret = EncryptedTextField(blank=True, default="")
    private_key = EncryptedTextField(blank=True, default="")
    access_token = EncryptedTextField(blank=True, default="")
    callback = models.CharField(max_length=512, null=True, blank=True)  # noqa: DJ001
    endpoint = models.CharField(max_length=512, null=True, blank=True)  # noqa: DJ001
    api_url = models.CharField(max_length=512, null=True, blank=True)  # noqa: DJ001
    redirect_url = models.CharField(max_length=512, null=True, blank=True)  # noqa: DJ001
    status = models.CharField(max_length=16, choices=VcsStatus, default=VcsStatus.PENDING)
    all_repositories = models.BooleanField(
        default=False,
        help_text=_(
            "For a GitHub App: steps may read every repository of the installation, for modules from other private "
            "repositories. Otherwise their tokens read only the workspace's own repository."
        ),
    )
    # What the site keeps of its tokens; `vcs.connections` alone writes it.
    refresh_token = EncryptedTextField(blank=True, default="", editable=False)
    token_expiration = models.DateTimeField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    failed_tries = models.PositiveIntegerField(default=0, editable=False)
    limited_until = models.DateTimeField(
        null=True, editable=False, help_text=_("Until when the provider asked for no requests.")
    )
    next_try_at = models.DateTimeField(null=True, editable=False)
    refreshed_at = models.DateTimeField(null=True, editable=False)
    problem = models.JSONField(null=True, editable=False)
    problem_at = models.DateTimeField(null=True, editable=False)

    objects = VcsQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        verbose_name = "VCS connection"

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        super().clean()
        if self._state.adding and self.connection_type == ConnectionType.STANDALONE:
            # It needs no step in a browser, so that clients expect it to be complete.
            self.status = VcsStatus.COMPLETED


class Ssh(Record, Audited):
    """An SSH private key for sources or modules; never shown again."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="ssh")
    name = models.CharField(max_length=64)
    description = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001
    private_key = EncryptedTextField()
    ssh_type = models.CharField(max_length=16, choices=SshType, default=SshType.ED25519)
    allow_ssh_rsa = models.BooleanField(
        default=False,
        help_text=_("For old SSH servers that offer nothing newer. The algorithm rests on SHA-1, which is broken."),
    )

    objects = SshQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        verbose_name = "SSH key"

    def __str__(self) -> str:
        return self.name
