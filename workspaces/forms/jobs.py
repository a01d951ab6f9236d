"""Forms to start and decide jobs, and to upload a source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from terrakube_site.messages import translated
from workspaces import flows
from workspaces.jobs.start_rules import Starter, parsed, why_not_template
from workspaces.models import Template
from workspaces.models.job import HIGHEST_PRIORITY

_INPUT = {"class": "tk-input"}


def _only_planning(templates: Iterable[Template]) -> list[Template]:
    """Return the templates that only plan; Terrakube's template Plan comes first."""
    found = []
    for template in templates:
        with suppress(flows.FlowError):
            if flows.is_plan_only(parsed(template.tcl)):
                found.append(template)
    return sorted(found, key=lambda one: (one.name != "Plan", one.name))


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


class _TemplateSelect(forms.Select):
    """A select of templates that shows those a user may not start, but disabled."""

    refused: Mapping[str, str] = {}

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        why = self.refused.get(str(value))
        if why:
            option["attrs"] |= {"disabled": True, "title": translated(why)}
        return option


class StartJobForm(forms.Form):
    """What a new job of a workspace runs, and with which options.

    ``first_plan`` is the template of a workspace's first plan; None if the user may start none that only plans.
    """

    first_plan: Template | None = None

    template = forms.ModelChoiceField(Template.objects.none(), label=_("Template"), widget=_TemplateSelect(_INPUT))
    comments = forms.CharField(
        label=_("Comment"),
        max_length=512,
        required=False,
        widget=forms.TextInput(_INPUT),
        help_text=_("Shown with the job."),
    )
    targets = forms.CharField(
        label=_("Target"),
        required=False,
        widget=forms.Textarea(_INPUT | {"rows": 3, "spellcheck": "false"}),
        help_text=_(
            "One resource or module address per line: module.network.aws_vpc.main. The plan covers only these and "
            "what they depend on; a destroy, only these and what depends on them."
        ),
    )
    replaces = forms.CharField(
        label=_("Replace"),
        required=False,
        widget=forms.Textarea(_INPUT | {"rows": 2, "spellcheck": "false"}),
        help_text=_(
            "Resources to replace, one address per line. Without targets the plan covers everything, and other "
            "changes are applied only after an approval."
        ),
    )
    refresh = forms.BooleanField(
        label=_("Refresh"), required=False, initial=True, help_text=_("Compare the state with the real resources.")
    )
    refresh_only = forms.BooleanField(
        label=_("Refresh only"), required=False, help_text=_("Update the state only and change no resources.")
    )
    auto_apply = forms.BooleanField(
        label=_("Auto-approve"), required=False, help_text=_("Skip the approvals of the template.")
    )
    priority = forms.IntegerField(
        label=_("Priority"),
        required=False,
        initial=0,
        min_value=-HIGHEST_PRIORITY,
        max_value=HIGHEST_PRIORITY,
        widget=forms.NumberInput(_INPUT),
        help_text=_(
            "When a limit on concurrent steps makes jobs of an organization wait, the highest priority goes first."
        ),
    )
    branch = forms.CharField(
        label=_("Branch"),
        required=False,
        max_length=128,
        widget=forms.TextInput(_INPUT),
        help_text=_("Branch, tag or commit to use instead of the workspace's."),
    )

    def __init__(self, *args: Any, starter: Starter, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        workspace, own = starter.workspace, starter.own
        if not own.manage_workspace:
            del self.fields["priority"]
        if not own.approve_job and "auto_apply" not in self.data:
            # If it is sent all the same, the service refuses it.
            del self.fields["auto_apply"]
        self._offer_templates(starter)
        self.fields["branch"].widget.attrs["placeholder"] = workspace.first_branch
        if workspace.uploaded_source:
            del self.fields["branch"]

    def _offer_templates(self, starter: Starter) -> None:
        """List the templates and select the workspace's default, or else one that only plans."""
        templates = list(Template.objects.filter(organization_id=starter.workspace.organization_id).order_by("name"))
        refused = {str(one.pk): why for one in templates if (why := why_not_template(one, starter))}
        field: Any = self.fields["template"]
        field.queryset = Template.objects.filter(organization_id=starter.workspace.organization_id).defer("tcl")
        if not starter.own.plan_job:
            # No template can be started; the service reports why.
            refused = {}
        field.widget.refused = refused
        open_ones = [one for one in templates if str(one.pk) not in refused]
        preferred = [one for one in open_ones if one.pk == starter.workspace.default_template_id]
        plans = _only_planning(open_ones)
        field.initial = next(iter([*preferred, *plans]), None)
        if starter.own.plan_job:
            self.first_plan = next(iter([*(one for one in preferred if one in plans), *plans]), None)
        if refused:
            names = ", ".join(one.name for one in templates if str(one.pk) in refused)
            field.help_text = gettext("You may not start these templates here: %(names)s.") % {"names": names}

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
