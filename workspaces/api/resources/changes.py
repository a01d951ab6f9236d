"""Turn what a client sends into fields of the models; shared by the resources' create and update."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.db import models

from terrakube_site.database.built_once import BuiltOnce
from workspaces.actors import Actor
from workspaces.api.errors import InvalidValue
from workspaces.api.jsonapi.attributes import key, snake
from workspaces.api.jsonapi.resource import Change, Create, Delete, Update
from workspaces.services.records import create_record, delete_record, update_record


def columns(change: Change, model: type[models.Model]) -> dict[str, Any]:
    """Return attributes and relationships as the model's fields; null text becomes empty in fields without null."""
    found: dict[str, Any] = {}
    for name, value in change.attributes.items():
        column = snake(name)
        field = model._meta.get_field(column)
        if value is None and not field.null:
            value = "" if isinstance(field, models.CharField | models.TextField) else value
        found[column] = value
    return found | {snake(name): record for name, record in change.related.items()}


def reference_field(
    change: Change, name: str, model: type[models.Model], organization_id: Any, column: str
) -> dict[str, Any]:
    """Return the record of an organization that an attribute names by id, as a field; empty text is none."""
    if name not in change.attributes:
        return {}
    text = change.attributes[name]
    if not text:
        return {column: None}
    found = key(model, text)
    records = _in_organization(model).rows(found, organization_id) if found is not None else []
    if not records:
        raise InvalidValue(text, f"{name} is the id of a {model._meta.verbose_name_raw} of this organization")
    return {column: records[0]}


@functools.cache
def _in_organization(model: type[models.Model]) -> BuiltOnce:
    """Return the query for one record of an organization by its key."""
    return BuiltOnce(
        lambda key, organization: model._default_manager.filter(pk=key, organization_id=organization).order_by()
    )


type Service = Callable[..., Any]
"""A service that changes one record; the actor is its argument ``by``."""


def creating(model: type[models.Model], service: Service = create_record) -> Create:
    """Return how a resource is created by a service that takes the new record."""

    def create(change: Change, actor: Actor) -> models.Model:
        return service(model(**columns(change, model)), by=actor)  # type: ignore[no-any-return]

    return create


def updating(model: type[models.Model], service: Service = update_record) -> Update:
    """Return how a resource is changed by a service that takes the record and its changed fields."""

    def update(record: Any, change: Change, actor: Actor) -> None:
        service(record, columns(change, model), by=actor)

    return update


def deleting(service: Service = delete_record) -> Delete:
    """Return how a resource is deleted by a service that takes the record."""

    def delete(record: Any, actor: Actor) -> None:
        service(record, by=actor)

    return delete
