"""Run limits and timeouts, on the pages of an organization and of a workspace."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext, gettext_lazy
from unfold.admin import StackedInline

from workspaces import run_limits
from workspaces.admin.base import ADMINISTRATOR, RightsMixin
from workspaces.admin.record_rows import RowFormSet
from workspaces.models import Organization, RunLimits, Workspace
from workspaces.models.limits import ORIGINS
from workspaces.run_limits import LevelRule, Levels

_DEADLINES = (
    gettext_lazy("Timeouts, in seconds"),
    {
        "fields": (
            "unschedulable_seconds",
            "image_seconds",
            "reference_seconds",
            "claim_seconds",
            "silence_seconds",
            "step_seconds",
            "retry_plans",
        )
    },
)
_AT_ONCE = gettext_lazy("Concurrency")
_KEPT = (
    gettext_lazy("Retention of ended jobs and states"),
    {"fields": ("keep_jobs", "keep_log_days", "keep_states")},
)
_DRIFT = gettext_lazy("Drift checks")
_YES_NO = (("unknown", gettext_lazy("Inherited")), ("true", gettext_lazy("Yes")), ("false", gettext_lazy("No")))


def said_in_force(name: str, levels: Levels) -> str:
    """Describe which value of a limit is in force, and which level sets it."""
    found = run_limits.limit_in_force(name, levels)
    if found.value is None:
        return gettext("In force: no limit.")
    if isinstance(found.value, bool):
        value = gettext("yes") if found.value else gettext("no")
    else:
        value = f"{found.value} s" if run_limits.LEVEL_RULES[name] is LevelRule.LOWEST else str(found.value)
    return gettext("In force: %(value)s, set by %(origin)s.") % {"value": value, "origin": ORIGINS[found.origin]}


class RunLimitsForm(forms.ModelForm):  # type: ignore[type-arg]
    """Shows the value in force at each field."""

    owner: Organization | Workspace | None = None
    above: ClassVar[list[tuple[str, Any]]] = []
    """The levels above the owner, as soon as one of the page's forms has looked them up."""

    class Meta:
        model = RunLimits
        fields = "__all__"  # noqa: DJ007 - the inline says which

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in {"retry_plans", "drift_checks"} & self.fields.keys():
            self.fields[name].widget.choices = _YES_NO
        if self.owner is None:
            return
        row, level = self.instance, run_limits.ORGANIZATION
        if isinstance(self.owner, Workspace):
            row.workspace, level = self.owner, run_limits.WORKSPACE
        else:
            row.organization = self.owner
        if not self.above:
            # The row that a script copies has the same.
            self.above.extend(row.above())
        levels = [*self.above, (level, row)]
        for name, field in self.fields.items():
            if name in run_limits.LEVEL_RULES:
                field.help_text = f"{field.help_text} {said_in_force(name, levels)}"


class _RunLimitsInline(RightsMixin, StackedInline):  # type: ignore[misc]
    model = RunLimits
    form = RunLimitsForm
    formset = RowFormSet
    extra = 1
    max_num = 1
    can_delete = False
    show_title = False
    # unfold's own way of folding leans on a name that is nowhere defined.
    template = "terrakube/folded_inline.html"
    verbose_name = gettext_lazy("limits and timeouts: an empty field inherits its value")
    verbose_name_plural = verbose_name

    def get_formset(self, request: HttpRequest, obj: models.Model | None = None, **kwargs: Any) -> Any:
        kwargs["form"] = type("OwnedRunLimitsForm", (self.form,), {"owner": obj, "above": []})
        return super().get_formset(request, obj, **kwargs)


class OrganizationLimitsInline(_RunLimitsInline):
    right = ADMINISTRATOR
    fieldsets = (
        _DEADLINES,
        (_AT_ONCE, {"fields": ("running_steps", "running_applies", "share")}),
        _KEPT,
        (
            _DRIFT,
            {
                "fields": (
                    "drift_checks",
                    "drift_interval_hours",
                    "drift_concurrent_checks",
                    "drift_daily_checks",
                )
            },
        ),
    )


class WorkspaceLimitsInline(_RunLimitsInline):
    right = "manage_workspace"
    fieldsets = (
        _DEADLINES,
        (_AT_ONCE, {"fields": ("running_steps",)}),
        _KEPT,
        (_DRIFT, {"fields": ("drift_checks", "drift_interval_hours")}),
    )
