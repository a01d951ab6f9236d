"""Variables and sets of variables as the protocol shows them; a sensitive value is null."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from tfe.documents import Json, resource, to_many, to_one
from workspaces.actors import Actor
from workspaces.choices import Category
from workspaces.encryption import is_readable
from workspaces.models import Collection, Item, Variable, Workspace
from workspaces.models.variable import AbstractVariable

CATEGORIES = {"terraform": Category.TERRAFORM, "env": Category.ENV}
_WORDS = {str(category): word for word, category in CATEGORIES.items()}


def variable_object(row: AbstractVariable) -> Json:
    """Return a variable of a workspace, a set or an organization."""
    attributes = {
        "key": row.key,
        # One that cannot be decrypted is as unknown to the caller as a sensitive one.
        "value": None if row.sensitive or not is_readable(row, "value") else row.value,
        "description": getattr(row, "description", None) or "",
        "category": _WORDS[row.category],
        "hcl": row.hcl,
        "sensitive": row.sensitive,
        "created-at": None,
        "version-id": _version_of(row),
    }
    return resource("vars", row.pk, attributes, _owner_of(row))


def _version_of(row: AbstractVariable) -> str:
    """Return a text that is another after each change, and tells nothing about the value."""
    text = f"{row.pk} {row.updated_date.timestamp():.6f}"
    return f"ver-{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def _owner_of(row: AbstractVariable) -> dict[str, Any]:
    if isinstance(row, Variable):
        return {"configurable": to_one("workspaces", row.workspace_id)}
    if isinstance(row, Item):
        return {"varset": to_one("varsets", row.collection_id)}
    return {}


def set_objects(collections: Iterable[Collection], actor: Actor) -> list[Json]:
    """Return sets with the workspaces and variables of each that the caller sees.

    ``priority`` is never true: in the protocol such a set replaces a workspace's own variables, which no collection
    does. ``global`` is never true either: a collection counts in the workspaces that it names.
    """
    found = list(collections)
    workspaces: dict[Any, list[Any]] = {row.pk: [] for row in found}
    variables: dict[Any, list[Any]] = {row.pk: [] for row in found}
    visible = Workspace.objects.visible_to(actor).alive().filter(references__collection__in=found)
    for set_key, key in visible.order_by("name").values_list("references__collection", "pk"):
        if set_key in workspaces:
            workspaces[set_key].append(key)
    items = Item.objects.visible_to(actor).filter(collection__in=found)
    for set_key, key in items.values_list("collection", "pk"):
        variables[set_key].append(key)
    return [_set_object(row, workspaces[row.pk], variables[row.pk]) for row in found]


def _set_object(collection: Collection, workspaces: list[Any], variables: list[Any]) -> Json:
    organization = to_one("organizations", collection.organization.name)
    attributes = {
        "name": collection.name,
        "description": collection.description or "",
        "global": False,
        "priority": False,
        "updated-at": None,
        "var-count": len(variables),
        "workspace-count": len(workspaces),
        "project-count": 0,
    }
    relationships = {
        "organization": organization,
        "parent": organization,
        "workspaces": to_many("workspaces", workspaces),
        "projects": to_many("projects", ()),
        "vars": to_many("vars", variables),
    }
    return resource("varsets", collection.pk, attributes, relationships)
