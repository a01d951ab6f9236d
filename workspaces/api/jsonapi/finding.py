"""Find one record by its key among those that a caller may read.

Each request asks for several, so their queries are built once for each way to ask: everything for administrators, else
what the caller's groups open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models import QuerySet

from terrakube_site.database.built_once import BuiltOnce
from workspaces.actors import Actor, groups_of, is_admin
from workspaces.api.jsonapi.resource import Resource
from workspaces.querysets import Scope, scope_of_groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The record that others relate to: ``field`` is their foreign key to it."""

    field: str
    key: Any


_queries: dict[tuple[Any, ...], BuiltOnce] = {}


def find_record(
    resource: Resource, key: Any, actor: Actor, *, owner: Owner | None = None, hidden: bool = False
) -> models.Model | None:
    """Return a record by its key if the actor may read it; None if not.

    With an ``owner`` it must belong to that; with ``hidden`` it may be softly deleted.
    """
    if resource.asks_first:
        rows = resource.visible_to(actor, hidden=hidden)
        found: models.Model | None = _narrowed(resource, rows, key, owner).first()
        return found
    whole, field = is_admin(actor), None if owner is None else owner.field
    way = (resource.model, resource.narrow, resource.joined, field, hidden, whole)
    query = _queries.get(way)
    if query is None:
        query = _queries[way] = _built(resource, field, hidden=hidden, whole=whole)
    values = [key] if owner is None else [key, owner.key]
    if not whole:
        values.append(tuple(sorted(groups_of(actor))))
    records = query.rows(*values)
    return records[0] if records else None


def _built(resource: Resource, field: str | None, *, hidden: bool, whole: bool) -> BuiltOnce:
    def build(key: Any, *more: Any) -> QuerySet[Any]:
        owner = None if field is None else Owner(field=field, key=more[0])
        scope = Scope(everything=True) if whole else scope_of_groups(more[-1])
        return _narrowed(resource, resource.within(scope, hidden=hidden), key, owner).order_by()

    return BuiltOnce(build)


def _narrowed(resource: Resource, rows: QuerySet[Any], key: Any, owner: Owner | None) -> QuerySet[Any]:
    if owner is not None:
        rows = rows.filter(**{owner.field: owner.key})
    if resource.joined:
        rows = rows.select_related(*resource.joined)
    return rows.filter(pk=key)
