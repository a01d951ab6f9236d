"""Which files of a folder terraform and tofu read, and in which order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from .blocks import Block, hcl_blocks, json_blocks

ENDINGS = (".tf", ".tf.json", ".tofu", ".tofu.json")


def configuration_files(module: Path, *, tofu: bool) -> list[Path]:
    """Return the files of a module that the tool reads."""
    names = sorted(path.name for path in module.iterdir() if path.is_file() and not path.name.startswith("."))
    endings = ENDINGS if tofu else ENDINGS[:2]
    present = set(names)
    files = []
    for name in names:
        if not name.endswith(endings) or name.endswith("~") or (name.startswith("#") and name.endswith("#")):
            continue
        # tofu reads a.tofu instead of an a.tf beside it.
        if tofu and name.endswith((".tf", ".tf.json")) and name.replace(".tf", ".tofu") in present:
            continue
        files.append(module / name)
    return files


def is_override(name: str) -> bool:
    """Return whether a file of this name changes the blocks of others."""
    ending = next((ending for ending in sorted(ENDINGS, key=len, reverse=True) if name.endswith(ending)), "")
    stem = name.removesuffix(ending)
    return bool(ending) and (stem == "override" or stem.endswith("_override"))


def read_blocks(path: Path) -> tuple[Block, ...]:
    """Return the blocks of a file of a configuration. Raises OSError."""
    text = path.read_text(errors="replace")
    return json_blocks(text) if path.name.endswith(".json") else hcl_blocks(text)


def state_blocks(path: Path) -> Iterator[tuple[str, int]]:
    """Return the blocks of a file that configure where the state is kept, each with its line. Raises OSError."""
    for block in read_blocks(path):
        if block.kind == "terraform":
            for inner in block.blocks:
                if inner.kind in ("backend", "cloud", "state_store"):
                    yield (f'{inner.kind} "{inner.label}"' if inner.label else inner.kind), inner.line


# ---- the override file with our backend ------------------------------------------------------------------------------

OVERRIDE_FILE = "terrakube_override.tf"
"""What the name of our override file ends with, whatever stands before it."""
_LONGEST_NAME = 255
_LAST_CHARACTER = os.fsdecode("\U0010ffff".encode())


def our_name(names: list[str]) -> str | None:
    """Return a name for our override file behind all of these, None where there is none.

    terraform and tofu merge override files in the byte order of their names, and the last `backend`, `cloud` or
    `state_store` block counts. tofu reads `x.tofu` instead of an `x.tf` beside it, so it is a name without such a twin.
    """
    return next((name for name in _candidates() if name not in names and is_last(name, names)), None)


def is_last(ours: str, names: list[str]) -> bool:
    """Return whether a file of this name is read, and after each other override file."""
    if ours.replace(".tf", ".tofu") in names:
        return False
    others = (name for name in names if is_override(name) and name != ours)
    return all(os.fsencode(name) < os.fsencode(ours) for name in others)


def last_override(names: list[str]) -> str:
    """Return the override file that is merged last. Raises ValueError without one."""
    return max(filter(is_override, names), key=os.fsencode)


def _candidates() -> Iterator[str]:
    """Names for our override file, each behind the one before it."""
    yield OVERRIDE_FILE
    for first in ("~", _LAST_CHARACTER):
        prefix = first
        while len(os.fsencode(prefix + OVERRIDE_FILE)) <= _LONGEST_NAME:
            yield prefix + OVERRIDE_FILE
            prefix += first
