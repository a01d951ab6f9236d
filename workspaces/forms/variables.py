"""The form of one variable, of a workspace, an organization or a collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from terrakube_site.messages import translated
from workspaces.choices import Category
from workspaces.encryption import is_readable
from workspaces.forms.secrets import KEEP, SecretField

_NEEDS_VALUE = _("Enter the value to make this variable not sensitive: the stored value is never shown.")

_SHORT = {Category.TERRAFORM: "Terraform", Category.ENV: _("Environment")}


class VariableForm(forms.ModelForm):  # type: ignore[type-arg]
    """A variable; a sensitive value is never shown, and kept if nothing is entered."""

    wrong_settings: Mapping[str, str] = {}

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
            # A row has little space, and the column heading names the field.
            category.choices = [(key, _SHORT.get(key, name)) for key, name in category.choices]
        # A formset passes the stored record; the form of a new variable has none.
        self.was_sensitive = bool(not self.instance._state.adding and self.instance.sensitive)
        will_be = self.is_bound and self.data.get(self.add_prefix("sensitive")) not in (None, "", "false", "False")
        unreadable = not is_readable(self.instance, "value")
        if self.was_sensitive or will_be or unreadable:
            # A value just entered as sensitive is not written back into the page either.
            self.fields["value"] = SecretField(label=_("Value"))
            self.fields["value"].widget.attrs |= {"rows": 1, "aria-label": _("Value")}
            self.fields["value"].widget.unreadable = unreadable
            self.fields["value"].widget.stored = unreadable or (self.was_sensitive and bool(self.instance.value))
            self.initial.pop("value", None)

    def _post_clean(self) -> None:
        # A rule may be newer than a row; that must not block saving the other rows of the page.
        self.instance.under_policy = self.has_changed()
        if self.cleaned_data.get("value") is KEEP:
            # One that cannot be decrypted stays as it is stored.
            del self.cleaned_data["value"]
        super()._post_clean()  # type: ignore[misc]

    def clean_value(self) -> Any:
        value = self.cleaned_data["value"]
        if value is not KEEP:
            # Browsers send CRLF line ends, whatever they received.
            text = str(value).replace("\r\n", "\n")
            stored = (self.instance.value or "") if is_readable(self.instance, "value") else text
            return stored if stored.replace("\r\n", "\n") == text else text
        if not is_readable(self.instance, "value"):
            return KEEP
        return self.instance.value if self.was_sensitive else ""

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        kept = (
            self.was_sensitive
            and self.fields["value"].widget.value_from_datadict(self.data, self.files, self.add_prefix("value")) is KEEP
        )
        if kept and data.get("sensitive") is False and self.fields["value"].widget.stored:
            self.add_error("value", _NEEDS_VALUE)
        if self.has_changed() and data.get("key") in self.wrong_settings:
            self.add_error("value", translated(self.wrong_settings[data["key"]]))
        return data
