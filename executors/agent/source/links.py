"""Resolve a symbolic link on the disk, part by part, as the kernel does."""

from __future__ import annotations

import os
from collections.abc import Sequence

#: As the kernel: a path with more links than these in it leads nowhere.
_MOST_LINKS = 40


def leads_out(root: str, parts: Sequence[str]) -> bool:
    """Tell whether the path of these parts below `root` leaves it on its way, also when it comes back.

    `root` is a real path. A part that does not exist yet counts as a folder, so ask again when all is in place.
    An absolute link is followed when it names something below `root`; every other one leads out.
    """
    here: list[str] = []
    rest = list(reversed(parts))
    followed = 0
    while rest:
        part = rest.pop()
        if part in ("", "."):
            continue
        if part == "..":
            if not here:
                return True
            here.pop()
            continue
        try:
            target = os.readlink(os.path.join(root, *here, part))
        except OSError:
            here.append(part)
            continue
        followed += 1
        if followed > _MOST_LINKS:
            return False
        if target.startswith("/"):
            below = below_root(root, target)
            if below is None:
                return True
            here, target = [], below
        rest.extend(reversed(target.split("/")))
    return False


def below_root(root: str, target: str) -> str | None:
    """Return what an absolute path names below `root`, as a relative path; None when it does not begin with `root`."""
    if target == root:
        return "."
    return target.removeprefix(root).lstrip("/") if target.startswith(f"{root}/") else None
