"""Describe django-auditlog's entries in words: for the list of changes, and for the history of one record."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from typing import Any

from auditlog.models import LogEntry
from auditlog.registry import auditlog
from django.contrib.admin.utils import unquote
from django.contrib.auth.models import User
from django.core.exceptions import FieldDoesNotExist, PermissionDenied, ValidationError
from django.db.models import ForeignKey, JSONField, Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from terrakube_site.visible import visible
from workspaces.models import HistoryEntry, Workspace
from workspaces.models.history import kept_change
from workspaces.models.history_recording import kept_values
from workspaces.models.workspace import without_ending
from workspaces.roles import role_in_words
from workspaces.services.sources import UPLOADED
from workspaces.validation.repositories import NO_REPOSITORY

MOST_SHOWN = 200
ACTIONS = {
    LogEntry.Action.CREATE: (_("Created"), "good"),
    LogEntry.Action.UPDATE: (_("Changed"), "active"),
    LogEntry.Action.DELETE: (_("Deleted"), "bad"),
    LogEntry.Action.ACCESS: (_("Viewed"), "quiet"),
}
_NOTHING = {"", "None", "null", "[]"}
_TRUTH = {"True": _("yes"), "False": _("no")}
_WORDS_OF_THE_API = {
    (Workspace, "source"): (NO_REPOSITORY, _("Uploaded")),
    (Workspace, "branch"): (UPLOADED, ""),
}
"""What only the REST API says of an uploaded source, and what is said here."""
_LABELS = {
    (User, "username"): _("Username"),
    (User, "email"): _("Email"),
    (User, "is_staff"): _("Can use this panel"),
    (User, "is_superuser"): _("Administrator"),
    (User, "date_joined"): _("Created"),
}
"""What the page of a user calls the fields that Django names otherwise."""
_OPERATIONS = {"add": _("added"), "delete": _("removed"), "clear": _("removed")}


_ENDS = {"deleted", "disabled"}
"""The fields whose change also frees or restores a record's name."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field of a record before and after the change; empty where it had no value."""

    field: str
    before: str
    after: str


def _said(value: Any) -> str:
    text = str(value)
    return "" if text in _NOTHING else visible(str(_TRUTH.get(text, text)))


def _listed(text: str) -> str:
    """Return the words of a list that is kept as JSON, and other texts as they are."""
    with suppress(ValueError):
        found = json.loads(text)
        if isinstance(found, list) and all(isinstance(one, str) for one in found):
            return ", ".join(found)
    return text


def _replaced(text: str, word: str, said: Any) -> str:
    return str(said) if text == word else text


def _fields(entry: LogEntry) -> Iterator[tuple[str, Any, Any]]:
    """Return what an entry is about: each label, its field or None where it is no column, and what was kept of it."""
    model = entry.content_type.model_class()
    for name, raw in (entry.changes_dict or {}).items():
        field: Any = None
        if model is not None:
            with suppress(FieldDoesNotExist):
                field = model._meta.get_field(name)
        if field is None:
            # Such as the state of a workspace, which services write down by its name.
            yield gettext(capfirst(name)), None, kept_change(entry, name) or raw
        elif field.concrete and not field.primary_key:
            yield capfirst(str(_LABELS.get((model, name), field.verbose_name))), field, raw


def is_new(entry: LogEntry) -> bool:
    """Return whether the record was new, so that there is nothing to compare."""
    return bool(entry.action == LogEntry.Action.CREATE)


def names_of(entry: LogEntry) -> list[str]:
    """Return the names of the changed fields."""
    return [label for label, _field, _raw in _fields(entry)]


type Names = Mapping[tuple[type[Model], str], str]
"""What records are called that entries refer to, by model and key."""


def related_names(entries: Iterable[LogEntry]) -> Names:
    """Return the names of all records that some entries refer to, with one query for each model."""
    wanted: dict[type[Model], set[str]] = defaultdict(set)
    for entry in entries:
        for _label, field, raw in _fields(entry):
            if isinstance(field, ForeignKey) and isinstance(raw, list):
                wanted[field.related_model] |= {str(key) for key in raw if str(key) not in _NOTHING}
    found: dict[tuple[type[Model], str], str] = {}
    for model, keys in wanted.items():
        valid = []
        for key in keys:
            with suppress(ValidationError):
                valid.append(model._meta.pk.to_python(key))
        found |= {(model, str(row.pk)): str(row) for row in model._base_manager.filter(pk__in=valid)}
    return found


def _related(field: Any, key: Any, names: Names) -> str:
    """Return what a record is called that an entry refers to; its key if it was deleted."""
    return "" if str(key) in _NOTHING else visible(names.get((field.related_model, str(key)), str(key)))


def _displayed(entry: LogEntry) -> dict[str, Any]:
    """Return django-auditlog's texts of an entry without references, which it would look up one by one."""
    plain = copy(entry)
    references = {field.name for _label, field, _raw in _fields(entry) if isinstance(field, ForeignKey)}
    plain.changes = {name: raw for name, raw in (entry.changes_dict or {}).items() if name not in references}
    found: dict[str, Any] = plain.changes_display_dict
    return found


def changes_of(entry: LogEntry, names: Names | None = None) -> list[Change]:
    """Return the changes of an entry, without fields that were empty before and after.

    ``names`` are those of the records that it refers to, where they are looked up for many entries.
    """
    if names is None:
        names = related_names([entry])
    model = entry.content_type.model_class()
    shown = _displayed(entry) if model is not None else {}
    masked = set(auditlog.get_model_fields(model)["mask_fields"]) if model is not None else set()
    kept = kept_values(entry)
    found = []
    for label, field, raw in _fields(entry):
        if field is not None and field.name in masked:
            if not any(map(_said, raw)):
                # A secret that a new record does not have was not set.
                continue
            before, after = (visible(one) for one in kept.get(field.name, ("", "")))
            hidden = gettext("set, not shown") if is_new(entry) else gettext("changed, not shown")
            found.append(Change(label, before, after) if field.name in kept else Change(label, "", hidden))
            continue
        if isinstance(raw, dict):
            # Of a set the log tells what was put in or taken out.
            verb = _OPERATIONS.get(str(raw.get("operation")), raw.get("operation"))
            found.append(Change(label, "", f"{', '.join(map(str, raw.get('objects', ())))} ({verb})"))
            continue
        if isinstance(field, ForeignKey):
            before, after = (_related(field, key, names) for key in raw)
        else:
            before, after = map(_said, raw if field is None else shown.get(field.verbose_name, raw))
            if isinstance(field, JSONField):
                before, after = map(_listed, (before, after))
            if field is not None and field.name == "role":
                before, after = map(role_in_words, (before, after))
            if field is not None and (word := _WORDS_OF_THE_API.get((model, field.name))):
                before, after = (_replaced(one, *word) for one in (before, after))
            if field is not None and field.name == "name" and _ENDS & (entry.changes_dict or {}).keys():
                before, after = map(without_ending, (before, after))
                if before == after:
                    continue
        # What a new record does not do needs no saying.
        if before or (after and not (is_new(entry) and str(raw[1]) == "False")):
            found.append(Change(label, before, after))
    return found


def actor_name(entry: LogEntry) -> str:
    """Return who made the change; without a user it was the site itself, for the clock or a command."""
    kept: HistoryEntry | None = getattr(entry, "history", None)
    if entry.actor is None and kept is not None and kept.who:
        return kept.who
    return str(entry.actor) if entry.actor is not None else gettext("the site")


class History:
    """The history of one record, for users who may see the record."""

    model: type[Model]
    admin_site: Any
    opts: Any

    @property
    def keeps_history(self) -> bool:
        return bool(auditlog.contains(self.model))

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        record = self.get_object(request, unquote(object_id))  # type: ignore[attr-defined]
        if record is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        if not self.has_view_permission(request, record):  # type: ignore[attr-defined]
            raise PermissionDenied
        found = LogEntry.objects.get_for_object(record).select_related("actor", "content_type", "history")
        found = found.order_by("-timestamp")
        kept = list(found[:MOST_SHOWN])
        names = related_names(kept)
        entries = [
            (entry, *ACTIONS[entry.action], actor_name(entry), changes_of(entry, names), is_new(entry))
            for entry in kept
        ]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("History of %(record)s") % {"record": record},
            "object": record,
            "entries": entries,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/object_history.html", context)
