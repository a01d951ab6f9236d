"""Turn a filter's tree of comparisons into a database condition, over the attributes that may be filtered."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.db.models.fields.related import ForeignKey

from workspaces.api.errors import BadRequest, InvalidValue
from workspaces.api.jsonapi import registry
from workspaces.api.jsonapi.attributes import Attribute, Kind, clean_text
from workspaces.api.jsonapi.resource import Resource
from workspaces.api.jsonapi.rsql import All, Comparison, Node

_ORDER = {"=lt=": "lt", "=le=": "lte", "=gt=": "gt", "=ge=": "gte"}
_FLAGS = {"true": True, "false": False}
_DATES = ("%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d")
_NOTHING = Q(pk__in=())


@dataclass(frozen=True, slots=True)
class Place:
    """The column of a dotted path, and how values compared with it are parsed.

    ``many`` means that the path leads to many records. ``read`` returns None for a value that no row can have.
    """

    column: str
    text: bool
    many: bool
    read: Callable[[str], Any]


def condition(node: Node, resource: Resource) -> Q:
    """Return the database condition of a filter on a resource. Raises BadRequest for an unknown name."""
    if isinstance(node, Comparison):
        return _comparison(node, resource)
    found = condition(node.parts[0], resource)
    for part in node.parts[1:]:
        found = found & condition(part, resource) if isinstance(node, All) else found | condition(part, resource)
    return found


def place(path: tuple[str, ...], resource: Resource) -> Place:
    """Resolve a path of relationships that ends in an attribute, an ``id`` or a relationship. Raises BadRequest."""
    columns: list[str] = []
    many, here = False, resource
    for position, name in enumerate(path):
        last = position == len(path) - 1
        if last and name == "id":
            return Place("__".join([*columns, "pk"]), False, many, here.key)
        attribute = here.attributes.get(name)
        if last and attribute is not None and attribute.column is not None:
            is_id = attribute.column.endswith("_id") and attribute.max_length == 36
            return Place(
                "__".join([*columns, attribute.column]),
                attribute.kind is Kind.TEXT and not is_id,
                many,
                _uuid if is_id else _reader(attribute),
            )
        relationship = here.relationships.get(name)
        if relationship is None or not relationship.type:
            break
        target = registry.get(relationship.type)
        if relationship.many:
            foreign = target.model._meta.get_field(relationship.field)
            assert isinstance(foreign, ForeignKey)  # noqa: S101 - how the resources are written, not what is asked
            columns.append(foreign.related_query_name())
            many = True
        else:
            columns.append(relationship.field)
        here = target
        if last:
            return Place("__".join([*columns, "pk"]), False, many, here.key)
    raise BadRequest(f"Unknown field {'.'.join(path)} in {resource.type}")


def _reader(attribute: Attribute) -> Callable[[str], Any]:
    return lambda text: _value(text, attribute)


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _value(text: str, attribute: Attribute) -> Any:
    if attribute.kind is Kind.FLAG:
        if text.lower() not in _FLAGS:
            raise InvalidValue(text, f"{attribute.name} is true or false")
        return _FLAGS[text.lower()]
    if attribute.kind is Kind.NUMBER:
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal()) or len(digits) > 18:
            raise InvalidValue(text, f"{attribute.name} is a whole number")
        return int(text)
    if attribute.kind is Kind.DATE:
        for pattern in _DATES:
            try:
                return dt.datetime.strptime(text, pattern).replace(tzinfo=dt.UTC)
            except ValueError:
                continue
        raise InvalidValue(text, f"{attribute.name} is a date such as 2026-11-24T19:01Z")
    if attribute.choices and "*" not in text and text not in attribute.choices:
        raise InvalidValue(text, f"{attribute.name} is one of {', '.join(attribute.choices)}")
    return text


def _equal(found: Place, value: Any) -> Q:
    """Compare for equality, where ``*`` at either end of a text is a wildcard."""
    if not found.text:
        return Q(**{found.column: value}) if value is not None else _NOTHING
    if value == "*":
        return Q(**{f"{found.column}__isnull": False})
    start, end = value.startswith("*"), value.endswith("*")
    lookup = {(False, False): "exact", (True, False): "endswith", (False, True): "startswith", (True, True): "contains"}
    return Q(**{f"{found.column}__{lookup[start, end]}": value[start : len(value) - end]})


def _comparison(node: Comparison, resource: Resource) -> Q:
    found = place(node.selector, resource)
    answer = _compare(node, found)
    if found.many:
        # One of many is enough, and several must not repeat the record.
        return Q(pk__in=resource.model._base_manager.filter(answer).values("pk"))
    return answer


def _compare(node: Comparison, found: Place) -> Q:
    operator, column = node.operator, found.column
    named = ".".join(node.selector)
    if operator in {"=isempty=", "=hasmember="} and not found.many:
        raise BadRequest(f"{operator} asks for a relationship to many records, and {named} is none")
    if operator in {"=isnull=", "=isempty="}:
        flag = _FLAGS.get(node.values[0].lower())
        if flag is None:
            raise InvalidValue(node.values[0], f"{operator} takes true or false")
        return Q(**{f"{column}__isnull": flag})
    values = [found.read(clean_text(text)) for text in node.values]
    known = [value for value in values if value is not None]
    if operator in _ORDER:
        return Q(**{f"{column}__{_ORDER[operator]}": known[0]}) if known else _NOTHING
    if operator == "=between=":
        return Q(**{f"{column}__gte": known[0], f"{column}__lte": known[1]}) if len(known) == 2 else _NOTHING
    if operator == "=in=":
        return Q(**{f"{column}__in": known})
    if operator == "=out=":
        return ~Q(**{f"{column}__in": known})
    if operator == "=ini=":
        answer = _NOTHING
        for value in known:
            answer = answer | Q(**{f"{column}__iexact" if found.text else column: value})
        return answer
    return ~_equal(found, values[0]) if operator == "!=" else _equal(found, values[0])
