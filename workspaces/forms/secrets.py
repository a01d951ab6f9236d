"""Form fields for secrets: they show whether one is set, never its value, and keep it if nothing is entered."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.forms.renderers import BaseRenderer
from django.utils.datastructures import MultiValueDict
from django.utils.safestring import SafeString

from workspaces.encryption import is_readable


class _Keep:
    """The value of a secret's field in which nothing was entered."""


KEEP: Final = _Keep()
CLEAR_SUFFIX = "-clear"


class SecretInput(forms.Textarea):
    """A text area that never shows a value: neither the stored one nor, after an error, the entered one.

    ``stored`` tells whether there is a value, ``unreadable`` whether it cannot be decrypted; ``clearable`` offers to
    remove it.
    """

    template_name = "terrakube/widgets/secret.html"
    stored = False
    unreadable = False
    clearable = True

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(
            {"rows": 2, "autocomplete": "off", "spellcheck": "false", "class": "tk-input tk-secret"} | (attrs or {})
        )

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, None, attrs)
        context["widget"] |= {
            "stored": self.stored,
            "unreadable": self.unreadable,
            "clear_name": f"{name}{CLEAR_SUFFIX}" if self.stored and self.clearable else "",
        }
        return context

    def render(
        self,
        name: str,
        value: Any,
        attrs: dict[str, Any] | None = None,
        renderer: BaseRenderer | None = None,
    ) -> SafeString:
        return super().render(name, None, attrs, renderer)

    def value_from_datadict(self, data: Any, files: MultiValueDict[str, Any], name: str) -> Any:
        text = super().value_from_datadict(data, files, name)
        if text:
            return text
        return "" if data.get(f"{name}{CLEAR_SUFFIX}") else KEEP

    def value_omitted_from_data(self, data: Any, files: MultiValueDict[str, Any], name: str) -> bool:
        return False

    def use_required_attribute(self, initial: Any) -> bool:
        # A stored value need not be entered again.
        return False


class SecretField(forms.CharField):
    """A secret as text; its clean value is KEEP if the stored one stays."""

    widget = SecretInput

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False, "strip": False} | kwargs)

    def clean(self, value: Any) -> Any:
        if value is KEEP and self.required:
            raise forms.ValidationError(self.error_messages["required"], code="required")
        return KEEP if value is KEEP else _unix_lines(super().clean(value))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return data is not KEEP


def _unix_lines(text: str) -> str:
    # Browsers send \r\n, which no reader of a private key expects.
    return text.replace("\r\n", "\n")


class SecretsForm(forms.ModelForm):  # type: ignore[type-arg]
    """A model's form whose ``secret_fields`` are shown as secrets."""

    secret_fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.secret_fields:
            if name not in self.fields:
                continue
            model_field = self._meta.model._meta.get_field(name)
            field = SecretField(label=self.fields[name].label, help_text=self.fields[name].help_text)
            field.widget.unreadable = not is_readable(self.instance, name)
            field.widget.stored = field.widget.unreadable or bool(self.instance.pk and getattr(self.instance, name))
            field.widget.clearable = bool(getattr(model_field, "blank", False))
            field.required = not field.widget.clearable and not field.widget.stored
            self.fields[name] = field
            self.initial.pop(name, None)

    def _post_clean(self) -> None:
        for name in self.secret_fields:
            if self.cleaned_data.get(name) is not KEEP:
                continue
            if is_readable(self.instance, name):
                self.cleaned_data[name] = getattr(self.instance, name)
            else:
                del self.cleaned_data[name]
        super()._post_clean()  # type: ignore[misc]
