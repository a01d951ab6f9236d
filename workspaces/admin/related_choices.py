"""Select a related record in the panel's forms by typing part of its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect, AutocompleteSelectMultiple
from django.core.exceptions import ValidationError
from django.db import models

_SCRIPTS = ("terrakube/choose_record.js",)
"""In place of Select2, which needs jQuery: 53 kB on each form."""


def may_be_key(model: type[models.Model], text: object) -> bool:
    """Return whether a text could be the key of one of a model's records."""
    try:
        model._meta.pk.to_python(text)
    except ValidationError:
        return False
    return "\0" not in str(text)


class RecordSelect(AutocompleteSelect):
    """The select of one record that asks the server for what is typed.

    Django's own looks for whatever was sent, also for what is no key at all, and breaks where the form should say so.
    """

    names: Mapping[str, str] = {}
    """Names of records by their keys, read for many selects at once; others are read one by one."""

    def optgroups(self, name: str, value: Sequence[str], attr: Any = None) -> Any:
        related: Any = self.field.remote_field
        chosen = [one for one in value if not one or may_be_key(related.model, one)]
        if not all(one in self.names for one in chosen):
            return super().optgroups(name, chosen, attr)
        options = [] if self.is_required else [self.create_option(name, "", "", False, 0)]
        options += [self.create_option(name, one, self.names[one], True, 1) for one in chosen]
        return [(None, options, 0)]

    @property
    def media(self) -> forms.Media:
        return forms.Media(js=_SCRIPTS)


class RecordSelectMultiple(AutocompleteSelectMultiple):
    """The same for several records."""

    def optgroups(self, name: str, value: Sequence[str], attr: Any = None) -> Any:
        related: Any = self.field.remote_field
        return super().optgroups(name, [one for one in value if may_be_key(related.model, one)], attr)

    @property
    def media(self) -> forms.Media:
        return forms.Media(js=_SCRIPTS)
