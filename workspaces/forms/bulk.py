"""The forms of what is done with many workspaces at once: one setting of the executor set, or a plan started."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from terrakube_site.sentences import translated
from workspaces import ephemeral
from workspaces.ephemeral import SETTINGS, EphemeralSyntaxError
from workspaces.ephemeral.variables import ENABLE
from workspaces.forms.ephemeral import TITLES

SET, TAKE_AWAY = "set", "take-away"


class SettingForm(forms.Form):
    """``wanted`` is the text to set, None to take the variable away."""

    name = forms.ChoiceField(
        label=_("Setting"),
        choices=lambda: [(name, f"{TITLES.get(name, name)} ({name})") for name in SETTINGS],
        initial=ENABLE,
        widget=forms.Select({"class": "tk-input"}),
    )
    what = forms.ChoiceField(
        label=_("What to do"),
        choices=[(SET, _("Set it to the text below")), (TAKE_AWAY, _("Take it away: what is inherited counts"))],
        initial=SET,
        widget=forms.Select({"class": "tk-input"}),
    )
    text = forms.CharField(
        label=_("Text"),
        required=False,
        widget=forms.TextInput({"class": "tk-input tk-mono", "spellcheck": "false", "autocomplete": "off"}),
        help_text=_("As the variable's grammar says; 1 or 0 for Runs in Kubernetes."),
    )

    @property
    def wanted(self) -> str | None:
        return str(self.cleaned_data["text"]) if self.cleaned_data["what"] == SET else None

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("what") == SET and "name" in data:
            try:
                ephemeral.validate(data["name"], data.get("text", ""))
            except EphemeralSyntaxError as error:
                self.add_error("text", translated(str(error)))
        return data


class PlanForm(forms.Form):
    """What is said of each job."""

    comment = forms.CharField(
        label=_("Comment"),
        max_length=512,
        required=False,
        widget=forms.TextInput({"class": "tk-input"}),
        help_text=_("Shown with each job."),
    )
