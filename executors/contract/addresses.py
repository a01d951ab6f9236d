"""Parse terraform resource addresses into comparable parts."""

from __future__ import annotations

import re
import sys
import unicodedata
from dataclasses import dataclass, replace

_NAME = r"[^\W\d][\w-]*"
_STEP = re.compile(rf'({_NAME})(\[(?:\d+|"(?:[^"\\]|\\.)*")\])?(?:\.|$)', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|.)", re.DOTALL)
_ESCAPES = {"\\n": "\n", "\\r": "\r", "\\t": "\t", '\\"': '"', "\\\\": "\\"}
_MODES = ("data", "ephemeral")
# First words of names in a configuration that are no resources.
_NO_TYPES = frozenset({"var", "local", "output", "provider", "check", "module", "path", "self", "each", "count"})

Key = int | str | None
"""Key of an instance; None if the address names none."""


@dataclass(frozen=True, slots=True)
class Address:
    """A module, a resource, or one instance of it.

    ``modules`` are the names and keys of the enclosing modules. ``mode`` is empty for a managed resource; ``type``
    is empty for a module.
    """

    modules: tuple[tuple[str, Key], ...] = ()
    mode: str = ""
    type: str = ""
    name: str = ""
    key: Key = None

    @property
    def is_module(self) -> bool:
        return not self.type

    @property
    def module_names(self) -> tuple[str, ...]:
        """Return the enclosing modules without their keys."""
        return tuple(name for name, _ in self.modules)

    @property
    def without_keys(self) -> Address:
        """Return the address in the configuration, which all instances share."""
        return replace(self, modules=tuple((name, None) for name in self.module_names), key=None)

    def covers(self, other: Address) -> bool:
        """Return True if the other address is this one, an instance of it, or inside it; no key matches every key."""
        if len(self.modules) > len(other.modules):
            return False
        if any(not _same_step(own, its) for own, its in zip(self.modules, other.modules, strict=False)):
            return False
        if self.is_module:
            return True
        own = (len(self.modules), self.mode, self.type, self.name)
        return own == (len(other.modules), other.mode, other.type, other.name) and self.key in (None, other.key)


def _same_step(own: tuple[str, Key], its: tuple[str, Key]) -> bool:
    return own[0] == its[0] and own[1] in (None, its[1])


def read_address(text: str) -> Address | None:
    """Parse an address; None if it is neither a module nor a resource."""
    steps: list[tuple[str, Key]] = []
    at = 0
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            return None
        steps.append((match[1], _key(match[2])))
        at = match.end()
    if not steps or text.endswith("."):
        return None
    modules: list[tuple[str, Key]] = []
    while len(steps) >= 2 and steps[0] == ("module", None):
        modules.append(steps[1])
        del steps[:2]
    if not steps:
        return Address(tuple(modules))
    mode = ""
    if len(steps) == 3 and steps[0] in [(mode, None) for mode in _MODES]:
        mode = steps.pop(0)[0]
    if len(steps) != 2 or steps[0][1] is not None or steps[0][0] in _NO_TYPES:
        return None
    return Address(tuple(modules), mode, steps[0][0], steps[1][0], steps[1][1])


def _key(text: str | None) -> Key:
    if text is None:
        return None
    inner = text[1:-1]
    if not inner.startswith('"'):
        return int(inner)
    key = _ESCAPE.sub(_unescaped, inner[1:-1]).replace("$${", "${").replace("%%{", "%{")
    # HCL composes characters, so terraform takes both forms for the same key.
    return unicodedata.normalize("NFC", key)


def _unescaped(found: re.Match[str]) -> str:
    code = int(found[1] or found[2] or "110000", 16)
    # An escape that HCL does not have stays as it is written.
    return chr(code) if code <= sys.maxunicode else _ESCAPES.get(found[0], found[0])
