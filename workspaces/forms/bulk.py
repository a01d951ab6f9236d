"""Forms for changing many workspaces at once: set one setting of the executor, move them, or start a plan."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from terrakube_site.messages import translated
from workspaces import pods
from workspaces.forms.ephemeral import editor_of, title_of
from workspaces.forms.workspaces import ProjectField
from workspaces.models import Project, Workspace
from workspaces.pods import ALL_SETTINGS, EphemeralSyntaxError
from workspaces.pods.catalogue import ENABLE
from workspaces.services.bulk import has_sensitive

SET, TAKE_AWAY = "set", "take-away"


class SettingForm(forms.Form):
    """Sets or removes a setting; ``wanted`` is the new text, None to remove the variable.

    ``setting`` is the one whose control is shown.
    """

    name = forms.ChoiceField(
        label=_("Setting"),
        choices=lambda: [(name, f"{title_of(name)} ({name})") for name in ALL_SETTINGS],
        initial=ENABLE,
        widget=forms.Select({"class": "tk-input"}),
    )
    what = forms.ChoiceField(
        label=_("Action"),
        choices=[(SET, _("Set the value below")), (TAKE_AWAY, _("Remove the value and inherit it"))],
        initial=SET,
        widget=forms.Select({"class": "tk-input"}),
    )
    text = forms.CharField(
        label=_("Value"),
        required=False,
        widget=forms.TextInput({"class": "tk-input tk-mono", "spellcheck": "false", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, chosen: Iterable[Workspace] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._chosen = chosen
        self.setting = ALL_SETTINGS.get(str(self["name"].value()), ALL_SETTINGS[ENABLE])
        field = self.fields["text"]
        if self.setting.name == ENABLE:
            known = [("1", _("In Kubernetes")), ("0", _("On the machine of the worker"))]
            typed = str(self.data.get("text", "") if self.is_bound else "")
            # Another text with the same meaning stays what it is.
            choices = known if typed in {"", "1", "0"} else [*known, (typed, typed)]
            field.widget = forms.Select({"class": "tk-input"}, choices)
        else:
            field.widget.attrs["placeholder"] = self.setting.example

    @property
    def editor(self) -> str:
        """Which control of the page's script edits the value."""
        return editor_of(self.setting.name)

    @property
    def wanted(self) -> str | None:
        return str(self.cleaned_data["text"]) if self.cleaned_data["what"] == SET else None

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("what") == SET and "name" in data:
            try:
                pods.validate(data["name"], data.get("text", ""))
            except EphemeralSyntaxError as error:
                hidden = has_sensitive(self._chosen, data["name"])
                self.add_error("text", translated(str(error.untold() if hidden else error)))
        return data


class MoveForm(forms.Form):
    """The project that workspaces are moved into; none takes them out of theirs."""

    def __init__(self, *args: Any, projects: QuerySet[Project], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = ProjectField(projects, names_organization=True, widget=forms.Select({"class": "tk-input"}))
        field.empty_label = _("None: take the workspaces out of their projects")
        self.fields["project"] = field


class PlanForm(forms.Form):
    """Comment for each job."""

    comment = forms.CharField(
        label=_("Comment"),
        max_length=512,
        required=False,
        widget=forms.TextInput({"class": "tk-input"}),
        help_text=_("Shown with each job."),
    )
