"""Resources that a document includes, by their type: the part of the protocol that has a type says how it looks.

The parts import no other part's documents, since they include each other: a workspace its current run, a run its
workspace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tfe.documents import Json
from workspaces.actors import Actor

type Builder = Callable[[Actor, Sequence[Any]], list[Json]]
_BUILDERS: dict[str, Builder] = {}


def builds(kind: str) -> Callable[[Builder], Builder]:
    """Register a function as the one that renders resources of a type, given their records' keys.

    It leaves out what the caller may not see, and costs a fixed number of queries.
    """

    def register(builder: Builder) -> Builder:
        _BUILDERS[kind] = builder
        return builder

    return register


def objects_of(kind: str, actor: Actor, keys: Iterable[Any]) -> list[Json]:
    """Return the visible resources of a type with these keys; none for a type that nothing renders."""
    found = list(dict.fromkeys(key for key in keys if key is not None))
    return _BUILDERS[kind](actor, found) if found and kind in _BUILDERS else []
