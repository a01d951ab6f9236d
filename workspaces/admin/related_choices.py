"""Select a related record in the panel's forms by typing part of its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect, AutocompleteSelectMultiple
from django.core.exceptions import ValidationError
from django.db import models

from workspaces.models import Organization
from workspaces.services.records import organization_of

_SCRIPTS = ("terrakube/choose_record.js",)
"""In place of Select2, which needs jQuery: 53 kB on each form."""


def may_be_key(model: type[models.Model], text: object) -> bool:
    """Return whether a text could be the key of one of a model's records."""
    try:
        model._meta.pk.to_python(text)
    except ValidationError:
        return False
    return "\0" not in str(text)


def offer_within(fields: Mapping[str, Any], record: models.Model | None) -> None:
    """Let the selects of a record's form offer what belongs to its organization, as saving refuses all else.

    None is a new record: its form has a field for the organization, whose choice the script sends.
    """
    if record is None:
        return
    for field in fields.values():
        widget = getattr(field.widget, "widget", field.widget)
        if isinstance(widget, (RecordSelect, RecordSelectMultiple)) and _has_organization(
            widget.choices.queryset.model
        ):
            widget.attrs["data-organization"] = str(organization_of(record).pk)


def of_organization(records: models.QuerySet[Any], key: str) -> models.QuerySet[Any]:
    """Return the records of the organization with this key; all for an empty key, or if they belong to none."""
    if not key or not _has_organization(records.model):
        return records
    return records.filter(organization=key) if may_be_key(Organization, key) else records.none()


def _has_organization(model: type[models.Model]) -> bool:
    return any(field.name == "organization" for field in model._meta.fields)


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
