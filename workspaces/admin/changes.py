"""Describe django-auditlog's entries in words: for the list of changes, and for the history of one record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from auditlog.models import LogEntry
from auditlog.registry import auditlog
from django.contrib.admin.utils import unquote
from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from terrakube_site.visible import visible
from workspaces.models.history import kept_change

MOST_SHOWN = 200
ACTIONS = {
    LogEntry.Action.CREATE: (_("Created"), "good"),
    LogEntry.Action.UPDATE: (_("Changed"), "active"),
    LogEntry.Action.DELETE: (_("Deleted"), "bad"),
    LogEntry.Action.ACCESS: (_("Viewed"), "quiet"),
}
_NOTHING = {"", "None", "[]"}
_TRUTH = {"True": _("yes"), "False": _("no")}
_OPERATIONS = {"add": _("added"), "delete": _("removed"), "clear": _("removed")}


@dataclass(frozen=True, slots=True)
class Change:
    """One field of a record before and after the change; empty where it had no value."""

    field: str
    before: str
    after: str


def _said(value: Any) -> str:
    text = str(value)
    return "" if text in _NOTHING else visible(str(_TRUTH.get(text, text)))


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
            yield capfirst(str(field.verbose_name)), field, raw


def is_new(entry: LogEntry) -> bool:
    """Return whether the record was new, so that there is nothing to compare."""
    return bool(entry.action == LogEntry.Action.CREATE)


def names_of(entry: LogEntry) -> list[str]:
    """Return the names of the changed fields."""
    return [label for label, _field, _raw in _fields(entry)]


def changes_of(entry: LogEntry) -> list[Change]:
    """Return the changes of an entry, without fields that were empty before and after."""
    shown = entry.changes_display_dict if entry.content_type.model_class() is not None else {}
    found = []
    for label, field, raw in _fields(entry):
        if isinstance(raw, dict):
            # Of a set the log tells what was put in or taken out.
            verb = _OPERATIONS.get(str(raw.get("operation")), raw.get("operation"))
            found.append(Change(label, "", f"{', '.join(map(str, raw.get('objects', ())))} ({verb})"))
            continue
        before, after = map(_said, raw if field is None else shown.get(field.verbose_name, raw))
        # What a new record does not do needs no saying.
        if before or (after and not (is_new(entry) and str(raw[1]) == "False")):
            found.append(Change(label, before, after))
    return found


def actor_name(entry: LogEntry) -> str:
    """Return who made the change; without a user it was the site itself, for the clock or a command."""
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
        found = LogEntry.objects.get_for_object(record).select_related("actor", "content_type").order_by("-timestamp")
        entries = [
            (entry, *ACTIONS[entry.action], actor_name(entry), changes_of(entry), is_new(entry))
            for entry in found[:MOST_SHOWN]
        ]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("History of %(record)s") % {"record": record},
            "object": record,
            "entries": entries,
            "keeps_history": self.keeps_history,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/object_history.html", context)
