"""What came of a configuration, in a form in which a run at a terminal and one through the site can be compared."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

type Facts = dict[str, Any]
"""Each fact by its name: "1 outcome", "1 output.size", "1 terraform_data.a"; the number is the round's."""

ABSENT = "absent"
_SAID = re.compile(r"^[\s│╷]*((?:Error|Warning): .*?)\s*$", re.MULTILINE)
_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def facts_of_round(
    number: int, *, succeeded: bool, changes: bool | None, said: Iterable[str], state: bytes | None
) -> Facts:
    """Return the facts of one round; ``changes`` is that of a plan, ``said`` the text that was printed."""
    found: Facts = {"outcome": "succeeded" if succeeded else "failed"}
    if changes is not None:
        found["changes"] = changes
    printed = (_STYLE.sub("", text) for text in said)
    found["said"] = sorted({sentence for text in printed for sentence in _SAID.findall(text)})
    found |= _facts_of_state(json.loads(state, parse_float=str) if state else {})
    return {f"{number} {name}": value for name, value in found.items()}


def _facts_of_state(state: dict[str, Any]) -> Facts:
    if "encrypted_data" in state:
        return {"state": "encrypted"}
    found: Facts = {f"output.{name}": value for name, value in (state.get("outputs") or {}).items()}
    for resource in state.get("resources") or ():
        address = ".".join(resource[part] for part in ("module", "mode", "type", "name") if part in resource)
        for instance in resource["instances"]:
            key = f"{address}[{json.dumps(instance.get('index_key'))}]{instance.get('deposed', '')}"
            found[key] = {"provider": resource.get("provider"), **instance}
            if paths := instance.get("sensitive_attributes"):
                # In any order: the programs walk through a set.
                found[key]["sensitive_attributes"] = sorted(paths, key=json.dumps)
    checks = state.get("check_results") or ()
    found |= {f"check {row['object_kind']} {row['config_addr']}": row for row in checks}
    return found


def alike(facts: Facts, folders: Iterable[str]) -> Facts:
    """Return facts in which ids are numbered by their first appearance, and each of the work folders has one name."""
    text = json.dumps(facts, sort_keys=True)
    for folder in folders:
        text = re.sub(folder, "<source>", text)
    numbers: dict[str, str] = {}
    text = _UUID.sub(lambda found: numbers.setdefault(found[0], f"id-{len(numbers) + 1}"), text)
    read: Facts = json.loads(text)
    return read


def differing(one: Facts, other: Facts) -> set[str]:
    """Return the names of the facts that are not the same in both."""
    return {name for name in one.keys() | other.keys() if one.get(name, ABSENT) != other.get(name, ABSENT)}
