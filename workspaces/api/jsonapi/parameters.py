"""Parse the query parameters of a request: filter, include, fields, sort, page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q, QuerySet
from django.http import QueryDict

from workspaces.api.errors import BadRequest, shorten
from workspaces.api.jsonapi import filters, registry, rsql
from workspaces.api.jsonapi.documents import Fields, Paths, paths_of
from workspaces.api.jsonapi.resource import Resource

_NAME = re.compile(r"(\w+)(?:\[(\w*)\])?")
_MAX_PAGE = 10_000
_DEFAULT_PAGE = 500
_MAX_OFFSET = 2**62
_MAX_INCLUDE_DEPTH = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A part of a list; ``totals`` requests the number of all records."""

    limit: int
    offset: int
    totals: bool

    def cut(self, rows: QuerySet[Any]) -> tuple[list[Any], dict[str, int]]:
        """Return the records of this page, and its ``meta.page``."""
        meta = {"number": self.offset // self.limit + 1, "limit": self.limit}
        if self.totals:
            count = rows.count()
            meta |= {"totalPages": -(-count // self.limit), "totalRecords": count}
        return list(rows[self.offset : self.offset + self.limit]), meta


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The parameters of a request; ``page`` is None without paging."""

    condition: Q = field(default_factory=Q)
    order: tuple[str, ...] = ()
    include: Paths = field(default_factory=dict)
    fields: Fields = field(default_factory=dict)
    page: Page | None = None

    def apply(self, rows: QuerySet[Any], *, root: bool = False) -> QuerySet[Any]:
        """Return the rows that are asked for, in order; pages of a ``root`` collection come in the order of their keys.

        Those of one owner are few. All of a type may be very many, and any other order would read them all for a page.
        """
        rows = rows.filter(self.condition) if self.condition else rows
        if not self.order and self.page is None:
            return rows
        usual = () if root else rows.model._meta.ordering or ()
        # The key at the end makes the order stable across pages.
        return rows.order_by(*(self.order or usual), "pk")

    def asks_for(self, column: str) -> bool:
        """Return whether the filter uses a column of the records themselves."""
        return bool(column) and _names_column(self.condition, column)

    def columns(self, resource: Resource) -> list[str] | None:
        """Return the columns that the answer needs; None for whole records."""
        names = self.fields.get(resource.type)
        # An included record is found by a foreign key, which the narrowed document may not show.
        return None if names is None or self.include else resource.columns(names)


def _names_column(condition: Q, column: str) -> bool:
    return any(
        _names_column(child, column) if isinstance(child, Q) else str(child[0]).partition("__")[0] == column
        for child in condition.children
        if isinstance(child, Q | tuple)
    )


def read(query: QueryDict, resource: Resource, *, many: bool) -> Parameters:
    """Parse the parameters of a request for one record or for many. Raises BadRequest for the first wrong one."""
    conditions: list[Q] = []
    order: tuple[str, ...] = ()
    include: Paths = {}
    fields: dict[str, frozenset[str]] = {}
    page: dict[str, str] = {}
    for name in query:
        text = str(query[name])
        match = _NAME.fullmatch(name)
        family, member = (match[1], match[2]) if match else (name, None)
        if many and family == "filter" and member in {None, resource.type}:
            conditions.extend(_condition(name, value, resource) for value in query.getlist(name))
        elif many and family == "sort" and member is None:
            order = _order(text, resource)
        elif family == "include" and member is None:
            include = _include(text, resource)
        elif family == "fields" and member and registry.find(member):
            fields[member] = _fields(text, registry.get(member))
        elif many and family == "page" and member in {"size", "number", "limit", "offset", "totals"}:
            page[member] = text
        else:
            raise BadRequest(f"Invalid query parameter: {shorten(name)}")
    condition = Q()
    for found in conditions:
        condition &= found
    return Parameters(condition=condition, order=order, include=include, fields=fields, page=_page(page))


def _condition(name: str, text: str, resource: Resource) -> Q:
    try:
        return filters.condition(rsql.parse(text), resource)
    except (rsql.RsqlError, BadRequest) as error:
        raise BadRequest(f"Invalid query parameter: {name}\n{error}") from None


def _names(text: str) -> Iterable[str]:
    return [name for part in text.split(",") if (name := part.strip())]


def _order(text: str, resource: Resource) -> tuple[str, ...]:
    columns = []
    for name in _names(text):
        try:
            place = filters.place(tuple(name.removeprefix("-").split(".")), resource)
        except BadRequest as error:
            raise BadRequest(f"Invalid query parameter: sort\n{error}") from None
        if place.many:
            raise BadRequest(f"Invalid query parameter: sort\n{name} leads to many records")
        columns.append(f"-{place.column}" if name.startswith("-") else place.column)
    return tuple(columns)


def _include(text: str, resource: Resource) -> Paths:
    names = list(_names(text))
    for name in names:
        here: Resource | None = resource
        parts = name.split(".")
        for part in parts:
            relationship = here.relationships.get(part) if here is not None else None
            if relationship is None or len(parts) > _MAX_INCLUDE_DEPTH:
                raise BadRequest(f"Invalid query parameter: include\nUnknown relationship {name} in {resource.type}")
            here = registry.get(relationship.type) if relationship.type else None
    return paths_of(names)


def _fields(text: str, resource: Resource) -> frozenset[str]:
    names = frozenset(_names(text))
    for name in sorted(names):
        if name not in resource.attributes and name not in resource.relationships:
            raise BadRequest(f"Invalid query parameter: fields[{resource.type}]\nUnknown field {name}")
    return names


def _number(name: str, text: str, maximum: int) -> int:
    if not re.fullmatch(r"[0-9]{1,19}", text) or int(text) > maximum:
        raise BadRequest(f"Invalid query parameter: page[{name}]\nA whole number up to {maximum} is expected")
    return int(text)


def _page(given: dict[str, str]) -> Page | None:
    if not given:
        return None
    sizes = [_number(name, given[name], _MAX_PAGE) for name in ("size", "limit") if name in given]
    limit = sizes[0] if sizes else _DEFAULT_PAGE
    if limit < 1:
        raise BadRequest("Invalid query parameter: page[size]\nA page has at least one record")
    offset = _number("offset", given.get("offset", "0"), _MAX_OFFSET)
    if "number" in given:
        number = _number("number", given["number"], _MAX_OFFSET // _MAX_PAGE)
        if number < 1:
            raise BadRequest("Invalid query parameter: page[number]\nThe first page is 1")
        offset = (number - 1) * limit
    return Page(limit=limit, offset=offset, totals="totals" in given)
