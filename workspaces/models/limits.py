"""Limits and deadlines of the runs of an organization or of one workspace."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext, gettext_lazy, gettext_noop

from workspaces import run_limits
from workspaces.models.base import Record
from workspaces.models.organization import Organization
from workspaces.models.workspace import Workspace
from workspaces.querysets import RunLimitsQuerySet
from workspaces.run_limits import INSTALLATION, ORGANIZATION, WORKSPACE, Levels

ORIGINS = {
    INSTALLATION: gettext_lazy("the installation"),
    ORGANIZATION: gettext_lazy("the organization"),
    WORKSPACE: gettext_lazy("the workspace"),
}
_ONE_OWNER = gettext_lazy("Limits are those of an organization or of a workspace.")


def _number(label: Any, help_text: Any, *, least: int, most: int) -> models.PositiveIntegerField[Any, Any]:
    validators = [MinValueValidator(least), MaxValueValidator(most)]
    return models.PositiveIntegerField(label, null=True, blank=True, help_text=help_text, validators=validators)


def _seconds(label: Any, help_text: Any, *, least: int = 10) -> models.PositiveIntegerField[Any, Any]:
    return _number(label, help_text, least=least, most=366 * 24 * 3600)


class RunLimits(Record):
    """What an organization or a workspace lays down for its runs; a field that is None leaves it to what is above."""

    NAMES = (gettext_noop("Limits of %(name)s"),)

    organization = models.OneToOneField(
        Organization, on_delete=models.CASCADE, null=True, blank=True, related_name="run_limits"
    )
    workspace = models.OneToOneField(
        Workspace, on_delete=models.CASCADE, null=True, blank=True, related_name="run_limits"
    )
    image_seconds = _seconds(
        gettext_lazy("image pull (s)"),
        gettext_lazy("How long an image that cannot be pulled is waited for before the step is tried anew."),
    )
    reference_seconds = _seconds(
        gettext_lazy("missing object (s)"),
        gettext_lazy("How long a Secret, ConfigMap or claim that is not there is waited for."),
    )
    unschedulable_seconds = _seconds(
        gettext_lazy("no node (s)"),
        gettext_lazy("How long a pod waits for a node. While a node is being added it may wait longer."),
    )
    claim_seconds = _seconds(
        gettext_lazy("first word (s)"),
        gettext_lazy("How long a container may run before its executor has claimed the step."),
        least=30,
    )
    silence_seconds = _seconds(
        gettext_lazy("silence (s)"),
        gettext_lazy("How long a running executor may say nothing before its step counts as lost."),
        least=60,
    )
    step_seconds = _seconds(
        gettext_lazy("whole step (s)"), gettext_lazy("Longest time from a pod's creation to its end."), least=60
    )
    retry_plans = models.BooleanField(
        gettext_lazy("retry lost plans"),
        null=True,
        blank=True,
        help_text=gettext_lazy(
            "A plan whose executor was lost while it ran is tried anew. Its scripts run again then; nothing else ever "
            "runs twice."
        ),
    )
    running_steps = _number(
        gettext_lazy("steps at once"), gettext_lazy("Most steps in execution at once."), least=1, most=1_000_000
    )
    running_applies = _number(
        gettext_lazy("applies at once"),
        gettext_lazy("Most of them that may change something: applies, destroys and scripts."),
        least=1,
        most=1_000_000,
    )
    share = _number(
        gettext_lazy("share"),
        gettext_lazy("Weight of an organization where several wait for the same room: 2 gets twice what 1 gets."),
        least=1,
        most=1000,
    )
    keep_jobs = _number(
        gettext_lazy("jobs kept"),
        gettext_lazy("Of how many ended jobs of a workspace logs and plans are kept."),
        least=1,
        most=1_000_000,
    )
    keep_log_days = _number(
        gettext_lazy("days kept"),
        gettext_lazy("How many days the logs of an ended job are kept."),
        least=1,
        most=36_600,
    )

    objects = RunLimitsQuerySet.as_manager()

    class Meta:
        verbose_name = gettext_lazy("limits of runs")
        verbose_name_plural = gettext_lazy("limits and deadlines")
        constraints = (
            models.CheckConstraint(
                condition=Q(organization__isnull=False, workspace__isnull=True)
                | Q(organization__isnull=True, workspace__isnull=False),
                name="limits_of_an_organization_or_of_a_workspace",
                violation_error_message=_ONE_OWNER,
            ),
        )

    def __str__(self) -> str:
        return gettext(self.NAMES[0]) % {"name": self.workspace or self.organization}

    def above(self) -> Levels:
        """The levels that are above this row's, the outermost first."""
        levels: list[tuple[str, Any]] = [(INSTALLATION, run_limits.of_installation())]
        if self.workspace is not None:
            row = RunLimits.objects.filter(organization=self.workspace.organization_id).first()
            levels += [(ORGANIZATION, row)] if row is not None else []
        return levels

    def clean(self) -> None:
        """Raises ValidationError for a deadline that is longer than what is above allows."""
        super().clean()
        if (self.organization is None) == (self.workspace is None):
            raise ValidationError(_ONE_OWNER)
        errors: dict[str, Any] = {}
        for name, limit in run_limits.longer_than_above(self, self.above()).items():
            errors[name] = gettext(
                "%(value)s s is longer than the %(limit)s s of %(origin)s, which can only be lowered."
            ) % {"value": getattr(self, name), "limit": limit.value, "origin": ORIGINS[limit.origin]}
        if self.workspace is not None and self.share is not None:
            errors["share"] = gettext("Only an organization has a share; a workspace has none.")
        if errors:
            raise ValidationError(errors)
