"""Python's collector of garbage in a process that answers requests."""

from __future__ import annotations

import gc
from typing import Any

_SPARED = 12
_YOUNG = 10_000
"""New objects, more than were freed, before the collector looks through them; Python's own number is 700."""
_MIDDLE, _OLD = 2, 50
"""After so many looks the next older objects are looked at, too; Python's own numbers are 10 and 10."""


def spare_what_stays(times: int = _SPARED) -> None:
    """Leave what is loaded by now out of the collector's walks, and what the first requests load after it.

    Templates, forms and caches are made when they are asked for first. After each of the first ``times`` full
    collections what is left is taken for good, too; a full collection, which holds up one request of a hundred, has
    little to walk then. What a request on its way holds in that moment and leaves in a circle later is never freed,
    which is why it ends after a few times.

    A page makes some tens of thousands of objects that live as long as its request. The collector looks at them when
    most are gone, not again and again while they are in use. What it met in the middle of a request is looked at soon
    after: left for ten requests it holds up the eleventh by 10 to 30 ms, of three it takes 5.
    """
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
    left = times

    def spare(phase: str, told: dict[str, Any]) -> None:
        nonlocal left
        if phase != "stop" or told["generation"] != 2:
            return
        gc.freeze()
        left -= 1
        if left <= 0:
            gc.callbacks.remove(spare)

    gc.collect()
    gc.freeze()
    gc.callbacks.append(spare)
