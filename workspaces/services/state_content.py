"""Read the serial and lineage of a Terraform state, and compare the content of two states."""

from __future__ import annotations

import json
from dataclasses import dataclass

from django.utils.translation import gettext_noop as _

from workspaces.errors import InvalidInput

LARGEST_SERIAL = 2**63 - 1


@dataclass(frozen=True, slots=True)
class State:
    """``serial`` counts the changes of a state; ``lineage`` is shared by all states of one history."""

    serial: int
    lineage: str


def read_state(content: bytes) -> State:
    """Parse a state's serial and lineage. Raises InvalidInput for content that is not a state."""
    try:
        state = json.loads(content)
        serial, lineage = state["serial"], state["lineage"]
    except (ValueError, KeyError, TypeError, RecursionError):
        serial = lineage = None
    if type(serial) is not int or not 0 <= serial <= LARGEST_SERIAL or not isinstance(lineage, str) or not lineage:
        raise InvalidInput(_("This is not a Terraform state. Send JSON with serial and lineage."))
    # Databases store no NUL and no lone surrogate in texts.
    return State(serial, lineage.replace("\0", "").encode(errors="replace").decode())


def has_same_content(one: bytes, other: bytes) -> bool:
    """Return whether two states differ only in formatting."""
    try:
        return bool(json.loads(one) == json.loads(other))
    except (ValueError, RecursionError):
        return False


def with_serial(content: bytes, serial: int) -> bytes | None:
    """Return the state with another serial; None for an encrypted one, which repeats its serial inside."""
    state = json.loads(content)
    if "encrypted_data" in state:
        return None
    return json.dumps({**state, "serial": serial}, indent=2, ensure_ascii=False).encode() + b"\n"


def managed_resources(content: bytes | None) -> int | None:
    """Return how many resources a state manages, data sources left out; None if that cannot be read from it."""
    try:
        state = json.loads(content or b"")
        # An encrypted state has its resources inside.
        if "encrypted_data" in state:
            return None
        found = state.get("resources") or []
        return sum(len(one.get("instances") or []) for one in found if one.get("mode") == "managed")
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
