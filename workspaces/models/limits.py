"""Limits and timeouts for the runs of an organization or of one workspace."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext, gettext_lazy, gettext_noop

from terrakube_site.messages import Message, message
from workspaces import run_limits
from workspaces.models.base import NamedInWords, Record
from workspaces.models.organization import Organization
from workspaces.models.workspace import Workspace
from workspaces.querysets import RunLimitsQuerySet
from workspaces.run_limits import INSTALLATION, ORGANIZATION, WORKSPACE, Levels

ORIGINS = {
    INSTALLATION: gettext_lazy("the installation"),
    ORGANIZATION: gettext_lazy("the organization"),
    WORKSPACE: gettext_lazy("the workspace"),
}
_ONE_OWNER = gettext_lazy("Limits belong to either an organization or a workspace.")


def _number(label: Any, help_text: Any, *, least: int, most: int) -> models.PositiveIntegerField[Any, Any]:
    validators = [MinValueValidator(least), MaxValueValidator(most)]
    return models.PositiveIntegerField(label, null=True, blank=True, help_text=help_text, validators=validators)


def _seconds(label: Any, help_text: Any, *, least: int = 10) -> models.PositiveIntegerField[Any, Any]:
    return _number(label, help_text, least=least, most=366 * 24 * 3600)


class RunLimits(NamedInWords, Record):
    """The limits that an organization or a workspace sets for its runs; a field that is None inherits its value."""

    organization = models.OneToOneField(
        Organization, on_delete=models.CASCADE, null=True, blank=True, related_name="run_limits"
    )
    workspace = models.OneToOneField(
        Workspace, on_delete=models.CASCADE, null=True, blank=True, related_name="run_limits"
    )
    image_seconds = _seconds(
        gettext_lazy("image pull timeout"),
        gettext_lazy("How long to wait for an image that cannot be pulled, before a retry."),
    )
    reference_seconds = _seconds(
        gettext_lazy("missing object timeout"),
        gettext_lazy("How long to wait for a missing Secret, ConfigMap or volume claim."),
    )
    unschedulable_seconds = _seconds(
        gettext_lazy("scheduling timeout"),
        gettext_lazy("How long a pod may wait for a node. It may wait longer while the cluster adds a node."),
    )
    claim_seconds = _seconds(
        gettext_lazy("claim timeout"),
        gettext_lazy("How long a container may run before its executor claims the step."),
        least=30,
    )
    silence_seconds = _seconds(
        gettext_lazy("heartbeat timeout"),
        gettext_lazy("How long a running executor may send no heartbeat before its step counts as lost."),
        least=60,
    )
    step_seconds = _seconds(
        gettext_lazy("step timeout"), gettext_lazy("Maximum time from the creation of a pod to its end."), least=60
    )
    retry_plans = models.BooleanField(
        gettext_lazy("retry lost plans"),
        null=True,
        blank=True,
        help_text=gettext_lazy(
            "Retry a plan if its executor is lost while it runs. Its scripts then run again; no other step ever runs "
            "twice."
        ),
    )
    running_steps = _number(
        gettext_lazy("concurrent steps"),
        gettext_lazy("Maximum number of steps that run at once."),
        least=1,
        most=1_000_000,
    )
    running_applies = _number(
        gettext_lazy("concurrent applies"),
        gettext_lazy("Maximum number of applies, destroys and scripts that run at once."),
        least=1,
        most=1_000_000,
    )
    share = _number(
        gettext_lazy("share"),
        gettext_lazy("Weight when several organizations wait for capacity: 2 gets twice the capacity of 1."),
        least=1,
        most=1000,
    )
    keep_jobs = _number(
        gettext_lazy("job retention"),
        gettext_lazy("Number of ended jobs per workspace whose logs and plans are kept."),
        least=1,
        most=1_000_000,
    )
    keep_log_days = _number(
        gettext_lazy("log retention in days"),
        gettext_lazy("Number of days that the logs of an ended job are kept."),
        least=1,
        most=36_600,
    )
    keep_states = _number(
        gettext_lazy("state retention"),
        gettext_lazy("Number of newest state versions kept per workspace. The current one is always kept."),
        least=1,
        most=1_000_000,
    )
    drift_checks = models.BooleanField(
        gettext_lazy("drift checks"),
        null=True,
        blank=True,
        help_text=gettext_lazy(
            "Check automatically whether resources were changed outside of Terraform. A check applies nothing and "
            "gives way to every other job. Default: off."
        ),
    )
    drift_interval_hours = _number(
        gettext_lazy("hours between drift checks"),
        gettext_lazy("Hours between two checks of a workspace. Default: 24."),
        least=1,
        most=24 * 366,
    )
    drift_concurrent_checks = _number(
        gettext_lazy("concurrent drift checks"),
        gettext_lazy("Maximum number of drift checks of the organization at once. Default: 2."),
        least=1,
        most=1000,
    )
    drift_daily_checks = _number(
        gettext_lazy("drift checks a day"),
        gettext_lazy("Maximum number of drift checks of the organization in 24 hours. Default: 200."),
        least=1,
        most=1_000_000,
    )

    objects = RunLimitsQuerySet.as_manager()

    class Meta:
        verbose_name = gettext_lazy("run limits")
        verbose_name_plural = gettext_lazy("limits and timeouts")
        constraints = (
            models.CheckConstraint(
                condition=Q(organization__isnull=False, workspace__isnull=True)
                | Q(organization__isnull=True, workspace__isnull=False),
                name="limits_of_an_organization_or_of_a_workspace",
                violation_error_message=_ONE_OWNER,
            ),
        )

    @property
    def name_in_words(self) -> Message:
        return message(gettext_noop("Limits of {name}"), name=str(self.workspace or self.organization))

    def above(self) -> Levels:
        """Return the levels above this row, the outermost first."""
        levels: list[tuple[str, Any]] = [(INSTALLATION, run_limits.installation_limits())]
        if self.workspace is not None:
            row = RunLimits.objects.filter(organization=self.workspace.organization_id).first()
            levels += [(ORGANIZATION, row)] if row is not None else []
        return levels

    def clean(self) -> None:
        """Refuse a deadline longer than the levels above allow. Raises ValidationError."""
        super().clean()
        if (self.organization is None) == (self.workspace is None):
            raise ValidationError(_ONE_OWNER)
        errors: dict[str, Any] = {}
        for name, limit in run_limits.deadlines_above_limit(self, self.above()).items():
            errors[name] = gettext(
                "%(value)s s is longer than the %(limit)s s set by %(origin)s. That value can only be lowered."
            ) % {"value": getattr(self, name), "limit": limit.value, "origin": ORIGINS[limit.origin]}
        if self.workspace is not None and self.share is not None:
            errors["share"] = gettext("Only an organization can have a share, not a workspace.")
        for name in ("drift_concurrent_checks", "drift_daily_checks"):
            if self.workspace is not None and getattr(self, name) is not None:
                errors[name] = gettext("Only an organization can limit the number of drift checks, not a workspace.")
        if errors:
            raise ValidationError(errors)
