"""The forms by which a person starts and decides jobs, and uploads a source."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from workspaces.models import Template, Workspace
from workspaces.models.job import HIGHEST_PRIORITY

_INPUT = {"class": "tk-input"}


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


class StartJobForm(forms.Form):
    """What a new job of a workspace runs, and on which part of it."""

    template = forms.ModelChoiceField(Template.objects.none(), label=_("Template"), widget=forms.Select(_INPUT))
    comments = forms.CharField(
        label=_("Comment"),
        max_length=512,
        required=False,
        widget=forms.TextInput(_INPUT),
        help_text=_("Shown with the job."),
    )
    targets = forms.CharField(
        label=_("Targets"),
        required=False,
        widget=forms.Textarea(_INPUT | {"rows": 3, "spellcheck": "false"}),
        help_text=_("Resource addresses to which the plan is confined, one a line: module.network.aws_vpc.main"),
    )
    replaces = forms.CharField(
        label=_("Replace"),
        required=False,
        widget=forms.Textarea(_INPUT | {"rows": 2, "spellcheck": "false"}),
        help_text=_("Resource addresses that are made anew, one a line."),
    )
    refresh = forms.BooleanField(
        label=_("Refresh"), required=False, initial=True, help_text=_("Compare the state with what is really there.")
    )
    refresh_only = forms.BooleanField(
        label=_("Refresh only"), required=False, help_text=_("Change the state only, no resource.")
    )
    auto_apply = forms.BooleanField(
        label=_("Approve by itself"), required=False, help_text=_("Approvals of the template are taken as given.")
    )
    priority = forms.IntegerField(
        label=_("Priority"),
        required=False,
        initial=0,
        min_value=-HIGHEST_PRIORITY,
        max_value=HIGHEST_PRIORITY,
        widget=forms.NumberInput(_INPUT),
        help_text=_("Where a limit on steps at once makes jobs of an organization wait, the highest goes on first."),
    )
    branch = forms.CharField(
        label=_("Branch"),
        required=False,
        max_length=128,
        widget=forms.TextInput(_INPUT),
        help_text=_("A branch, tag or commit instead of the workspace's."),
    )

    def __init__(self, *args: Any, workspace: Workspace, may_prioritize: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may_prioritize:
            del self.fields["priority"]
        templates = Template.objects.filter(organization_id=workspace.organization_id)
        field = self.fields["template"]
        field.queryset = templates.defer("tcl")  # type: ignore[attr-defined]
        field.initial = workspace.default_template_id or templates.filter(name="Plan and apply").first()
        self.fields["branch"].widget.attrs["placeholder"] = workspace.first_branch
        if workspace.uploaded_source:
            del self.fields["branch"]

    def clean_targets(self) -> tuple[str, ...]:
        return _lines(self.cleaned_data["targets"])

    def clean_replaces(self) -> tuple[str, ...]:
        return _lines(self.cleaned_data["replaces"])


class DecisionForm(forms.Form):
    comment = forms.CharField(max_length=400, required=False)


class LockForm(forms.Form):
    reason = forms.CharField(max_length=512, required=False)


class UploadForm(forms.Form):
    archive = forms.FileField(help_text=_("A tar.gz of the configuration."))
