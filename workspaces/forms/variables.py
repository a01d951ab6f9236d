"""The form of one variable, of a workspace, an organization or a collection."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from workspaces.choices import Category
from workspaces.forms.secrets import KEEP, SecretField

_NEEDS_VALUE = _("To show this variable again, enter its value: the stored one is never shown.")

_SHORT = {Category.TERRAFORM: "Terraform", Category.ENV: _("Environment")}


class VariableForm(forms.ModelForm):  # type: ignore[type-arg]
    """A variable; the value of a sensitive one is kept when nothing is typed, and never shown."""

    value = forms.CharField(
        required=False,
        strip=False,
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": 1, "class": "tk-value", "spellcheck": "false", "aria-label": _("Value")}
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        category: Any = self.fields.get("category")
        if category is not None:
            # In a row there is little room, and the heading says what it is.
            category.choices = [(key, _SHORT.get(key, name)) for key, name in category.choices]
        # A form set asks for the stored record; a form for a new one has none.
        self.was_sensitive = bool(not self.instance._state.adding and self.instance.sensitive)
        will_be = self.is_bound and self.data.get(self.add_prefix("sensitive")) not in (None, "", "false", "False")
        if self.was_sensitive or will_be:
            # What was just typed as sensitive isn't written into the page again either.
            self.fields["value"] = SecretField(label=_("Value"))
            self.fields["value"].widget.attrs |= {"rows": 1, "aria-label": _("Value")}
            self.fields["value"].widget.stored = self.was_sensitive and bool(self.instance.value)
            self.initial.pop("value", None)

    def _post_clean(self) -> None:
        # A rule may be newer than a row, which must not keep the others of its page from being saved.
        self.instance.under_policy = self.has_changed()
        super()._post_clean()  # type: ignore[misc]

    def clean_value(self) -> str:
        value = self.cleaned_data["value"]
        if value is not KEEP:
            return str(value).replace("\r\n", "\n")
        return self.instance.value if self.was_sensitive else ""

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        kept = (
            self.was_sensitive
            and self.fields["value"].widget.value_from_datadict(self.data, self.files, self.add_prefix("value")) is KEEP
        )
        if kept and data.get("sensitive") is False and self.instance.value:
            self.add_error("value", _NEEDS_VALUE)
        return data
