"""What a page and an export say of the entries of a history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from auditlog.registry import auditlog
from django.contrib.auth.models import Group, User
from django.urls import NoReverseMatch, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from terrakube_site.messages import from_json, translated
from terrakube_site.visible import visible
from workspaces.admin.changes import Change, Names, changes_of, is_new, related_names
from workspaces.admin.exports import safe_cell
from workspaces.choices import ActorKind, Door, HistoryVerb
from workspaces.models import AccessToken, HistoryEntry, Job
from workspaces.models.history import kept_name

TONES = {
    HistoryVerb.CREATED: "good",
    HistoryVerb.CHANGED: "active",
    HistoryVerb.DELETED: "bad",
    HistoryVerb.STARTED: "active",
    HistoryVerb.APPROVED: "good",
    HistoryVerb.REJECTED: "bad",
    HistoryVerb.CANCELLED: "quiet",
    HistoryVerb.LOCKED: "attention",
    HistoryVerb.UNLOCKED: "good",
    HistoryVerb.WRITTEN: "good",
    HistoryVerb.COMMENTED: "quiet",
}
_OWN_KINDS: Mapping[str, Any] = {"comment": _("comment"), "job": _("job"), "lock": _("lock"), "state": _("state")}
_WITHOUT_ORGANIZATION = (User, Group, AccessToken)


@dataclass(frozen=True, slots=True)
class Row:
    """An entry as it is shown, in the reader's language.

    ``workspace`` is empty where the record is the workspace itself; ``status`` is a job's status today,
    empty for others.
    """

    entry: HistoryEntry
    what: str
    tone: str
    kind: str
    name: str
    address: str
    workspace: str
    who: str
    who_kind: str
    door: str
    sentence: str
    status: str
    new: bool
    changes: list[Change] = field(default_factory=list)


def kinds() -> list[tuple[str, str]]:
    """Return the kinds of records that histories tell of, with their names."""
    found = {
        str(model._meta.model_name): model._meta.verbose_name
        for model in auditlog.get_models()
        if model not in _WITHOUT_ORGANIZATION
    }
    names = ((kind, capfirst(str(name))) for kind, name in {**found, **_OWN_KINDS}.items())
    return sorted(names, key=lambda one: one[1].casefold())


def rows_of(entries: Iterable[HistoryEntry]) -> list[Row]:
    """Return entries as they are shown, with a query for the statuses of jobs and one for each model referred to."""
    found = list(entries)
    numbers = [int(entry.record_key) for entry in found if entry.kind == "job"]
    statuses = dict(Job.objects.filter(pk__in=numbers).values_list("pk", "status")) if numbers else {}
    kind_names = dict(kinds())
    names = related_names(entry.log_entry for entry in found if entry.log_entry is not None)
    return [_row(entry, kind_names, statuses, names) for entry in found]


def _row(entry: HistoryEntry, kind_names: Mapping[str, str], statuses: Mapping[int, str], names: Names) -> Row:
    log_entry = entry.log_entry
    if log_entry is not None:
        # Its values are those of this entry, without a query to get back to it.
        log_entry.history = entry
    is_job = entry.kind == "job"
    return Row(
        entry=entry,
        what=str(HistoryVerb(entry.verb).label),
        tone=TONES[HistoryVerb(entry.verb)],
        kind=kind_names.get(entry.kind, entry.kind),
        name=visible(kept_name(log_entry) if log_entry is not None else entry.record),
        address=_address(entry),
        workspace="" if entry.record_key == str(entry.workspace_key) else visible(entry.workspace_name),
        who=visible(entry.who) or gettext("the site"),
        who_kind="" if entry.who_kind in {ActorKind.PERSON, ActorKind.SITE} else str(ActorKind(entry.who_kind).label),
        door=str(Door(entry.door).label),
        sentence=visible(translated(from_json(entry.sentence))) if entry.sentence is not None else "",
        status=statuses.get(int(entry.record_key), "") if is_job and entry.verb == HistoryVerb.STARTED else "",
        new=is_new(log_entry) if log_entry is not None else False,
        changes=changes_of(log_entry, names) if log_entry is not None else [],
    )


def _address(entry: HistoryEntry) -> str:
    """Return the page of an entry's record; empty if there is none."""
    if entry.verb == HistoryVerb.DELETED:
        return ""
    model = {"state": "stateversion", "lock": "workspace"}.get(entry.kind, entry.kind)
    for app in ("workspaces", "vcs"):
        try:
            return reverse(f"admin:{app}_{model}_change", args=[entry.record_key])
        except NoReverseMatch:
            continue
    return ""


# ---- exports --------------------------------------------------------------------------------------------------------

COLUMNS = (
    "time", "workspace", "kind", "record", "what", "field", "before", "after", "who", "who_kind", "door", "remark",
)  # fmt: skip


def cells_of(row: Row) -> Iterator[list[str]]:
    """Yield the lines of a CSV for an entry: one for each changed field, or one for an entry without fields."""
    entry = row.entry
    start = [entry.at.isoformat(), entry.workspace_name, entry.kind, row.name, entry.verb]
    end = [entry.who, entry.who_kind, entry.door, row.sentence]
    for change in row.changes or [Change("", "", "")]:
        yield [safe_cell(text) for text in (*start, change.field, change.before, change.after, *end)]


def document_of(row: Row) -> dict[str, Any]:
    """Return an entry as a line of JSON says it."""
    entry = row.entry
    return {
        "time": entry.at.isoformat(),
        "organization": None if entry.organization_key is None else str(entry.organization_key),
        "workspace": entry.workspace_name or None,
        "workspaceId": None if entry.workspace_key is None else str(entry.workspace_key),
        "kind": entry.kind,
        "record": row.name,
        "recordId": entry.record_key,
        "what": entry.verb,
        "changes": [{"field": one.field, "before": one.before, "after": one.after} for one in row.changes],
        "who": entry.who or None,
        "whoKind": entry.who_kind,
        "door": entry.door,
        "remark": row.sentence or None,
    }
