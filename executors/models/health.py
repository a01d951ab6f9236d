"""Records of background processes, counters and checks of the installation."""

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class Beat(models.Model):
    """Last heartbeat of a background process; see ``executors.health.heartbeats``."""

    name = models.CharField(max_length=32, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Tally(models.Model):
    """A counter summed over all processes; see ``executors.metrics.store``."""

    name = models.CharField(max_length=80)
    labels = models.CharField(max_length=512, help_text=_("JSON, its keys sorted."))
    value = models.FloatField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("name", "labels"), name="one_tally_of_a_name_and_labels"),)

    def __str__(self) -> str:
        return f"{self.name}{self.labels}"


class CheckRun(models.Model):
    """One run of the doctor: its findings so far, and the progress of its probe pod."""

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    asked_by = models.CharField(max_length=256, blank=True, default="")
    found = models.JSONField(default=list, help_text=_("The rows of the table, as executors.doctor.report makes them."))
    probe = models.JSONField(null=True, help_text=_("How far the probe pod is; None without one."))

    class Meta:
        ordering = ("-started_at",)

    def __str__(self) -> str:
        return gettext("Check of %(moment)s") % {"moment": f"{self.started_at:%Y-%m-%d %H:%M}"}
