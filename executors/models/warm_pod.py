"""Pods that are started before any step needs them, and wait for one; only ``executors.warm.records`` writes them."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from executors.choices import WarmState
from executors.models.attempt import Attempt, new_nonce


class WarmPod(models.Model):
    """One pod of the pool, as one Kubernetes Job; it runs at most one step, and never returns to the pool."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    shape = models.CharField(max_length=64, help_text=_("Fingerprint of the manifest that a step must have to use it."))
    state = models.CharField(max_length=16, choices=WarmState, default=WarmState.STARTING)
    attempt = models.OneToOneField(Attempt, on_delete=models.SET_NULL, null=True, related_name="warm_pod")
    nonce = models.CharField(max_length=32, default=new_nonce, help_text=_("What the one-time token is derived from."))
    session_hash = models.CharField(
        max_length=64, blank=True, default="", help_text=_("SHA-256 of the session that waits; no other may.")
    )
    namespace = models.CharField(max_length=63)
    job_name = models.CharField(max_length=63)
    pod_name = models.CharField(max_length=253, blank=True, default="")
    created_at = models.DateTimeField()
    waiting_since = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True, help_text=_("When its executor was last known to wait."))

    class Meta:
        ordering = ("created_at",)
        indexes = (models.Index(fields=("state", "shape"), name="warm_pod_state_shape"),)

    def __str__(self) -> str:
        return self.job_name
