"""Write the entries of the histories of workspaces and organizations, in the transaction of the change itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from auditlog.models import LogEntry
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model

from terrakube_site.messages import as_json
from workspaces.actors import Actor
from workspaces.caller import current_who
from workspaces.choices import HistoryVerb
from workspaces.encryption import is_readable
from workspaces.models.history_entry import HistoryEntry
from workspaces.models.organization import Organization
from workspaces.models.variable import AbstractVariable
from workspaces.models.workspace import Workspace

LONGEST_VALUE = 2000
"""Characters that are kept of a variable's old and new value."""
_OWNERS = ("project", "collection", "webhook", "vcs", "hook", "job", "pull_request")
_VERBS = {
    LogEntry.Action.CREATE: HistoryVerb.CREATED,
    LogEntry.Action.UPDATE: HistoryVerb.CHANGED,
    LogEntry.Action.DELETE: HistoryVerb.DELETED,
}


@dataclass(frozen=True, slots=True)
class Place:
    """The organization and workspace that a record belongs to; None where it belongs to none."""

    organization: UUID | None = None
    workspace: UUID | None = None
    name: str = ""


def place_of(record: Model) -> Place:
    """Return the organization and workspace of a record, through its project, collection, webhook or connection."""
    if isinstance(record, Organization):
        return Place(record.pk)
    if isinstance(record, Workspace):
        return Place(record.organization_id, record.pk, record.shown_name)
    workspace_key = getattr(record, "workspace_id", None)
    if workspace_key is not None:
        return _place_of_workspace(record, workspace_key)
    if (key := getattr(record, "organization_id", None)) is not None:
        return Place(key)
    for name in _OWNERS:
        if getattr(record, f"{name}_id", None) is None:
            continue
        try:
            return place_of(getattr(record, name))
        except ObjectDoesNotExist:
            return Place()
    return Place()


def _place_of_workspace(record: Model, key: UUID) -> Place:
    field: Any = record._meta.get_field("workspace")
    if field.is_cached(record):
        return place_of(getattr(record, "workspace"))  # noqa: B009 - of whichever record
    # Only what is needed: the workspace of a deleted record is loaded for each of its records.
    found = Workspace._base_manager.filter(pk=key).only("organization_id", "name", "deleted").first()
    return Place(workspace=key) if found is None else place_of(found)


def note_event(
    record: Model,
    verb: HistoryVerb,
    *,
    by: Actor = None,
    kind: str = "",
    name: str = "",
    sentence: str = "",
    door: str = "",
    caused_by: str = "",
) -> None:
    """Write what was done to a record that django-auditlog does not see: a job, a lock, a state.

    ``kind`` and ``name`` are those of the record if empty. ``sentence`` is a message that says more. ``by`` None is
    whoever makes the request at hand. ``caused_by`` names an account elsewhere, beside the actor.
    """
    who = current_who(by, door=door)
    place = place_of(record)
    HistoryEntry.objects.create(
        organization_key=place.organization,
        workspace_key=place.workspace,
        workspace_name=place.name[:256],
        kind=kind or str(record._meta.model_name),
        # The page says what kind it is, in the reader's language.
        record=(name or str(record.pk if record._meta.model_name == "job" else record))[:256],
        record_key=str(record.pk)[:64],
        verb=verb,
        who=(f"{caused_by} ({who.name})" if caused_by and who.name else caused_by or who.name)[:256],
        who_kind=who.kind,
        door=who.door,
        sentence=as_json(sentence) if sentence else None,
    )


def record_log_entry(record: Model, log_entry: LogEntry, before: Model | None = None) -> None:
    """Write the entry of a change that django-auditlog saw; ``before`` is the record as it was, None for a new one."""
    verb = _VERBS.get(log_entry.action)
    if verb is None:
        return
    if isinstance(record, AbstractVariable):
        _forget_values_of_new_secret(record, before)
    who, place = current_who(), place_of(record)
    changes: Mapping[str, Any] = log_entry.changes_dict or {}
    HistoryEntry.objects.create(
        at=log_entry.timestamp,
        organization_key=place.organization,
        workspace_key=place.workspace,
        workspace_name=place.name[:256],
        kind=str(record._meta.model_name),
        record=str(log_entry.object_repr)[:256],
        record_key=str(log_entry.object_pk)[:64],
        verb=verb,
        changed_fields=", ".join(changes) if verb == HistoryVerb.CHANGED else "",
        who=who.name,
        who_kind=who.kind,
        door=who.door,
        kept_values=_values(record, before, verb) if "value" in changes else "",
        log_entry=log_entry,
    )


def _values(record: Model, before: Model | None, verb: str) -> str:
    """Return the old and new value of a variable; empty if it is or was sensitive."""
    if not isinstance(record, AbstractVariable):
        return ""
    old = before if isinstance(before, AbstractVariable) else None
    known: Iterable[AbstractVariable] = [one for one in (record, old) if one is not None]
    if any(not is_readable(one, "value") for one in known) or any(one.sensitive or one.was_sensitive for one in known):
        return ""
    was = "" if old is None or verb == HistoryVerb.CREATED else old.value
    now = "" if verb == HistoryVerb.DELETED else record.value
    return json.dumps({"value": [_shortened(was), _shortened(now)]})


def _shortened(value: str) -> str:
    return value if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}…"


def _forget_values_of_new_secret(record: AbstractVariable, before: Model | None) -> None:
    """Remove the values that the history kept of a variable which is sensitive from now on.

    Also those of others of its key: a secret that was stored as a plain variable is often made again as a sensitive
    one, and its value may be the same.
    """
    old = before if isinstance(before, AbstractVariable) else None
    if not record.sensitive or (old is not None and old.sensitive and old.key == record.key):
        return
    place = place_of(record)
    rows = HistoryEntry.objects.filter(kind=record._meta.model_name)
    if place.workspace is not None:
        rows = rows.filter(workspace_key=place.workspace)
    else:
        rows = rows.filter(organization_key=place.organization)
    keys = {str(one.key)[:256] for one in (record, old) if one is not None}
    by_key = rows.filter(record__in=keys) | rows.filter(record_key=str(record.pk))
    by_key.exclude(kept_values="").update(kept_values="")


def kept_values(entry: LogEntry) -> dict[str, list[str]]:
    """Return the old and new value of each masked field that may be shown, by its name."""
    kept: HistoryEntry | None = getattr(entry, "history", None)
    if kept is None or not is_readable(kept, "kept_values") or not kept.kept_values:
        return {}
    found: dict[str, list[str]] = json.loads(kept.kept_values)
    return found
