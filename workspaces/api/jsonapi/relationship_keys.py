"""Which records are related to those of a page: their identifiers, asked for at once and written as JSON at once.

An organization may have a hundred thousand jobs, all of which its document names. So the database joins the keys of
each parent to one text, and the text becomes JSON by one replacement, with no object for each of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connections, models
from django.db.models import Aggregate, F
from django.db.models.lookups import Lookup

from workspaces.api.jsonapi import registry
from workspaces.api.jsonapi.resource import Relationship

type Joined = Mapping[Any, str]
"""For each parent's key the keys of its related records, joined by commas; a parent without any is missing."""


class JoinedKeys(Aggregate):
    """The keys of a group in the order of their model, joined by commas. PostgreSQL's alone."""

    def __init__(self, model: type[models.Model]) -> None:
        order = [str(name) for name in model._meta.ordering or ()]
        self.directions = [" DESC" if name.startswith("-") else "" for name in order]
        super().__init__("pk", *(name.removeprefix("-") for name in order), output_field=models.TextField())

    def as_sql(
        self,
        compiler: Any,
        connection: Any,
        function: str | None = None,
        template: str | None = None,
        arg_joiner: str | None = None,
        **extra_context: Any,
    ) -> tuple[str, tuple[str | int, ...]]:
        (key, _), *order = [compiler.compile(expression) for expression in self.source_expressions]
        columns = ", ".join(sql + end for (sql, _), end in zip(order, self.directions, strict=True))
        return f"STRING_AGG({key}::text, ','{' ORDER BY ' if columns else ''}{columns})", ()


class AnyOf(Lookup):
    """``expression = ANY (array)``: one parameter where ``IN`` has one for each value. PostgreSQL's alone."""

    lookup_name = "any_of"

    def get_prep_lookup(self) -> Any:
        return list(self.rhs)

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, parameters = self.process_lhs(compiler, connection)
        return f"{left} = ANY (%s)", (*parameters, self.rhs)


def joined_keys(relationship: Relationship, parents: Sequence[Any]) -> Joined:
    """Return the keys of the records that a relationship to many leads to from each of ``parents``, in one query."""
    target = registry.get(relationship.type)
    column = relationship.column
    rows = target.everything()
    if connections[rows.db].vendor == "postgresql":
        rows = rows.filter(AnyOf(F(column), parents)).order_by()
        return dict(rows.values_list(column).annotate(joined=JoinedKeys(target.model)))
    rows = rows.filter(**{f"{relationship.field}__in": parents})
    found: dict[Any, list[str]] = defaultdict(list)
    for parent, key in rows.values_list(column, "pk"):
        found[parent].append(str(key))
    return {parent: ",".join(keys) for parent, keys in found.items()}


def identifiers(type_name: str, joined: str) -> bytes:
    """Joined keys as a JSON array of identifiers. A key is a UUID or a number, in which nothing needs escaping."""
    if not joined:
        return b"[]"
    start = f'{{"type":"{type_name}","id":"'
    return f'[{start}{joined.replace(",", f'"}},{start}')}"}}]'.encode()


def many(relationships: Iterable[Relationship], parents: Sequence[Any]) -> dict[str, Joined]:
    """Return the joined keys of each of the relationships that lead to many records; by the relationship's name."""
    return {found.name: joined_keys(found, parents) for found in relationships if found.many and found.type}
