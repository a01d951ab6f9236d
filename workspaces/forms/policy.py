"""The form of a policy rule: each setting by its title, lists with one entry per line."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from workspaces.forms.ephemeral import title_of
from workspaces.models import PolicyRule
from workspaces.pods import ALL_SETTINGS

_TEXTS = ("value", "allowed", "refused")


class PolicyRuleForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = PolicyRule
        fields = ("organization", "setting", "effect", "value", "allowed", "refused", "minimum", "maximum", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in _TEXTS:
            if name in self.fields:
                rows = 1 if name == "value" else 3
                self.fields[name].widget = UnfoldAdminTextareaWidget(
                    attrs={"rows": rows, "class": "tk-mono", "spellcheck": "false"}
                )
        if "setting" in self.fields:
            choices = [("", _("Choose one")), *((name, f"{title_of(name)} ({name})") for name in ALL_SETTINGS)]
            self.fields["setting"].widget = UnfoldAdminSelectWidget(choices=choices)
            self.fields["setting"].help_text = _("The variable that the rule applies to.")

        for name in ("minimum", "maximum"):
            if name in self.fields:
                self.fields[name].help_text = _("For quantities, such as 512Mi or 2.")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        for name in _TEXTS:
            if isinstance(data.get(name), str):
                data[name] = data[name].replace("\r\n", "\n").strip()
        return data
