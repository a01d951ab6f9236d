"""Read the histories of workspaces and organizations: what a person may see of them, filtered, newest first.

Pages follow a cursor, so that the last page costs as little as the first. A filter that no index serves looks at a
limited number of entries for each page, and says how far it looked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from workspaces.actors import Actor
from workspaces.models import HistoryEntry, Organization, Workspace
from workspaces.permissions import rights
from workspaces.querysets import cached_scope

OF_A_PAGE = 50
MOST_LOOKED_AT = 20_000
"""Entries that a filter reads for one page at most."""
OF_ACCESSES = ("access", "projectaccess")
"""Kinds that only who manages accesses sees."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last entry that was looked at: the page goes on with those before it."""

    at: dt.datetime
    key: int

    def __str__(self) -> str:
        return f"{self.at.isoformat()}~{self.key}"

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """Read a cursor of an address; None for an empty one. Raises ValueError for any other text."""
        if not text:
            return None
        at, _tilde, key = text.partition("~")
        if not (key.isascii() and key.isdecimal() and len(key) < 19):
            raise ValueError("no cursor")
        found = dt.datetime.fromisoformat(at)
        if found.tzinfo is None:
            raise ValueError("no cursor")
        return cls(found, int(key))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What of a history is shown; empty parts show all. ``until`` is exclusive."""

    who: str = ""
    kind: str = ""
    verb: str = ""
    door: str = ""
    text: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    @property
    def looks(self) -> bool:
        """Return whether entries must be looked at one by one."""
        return any((self.who, self.kind, self.verb, self.door, self.text))

    def conditions(self) -> Q:
        found = Q()
        if self.who:
            found &= Q(who__icontains=self.who)
        if self.kind:
            found &= Q(kind=self.kind)
        if self.verb:
            found &= Q(verb=self.verb)
        if self.door:
            found &= Q(door=self.door)
        if self.text:
            found &= (
                Q(record__icontains=self.text)
                | Q(changed_fields__icontains=self.text)
                | Q(workspace_name__icontains=self.text)
            )
        return found


@dataclass(frozen=True, slots=True)
class Page:
    """The entries of a page; ``older`` leads to the next one, None at the end.

    ``looked_back_to`` is how far a filter looked, where it did not look at all entries yet.
    """

    entries: list[HistoryEntry]
    older: Cursor | None
    looked_back_to: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class SeenHistory:
    """The entries of one history, and which of them a person may see; an empty ``seen`` is all."""

    rows: QuerySet[HistoryEntry]
    seen: Q

    def page(self, wanted: Filter, after: Cursor | None = None, *, size: int = OF_A_PAGE) -> Page:
        """Return the newest entries that a filter shows, or those older than a cursor, with at most two queries."""
        rows = self.rows
        if wanted.until is not None:
            rows = rows.filter(at__lt=wanted.until)
        if after is not None:
            # The first condition alone bounds the index.
            rows = rows.filter(Q(at__lte=after.at), Q(at__lt=after.at) | Q(at=after.at, pk__lt=after.key))
        whole = rows if wanted.since is None else rows.filter(at__gte=wanted.since)
        floor = self._floor(whole) if self.seen or wanted.looks else None
        if floor is None:
            rows = whole
        else:
            # The later bound alone, as a database may choose the other one for its index.
            rows = rows.filter(Q(at__gte=floor.at), Q(at__gt=floor.at) | Q(at=floor.at, pk__gte=floor.key))
        shown = rows.filter(self.seen & wanted.conditions()).select_related("log_entry__content_type")
        found = list(shown.order_by("-at", "-pk")[: size + 1])
        if len(found) > size:
            return Page(found[:size], Cursor(found[size - 1].at, found[size - 1].pk))
        return Page(found, floor, None if floor is None else floor.at)

    @staticmethod
    def _floor(rows: QuerySet[HistoryEntry]) -> Cursor | None:
        """Return the last entry that a filter looks at; None if it can look at all."""
        found = rows.order_by("-at", "-pk").values_list("at", "pk")[MOST_LOOKED_AT - 1 : MOST_LOOKED_AT + 1]
        last = list(found)
        return Cursor(*last[0]) if len(last) == 2 else None

    def all_pages(self, wanted: Filter, *, size: int = 500) -> Iterator[list[HistoryEntry]]:
        """Yield all entries that a filter shows, newest first, a page at a time."""
        after: Cursor | None = None
        while True:
            page = self.page(wanted, after, size=size)
            if page.entries:
                yield page.entries
            if page.older is None:
                return
            after = page.older


def seen_history(actor: Actor, organization: Organization, workspace: Workspace | None = None) -> SeenHistory:
    """Return the history of a workspace, or of an organization, as far as an actor may see it.

    The caller has checked that the actor sees the workspace or organization itself.
    """
    if workspace is not None:
        rows = HistoryEntry.objects.filter(workspace_key=workspace.pk)
    else:
        rows = HistoryEntry.objects.filter(organization_key=organization.pk)
    seen = Q()
    if not rights(actor, organization, workspace).manage_access:
        seen &= ~Q(kind__in=OF_ACCESSES)
    scope = cached_scope(actor)
    if workspace is None and not scope.everything and organization.pk not in set(scope.organizations):
        # An access to one workspace or project opens nothing else of the organization.
        seen &= Q(workspace_key__in=scope.workspaces)
    return SeenHistory(rows, seen)
