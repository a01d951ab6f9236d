"""``variable``, ``globalvar`` and the ``item`` of a collection: keys with values, some of them secret."""

from __future__ import annotations

from typing import Any

from workspaces.actors import Actor
from workspaces.api.jsonapi.attributes import Attribute, Kind, Writing, audit, of_column, of_columns
from workspaces.api.jsonapi.resource import make, to_many, to_one
from workspaces.api.resources.changes import creating, deleting, updating
from workspaces.encryption import is_readable
from workspaces.models import Collection, GlobalVariable, Item, Reference, Variable


def _plain(record: Any, actor: Actor) -> bool:
    """Return whether a value may be shown: a sensitive one never is, and one that cannot be decrypted cannot."""
    return not record.sensitive and is_readable(record, "value")


def _values(model: type[Variable | GlobalVariable | Item]) -> tuple[Attribute, ...]:
    return (
        of_column(model, "value", shown=_plain, required=True, nullable=False),
        *of_columns(model, "key category description hcl"),
    )


VARIABLE = make(
    "variable",
    Variable,
    (
        *_values(Variable),
        of_column(Variable, "sensitive"),
        Attribute(
            name="incomplete",
            kind=Kind.FLAG,
            read=lambda variable: variable.incomplete,
            writing=Writing.NEVER,
            description="Sensitive and still without a value, so that a job of the workspace is refused.",
        ),
    ),
    (to_one("workspace", required=True),),
    joined=("workspace__organization",),
    create=creating(Variable),
    update=updating(Variable),
    delete=deleting(),
)

GLOBALVAR = make(
    "globalvar",
    GlobalVariable,
    (*_values(GlobalVariable), of_column(GlobalVariable, "sensitive", writing=Writing.ON_CREATION)),
    (to_one("organization", required=True),),
    joined=("organization",),
    create=creating(GlobalVariable),
    update=updating(GlobalVariable),
    delete=deleting(),
)

COLLECTION = make(
    "collection",
    Collection,
    (*of_columns(Collection, "name description priority"), *audit(Collection)),
    (to_one("organization", required=True), to_many("item", "collection"), to_many("reference", "collection")),
    joined=("organization",),
    create=creating(Collection),
    update=updating(Collection),
    delete=deleting(),
)

ITEM = make(
    "item",
    Item,
    (*_values(Item), of_column(Item, "sensitive")),
    (to_one("collection", required=True),),
    joined=("collection__organization",),
    create=creating(Item),
    update=updating(Item),
    delete=deleting(),
)

REFERENCE = make(
    "reference",
    Reference,
    of_columns(Reference, "description"),
    (to_one("collection", required=True), to_one("workspace", required=True)),
    root=True,
    joined=("collection__organization", "workspace__organization"),
    create=creating(Reference),
    update=updating(Reference),
    delete=deleting(),
)
