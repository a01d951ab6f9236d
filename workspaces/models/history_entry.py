"""The entries of the histories of workspaces and organizations."""

from django.db import models
from django.utils import timezone

from terrakube_site.database.built_writes import WrittenOften
from workspaces.choices import ActorKind, Door, HistoryVerb
from workspaces.encryption import EncryptedTextField


class HistoryEntry(WrittenOften):
    """What was done to a record, by whom and by which door.

    It holds keys and names, not references, so that it stays when its record, workspace or organization is deleted.
    """

    at = models.DateTimeField(default=timezone.now)
    organization_key = models.UUIDField(null=True)
    workspace_key = models.UUIDField(null=True)
    workspace_name = models.CharField(max_length=256, blank=True, default="")
    kind = models.CharField(max_length=32)
    record = models.CharField(max_length=256, blank=True, default="")
    record_key = models.CharField(max_length=64, blank=True, default="")
    verb = models.CharField(max_length=16, choices=HistoryVerb)
    changed_fields = models.TextField(blank=True, default="")
    who = models.CharField(max_length=256, blank=True, default="")
    who_kind = models.CharField(max_length=16, choices=ActorKind)
    door = models.CharField(max_length=16, choices=Door)
    sentence = models.JSONField(null=True)
    kept_values = EncryptedTextField(blank=True, default="")
    log_entry = models.OneToOneField("auditlog.LogEntry", on_delete=models.SET_NULL, null=True, related_name="history")

    class Meta:
        verbose_name = "history entry"
        verbose_name_plural = "history entries"
        ordering = ("-at", "-id")
        indexes = (
            models.Index(fields=("workspace_key", "at", "id"), name="history_of_a_workspace"),
            models.Index(fields=("organization_key", "at", "id"), name="history_of_an_organization"),
            models.Index(fields=("organization_key", "kind", "at"), name="history_of_a_kind"),
            models.Index(fields=("at", "id"), name="history_by_age"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.record} {self.verb}"
