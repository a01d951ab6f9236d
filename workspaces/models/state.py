"""The Terraform state of a workspace: its versions, its lock."""

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from workspaces.encryption import EncryptedBinaryField
from workspaces.models.base import Audited, Record
from workspaces.models.job import Job
from workspaces.models.workspace import Workspace
from workspaces.querysets import WorkspaceScopedQuerySet


class StateVersion(Record, Audited):
    """One state as Terraform wrote it (``history`` in the API)."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="state_versions")
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, related_name="state_versions")
    number = models.PositiveIntegerField(help_text=_("Counts the workspace's versions from 1; the highest is current."))
    serial = models.BigIntegerField(default=1)
    lineage = models.CharField(max_length=64, default="0")
    md5 = models.CharField(max_length=32, default="0")
    content = EncryptedBinaryField(null=True, help_text=_("None while it lies in storage that could not be read."))
    json = EncryptedBinaryField(
        null=True, help_text=_("What `show -json` says of it; none until the executor sent it.")
    )

    objects = WorkspaceScopedQuerySet.as_manager()

    class Meta:
        ordering = ("-number",)
        constraints = (models.UniqueConstraint(fields=("workspace", "number"), name="one_state_version_of_a_number"),)

    def __str__(self) -> str:
        return gettext("State %(number)s") % {"number": self.number}


class StateLock(models.Model):
    """Who holds a workspace's state; there is no row while nobody does."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, primary_key=True, related_name="state_lock")
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, related_name="state_locks")
    lock_id = models.CharField(max_length=128)
    info = models.JSONField(help_text=_("Terraform's lock info."))
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return gettext("Lock %(name)s") % {"name": self.lock_id}
