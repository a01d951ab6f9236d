"""What providers delivered, and what came of it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from terrakube_site.messages import from_json
from vcs.choices import DeliveryStatus, EventKind
from vcs.models.repository_hook import RepositoryHook
from vcs.querysets import DeliveryQuerySet
from workspaces.models import Job, Workspace
from workspaces.truncation import FittingField


class Delivery(models.Model):
    """One delivery of a webhook, stored before it is answered, and handled by a task.

    The key counts deliveries in the order in which they came. ``headers`` have only those that say what it is, and no
    secret. ``outcome`` is what came of it as a whole, a message as JSON; what came of it for each workspace, the
    outcomes say.
    """

    hook = models.ForeignKey(RepositoryHook, on_delete=models.CASCADE, related_name="deliveries")
    delivery_id = models.CharField(max_length=128, editable=False)
    received_at = models.DateTimeField(_("received"), auto_now_add=True)
    headers = models.JSONField(default=dict, editable=False)
    payload = models.BinaryField()
    status = models.CharField(max_length=16, choices=DeliveryStatus, default=DeliveryStatus.PENDING, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    next_try_at = models.DateTimeField(null=True, editable=False)
    handled_at = models.DateTimeField(null=True, editable=False)
    outcome = models.JSONField(null=True, editable=False)
    kind = models.CharField(_("event"), max_length=16, choices=EventKind, blank=True, default="", editable=False)
    ref = FittingField(_("branch or tag"), max_length=512, blank=True, default="", editable=False)
    commit = FittingField(max_length=64, blank=True, default="", editable=False)
    pull_request = models.PositiveBigIntegerField(null=True, editable=False)
    sender = FittingField(max_length=256, blank=True, default="", editable=False)
    title = FittingField(max_length=256, blank=True, default="", editable=False)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name_plural = _("deliveries")
        constraints = (models.UniqueConstraint(fields=("hook", "delivery_id"), name="one_delivery_of_an_id"),)
        indexes = (
            models.Index(
                fields=("next_try_at",),
                condition=Q(status__in=[DeliveryStatus.PENDING, DeliveryStatus.PROCESSING]),
                name="delivery_to_handle",
            ),
            models.Index(fields=("received_at",), name="delivery_received"),
        )

    def __str__(self) -> str:
        return gettext("Delivery %(number)s") % {"number": self.pk}

    @property
    def why(self) -> str:
        """What came of it, as a message."""
        return from_json(self.outcome) if self.outcome else ""


class DeliveryOutcome(models.Model):
    """What a delivery did for one workspace: a job, or why none."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="outcomes")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="delivery_outcomes")
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, related_name="+")
    code = models.CharField(max_length=32)
    outcome = models.JSONField()

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return str(self.why)

    @property
    def why(self) -> str:
        """What came of it, as a message."""
        return from_json(self.outcome)
