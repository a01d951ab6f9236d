"""Read the serial and lineage of a Terraform state, check it, and compare the content of two states."""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass
from typing import Any, NoReturn

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import marked, message
from workspaces.errors import InvalidInput

LARGEST_SERIAL = 2**63 - 1
MAX_STATE_BYTES = 256 * 2**20
"""Size limit of a current state, in bytes, whoever writes it."""
FORMAT = 4
"""Version of the state format that terraform from 0.12 on and tofu write."""
_BYTE_ORDER_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_NAMES = {
    dict: marked(_("an object")),
    list: marked(_("a list")),
    str: marked(_("text")),
    bool: marked(_("true or false")),
    type(None): marked(_("missing")),
}


@dataclass(frozen=True, slots=True)
class State:
    """``serial`` counts the changes of a state; ``lineage`` is shared by all states of one history.

    ``managed`` is the number of resources that it manages, None where that cannot be read.
    """

    serial: int
    lineage: str
    managed: int | None = None


def read_state(content: bytes) -> State:
    """Parse a state's serial and lineage. Raises InvalidInput for content that terraform cannot read as a state."""
    try:
        # As terraform: UTF-8 without a byte order mark, while Python alone would guess the encoding.
        state = json.loads(content.decode(), parse_constant=_no_constant)
        serial, lineage, managed = state["serial"], state["lineage"], _managed(state)
    except (ValueError, KeyError, TypeError, RecursionError):
        serial = lineage = managed = None
    if type(serial) is not int or not 0 <= serial <= LARGEST_SERIAL or not isinstance(lineage, str) or not lineage:
        raise InvalidInput(_("This is not a Terraform state. Send JSON with serial and lineage."))
    # Databases store no NUL and no lone surrogate in texts.
    return State(serial, lineage.replace("\0", "").encode(errors="replace").decode(), managed)


def check_uploaded(content: bytes) -> None:
    """Check a state that a user uploads more closely than ``read_state``, which also takes what executors write.

    An encrypted state has only serial and lineage to check. Raises InvalidInput, which names the member, its value if
    that is a number, and what is allowed.
    """
    if len(content) > MAX_STATE_BYTES:
        raise InvalidInput(message(_("The state is larger than {size} MiB."), size=MAX_STATE_BYTES // 2**20))
    if content.startswith(_BYTE_ORDER_MARKS):
        raise InvalidInput(
            _(
                "The state has a byte order mark, so Terraform cannot read it. Send it in UTF-8 as Terraform wrote it; "
                "PowerShell's > changes the encoding."
            )
        )
    read_state(content)
    state = json.loads(content)
    if "encrypted_data" in state:
        return
    if type(state.get("version")) is not int or state["version"] != FORMAT:
        wrong = _(
            "version of the state is {value}; {allowed} is allowed, which terraform 0.12 and newer and tofu write."
        )
        value = _quoted(state.get("version"))
        raise InvalidInput(message(wrong, value=value, allowed=FORMAT), fields={"version": "wrong"})
    for name, kind, allowed in (
        ("resources", list, marked(_("a list"))),
        ("outputs", dict, marked(_("an object"))),
    ):
        if name in state and not isinstance(state[name], kind):
            wrong = _("{name} of the state is {value}; {allowed} is allowed.")
            raise InvalidInput(
                message(wrong, name=name, value=_quoted(state[name]), allowed=allowed), fields={name: "wrong"}
            )


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _quoted(value: Any) -> Any:
    """Return a number, and of everything else, which may be sensitive, only what it is."""
    return _NAMES.get(type(value), value)


def has_same_content(one: bytes, other: bytes) -> bool:
    """Return whether two states differ only in formatting."""
    try:
        return bool(json.loads(one) == json.loads(other))
    except (ValueError, RecursionError):
        return False


def with_serial(content: bytes, serial: int, *, lineage: str | None = None) -> bytes | None:
    """Return the state with another serial, and another lineage if one is given.

    None for an encrypted state, which repeats both inside, and for a serial that is too large.
    """
    state = json.loads(content)
    if "encrypted_data" in state or serial > LARGEST_SERIAL:
        return None
    changed = {"serial": serial} | ({} if lineage is None else {"lineage": lineage})
    return json.dumps({**state, **changed}, indent=2, ensure_ascii=False).encode() + b"\n"


def managed_resources(content: bytes | None) -> int | None:
    """Return how many resources a state manages, data sources left out; None if that cannot be read from it."""
    try:
        return _managed(json.loads(content or b""))
    except (ValueError, RecursionError):
        return None


def _managed(state: Any) -> int | None:
    try:
        # An encrypted state has its resources inside.
        if "encrypted_data" in state:
            return None
        found = state.get("resources") or []
        return sum(len(one.get("instances") or []) for one in found if one.get("mode") == "managed")
    except (TypeError, AttributeError):
        return None
