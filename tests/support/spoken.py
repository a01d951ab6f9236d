"""What a screen reader says of a page, in its order: the browser's accessibility tree as lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Page

_SPOKEN = {"button", "checkbox", "heading", "link", "status", "StaticText", "textbox"}


def spoken(page: Page) -> list[str]:
    """Return "role: name" for each heading, control, live region and text of a page, as they are read."""
    session = page.context.new_cdp_session(page)
    nodes = {node["nodeId"]: node for node in session.send("Accessibility.getFullAXTree")["nodes"]}
    session.detach()
    root = next(node for node in nodes.values() if "parentId" not in node)
    return list(_lines(root, nodes))


def _lines(node: dict[str, Any], nodes: dict[str, dict[str, Any]]) -> Iterator[str]:
    role = node["role"]["value"]
    if not node["ignored"] and role in _SPOKEN:
        yield f"{role}: {' '.join(node.get('name', {}).get('value', '').split())}"
    for child in node.get("childIds", ()):
        if child in nodes:
            yield from _lines(nodes[child], nodes)
