"""Undelivered states: find the newest, and keep a copy on disk if there is space."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class StateLeft:
    """A state that is not the workspace's current one.

    `recovered` says why the API refused it where it keeps it as a recovered state; else it is only here, as `content`
    (empty when it was too large to be held, of `size` bytes).
    """

    recovered: str = ""
    content: bytes = b""
    size: int = 0


class KeptState:
    """One state in a file that only we can read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, content: bytes) -> Path | None:
        """Write it, and return the file once it is proved to hold all of it; None where that was not possible."""
        half = self._path.with_name(self._path.name + ".part")
        try:
            with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            half.replace(self._path)
            if self._path.read_bytes() == content:
                return self._path
        except OSError:
            pass
        for path in (half, self._path):
            with contextlib.suppress(OSError):
                path.unlink()
        return None

    def remove(self) -> None:
        """Remove the copy."""
        with contextlib.suppress(OSError):
            self._path.unlink()


def parse_state(content: bytes) -> dict[str, Any] | None:
    """Return a complete state; None for anything else."""
    try:
        state = json.loads(content)
    except ValueError:
        return None
    if not isinstance(state, dict) or type(state.get("serial")) is not int or not isinstance(state.get("lineage"), str):
        return None
    return state


def newest_of(contents: Iterable[bytes]) -> bytes | None:
    """Return the state with the highest serial, the first of those that say the same; None without one.

    Of two that differ in content only the later one counts, since the tool wrote it later.
    """
    best: tuple[bytes, dict[str, Any]] | None = None
    for content in contents:
        state = parse_state(content)
        if state is None:
            continue
        if (
            best is None
            or state["serial"] > best[1]["serial"]
            or (state["serial"] == best[1]["serial"] and state != best[1])
        ):
            best = content, state
    return best[0] if best is not None else None
