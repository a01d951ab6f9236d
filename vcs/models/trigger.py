"""Which events of repositories have started a job, so that none does twice."""

from __future__ import annotations

from django.db import models

from vcs.models.delivery import Delivery
from workspaces.choices import WebhookEventType
from workspaces.models import Job, WebhookEvent, Workspace
from workspaces.truncation import FittingField


class Trigger(models.Model):
    """An event that started a job on a workspace: the same commit starts none again.

    ``commit`` is the name of the tag where a release says no commit. ``pull_request`` is 0 for none. ``number`` is the
    delivery's key, by which newer events are told from older ones; it stays when the delivery is gone.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="triggers")
    event = models.CharField(max_length=16, choices=WebhookEventType)
    commit = FittingField(max_length=512)
    pull_request = models.PositiveBigIntegerField(default=0)
    ref = FittingField(max_length=512, blank=True, default="")
    job = models.OneToOneField(Job, on_delete=models.SET_NULL, null=True, related_name="trigger")
    rule = models.ForeignKey(WebhookEvent, on_delete=models.SET_NULL, null=True, related_name="+")
    delivery = models.ForeignKey(Delivery, on_delete=models.SET_NULL, null=True, related_name="triggers")
    number = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.UniqueConstraint(
                fields=("workspace", "event", "commit", "pull_request"), name="one_job_of_an_event"
            ),
        )
        indexes = (
            models.Index(fields=("workspace", "event", "pull_request", "number"), name="trigger_of_workspace"),
            models.Index(fields=("created_at",), name="trigger_created"),
        )

    def __str__(self) -> str:
        return f"{self.event} {self.commit}"
