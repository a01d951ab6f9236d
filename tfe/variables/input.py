"""What a request sends of a variable."""

from __future__ import annotations

from typing import Any

from tfe.body import Body
from tfe.errors import Invalid
from tfe.variables.documents import CATEGORIES

LONGEST_VALUE = 256 * 1024


def variable_changes(body: Body) -> dict[str, Any]:
    """Return the fields that a request sets; null leaves one as it is. Raises Invalid.

    A client that writes back what it read thus does not empty a sensitive value.
    """
    sent = {name for name, value in body.attributes.items() if value is not None}
    found: dict[str, Any] = {name: body.text(name) for name in ("key", "description") if name in sent}
    found |= {name: body.flag(name) for name in ("hcl", "sensitive") if name in sent}
    if "value" in sent:
        found["value"] = body.text("value", longest=LONGEST_VALUE)
    if "category" in sent:
        found["category"] = _category(body.text("category"))
    return found


def new_variable(body: Body) -> dict[str, Any]:
    """Return the fields of a new variable. Raises Invalid without key or category."""
    found = variable_changes(body)
    for name in ("key", "category"):
        if not found.get(name):
            raise Invalid(f"A variable needs a {name}.", f"/data/attributes/{name}")
    return found


def _category(word: str) -> str:
    if word not in CATEGORIES:
        raise Invalid(f"category is one of {', '.join(CATEGORIES)}.", "/data/attributes/category")
    return CATEGORIES[word]
