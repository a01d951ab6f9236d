"""The Terraform state of a workspace: its versions and its lock."""

import datetime as dt
from typing import Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from workspaces.choices import StateOrigin
from workspaces.encryption import EncryptedBinaryField
from workspaces.models.base import Audited, Record
from workspaces.models.job import Job
from workspaces.models.workspace import Workspace
from workspaces.querysets import WorkspaceScopedQuerySet
from workspaces.reasons import Reason, stored
from workspaces.truncation import FittingField

UPLOAD_SECONDS = 3600


class StateVersion(Record, Audited):
    """One state as Terraform wrote it (``history`` in the API)."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="state_versions")
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, related_name="state_versions")
    number = models.PositiveIntegerField(
        help_text=_("Number of the version in the workspace, from 1; the highest is current.")
    )
    serial = models.BigIntegerField(default=1)
    lineage = models.CharField(max_length=64, default="0")
    md5 = models.CharField(max_length=32, default="0")
    content = EncryptedBinaryField(null=True, help_text=_("Empty while the state is in storage that cannot be read."))
    json = EncryptedBinaryField(null=True, help_text=_("Output of `show -json`; empty until the executor sends it."))

    size = models.PositiveBigIntegerField(null=True, help_text=_("Size of the state in bytes."))
    resource_count = models.PositiveIntegerField(
        null=True, help_text=_("Number of resources that it manages; empty where that cannot be read from it.")
    )
    origin = models.CharField(max_length=16, choices=StateOrigin, blank=True, default="")
    copied_number = models.PositiveIntegerField(
        null=True, help_text=_("Number of the version that a rollback copied; that version may be gone.")
    )
    reason = FittingField(
        max_length=512, blank=True, default="", help_text=_("Why a user replaced the state that was current before.")
    )

    objects = WorkspaceScopedQuerySet.as_manager()

    class Meta:
        ordering = ("-number",)
        constraints = (models.UniqueConstraint(fields=("workspace", "number"), name="one_state_version_of_a_number"),)
        # The order of the list of all versions, which shows fifty of tens of thousands.
        indexes = (models.Index(fields=("created_date", "id"), name="state_version_in_order"),)

    def __str__(self) -> str:
        return gettext("State %(number)s") % {"number": self.number}


class StateUploadQuerySet(WorkspaceScopedQuerySet):
    def pending(self) -> Self:
        """Return those whose state may still arrive: the address to upload to is valid for an hour."""
        since = timezone.now() - dt.timedelta(seconds=UPLOAD_SECONDS)
        return self.filter(version=None, discarded=False, created_date__gt=since)


class StateUpload(Record, Audited):
    """A state that a terminal announced and uploads by itself; once it has arrived, ``version`` is what it became."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="state_uploads")
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, related_name="state_uploads")
    version = models.ForeignKey(StateVersion, on_delete=models.CASCADE, null=True, related_name="uploads")
    serial = models.BigIntegerField()
    lineage = models.CharField(max_length=64, blank=True, default="")
    md5 = models.CharField(max_length=32)
    force = models.BooleanField(default=False, help_text=_("Whether it may be another state or an older one."))
    discarded = models.BooleanField(default=False, help_text=_("Whether the workspace was unlocked before it arrived."))
    json = EncryptedBinaryField(null=True, help_text=_("Output of `show -json`, if it arrived before the state."))

    objects = StateUploadQuerySet.as_manager()

    class Meta:
        ordering = ("-created_date",)

    def __str__(self) -> str:
        return gettext("Upload of state %(serial)s") % {"serial": self.serial}


class RecoveredState(Record, Audited):
    """A state from an executor that the site refused as the current one, waiting for a user's decision."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="recovered_states")
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, related_name="recovered_states")
    serial = models.BigIntegerField()
    lineage = models.CharField(max_length=64)
    md5 = models.CharField(max_length=32)
    size = models.PositiveBigIntegerField(help_text=_("Size of the state in bytes."))
    content = EncryptedBinaryField()
    why = models.TextField(help_text=_("Why it did not become the current state."))
    why_words = models.JSONField(null=True, editable=False)

    objects = WorkspaceScopedQuerySet.as_manager()

    class Meta:
        ordering = ("-created_date",)

    def __str__(self) -> str:
        return gettext("Recovered state, serial %(serial)s") % {"serial": self.serial}

    @property
    def refusal(self) -> Reason:
        """Why the site refused it."""
        return stored("", self.why_words, self.why)


class StateLock(models.Model):
    """The holder of a workspace's state lock; there is no row while the state is unlocked."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, primary_key=True, related_name="state_lock")
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, related_name="state_locks")
    lock_id = models.CharField(max_length=128)
    info = models.JSONField(help_text=_("Terraform's lock info."))
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return gettext("Lock %(name)s") % {"name": self.lock_id}
