"""Names for workspaces of a repository's folders. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

_LONGEST = 64


def proposed_names(folders: Iterable[str], repository: str, taken: Collection[str]) -> Mapping[str, str]:
    """Return a name for the workspace of each folder, none of them ``taken`` or proposed twice.

    ``repository`` is the repository's own name: that of its top folder, and in front of a name that is taken.
    """
    used = set(taken)
    found = {}
    for folder in folders:
        name = next(one for one in _candidates(folder, repository) if one not in used)
        used.add(name)
        found[folder] = name
    return found


def _candidates(folder: str, repository: str) -> Iterator[str]:
    whole = _fitting(f"{repository}-{folder}" if folder else repository)
    yield _fitting(folder) or whole
    yield whole
    number = 2
    while True:
        ending = f"-{number}"
        yield whole[: _LONGEST - len(ending)] + ending
        number += 1


def _fitting(text: str) -> str:
    """Return a text as a name that may be part of an address; "" if nothing of it may be."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-.")[:_LONGEST].rstrip("-.")
