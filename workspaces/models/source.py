"""Uploaded sources: configurations that are uploaded as an archive instead of cloned from git."""

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from workspaces.encryption import EncryptedBinaryField
from workspaces.models.acting import ActsFor
from workspaces.models.base import Audited, Record
from workspaces.models.workspace import Workspace


class ConfigurationVersion(Record, Audited, ActsFor):
    """A tar.gz of a configuration, as Terraform's cloud protocol uploads it.

    It acts for who made it: ``auto_queue_runs`` starts a job of theirs when the archive arrives.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="configuration_versions")
    content = EncryptedBinaryField(null=True, help_text=_("Empty until the archive is uploaded."))
    speculative = models.BooleanField(default=False)
    auto_queue_runs = models.BooleanField(default=False)
    provisional = models.BooleanField(
        default=False, help_text=_("Used only by jobs that name it, such as those of saved plans.")
    )
    empty = models.BooleanField(
        default=False,
        editable=False,
        help_text=_("Whether the archive holds no file; no other job takes it as source."),
    )
    archived = models.BooleanField(default=False, editable=False, help_text=_("Whether the archive was removed."))

    class Meta:
        ordering = ("-created_date",)

    def __str__(self) -> str:
        return gettext("Source of %(moment)s") % {"moment": f"{self.created_date:%Y-%m-%d %H:%M}"}
