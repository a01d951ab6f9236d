"""Make a history smaller that shows a fault: leave out choices for as long as the fault stays."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

MOST_TRIES = 300
_VARIABLE = re.compile(r"[0-9a-f]{8}[0-9a-f-]*|\d+(\.\d+)?")


def shape(violation: str) -> str:
    """Return what two violations of the same kind have in common: all but numbers and names."""
    return _VARIABLE.sub("_", violation)[:60]


def shrunk(
    choices: Mapping[str, int],
    violations: Iterable[str],
    run: Callable[[Mapping[str, int]], Iterable[str]],
    *,
    most_tries: int = MOST_TRIES,
) -> dict[str, int]:
    """Return as few of the choices as still lead to one of the violations; ``run`` returns those of given choices."""
    wanted = {shape(violation) for violation in violations}
    tries = 0

    def still(tried: Mapping[str, int]) -> bool:
        nonlocal tries
        tries += 1
        return any(shape(violation) in wanted for violation in run(tried))

    kept = dict(choices)
    size = max(1, len(kept) // 2)
    while kept and tries < most_tries:
        smaller = False
        for start in range(0, len(kept), size):
            left_out = set(list(kept)[start : start + size])
            tried = {name: value for name, value in kept.items() if name not in left_out}
            if len(tried) < len(kept) and tries < most_tries and still(tried):
                kept, smaller = tried, True
                break
        if not smaller:
            if size == 1:
                break
            size = max(1, size // 2)
    return kept


def as_text(choices: Mapping[str, int]) -> str:
    """Return choices as the command takes them: ``task lost:1, how pause:2=3``."""
    return ", ".join(name if value == 1 else f"{name}={value}" for name, value in choices.items())


def from_text(text: str) -> dict[str, int]:
    """Read what ``as_text`` returned."""
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _sign, value = part.partition("=")
        found[name] = int(value or 1)
    return found
