"""What the collector of garbage leaves alone in a process that answers requests."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from terrakube_site.collector import spare_what_stays


class Knot:
    """Something that refers to itself, which only the collector frees."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    callbacks, threshold = list(gc.callbacks), gc.get_threshold()
    yield
    gc.callbacks[:] = callbacks
    gc.set_threshold(*threshold)
    # The tests that follow have as little to walk as before.
    gc.collect()
    gc.freeze()


def test_what_stays_after_a_full_collection_is_walked_no_more() -> None:
    spare_what_stays(times=1)
    kept = [Knot() for _ in range(5000)]
    before = gc.get_freeze_count()
    gc.collect()
    assert gc.get_freeze_count() - before >= len(kept)


def test_after_its_times_it_frees_what_others_would() -> None:
    spare_what_stays(times=2)
    gc.collect()
    gc.collect()
    knot = Knot()
    gone = weakref.ref(knot)
    gc.collect()
    del knot
    gc.collect()
    assert gone() is None


def test_garbage_is_freed_from_the_beginning() -> None:
    spare_what_stays(times=3)
    knot = Knot()
    gone = weakref.ref(knot)
    del knot
    gc.collect()
    assert gone() is None


def test_what_a_request_has_in_use_is_not_looked_through_again_and_again() -> None:
    looks: list[int] = []
    gc.callbacks.append(lambda phase, told: looks.append(told["generation"]) if phase == "start" else None)

    def hold() -> int:
        gc.collect()
        looks.clear()
        held = [Knot() for _ in range(20_000)]
        return len(looks) if held else 0

    usual = hold()
    spare_what_stays()

    assert usual > 20
    assert hold() <= 5


def test_what_a_request_had_in_use_is_looked_at_before_much_of_it_is_there() -> None:
    looks: list[int] = []
    spare_what_stays()
    gc.callbacks.append(lambda phase, told: looks.append(told["generation"]) if phase == "start" else None)

    held = [Knot() for _ in range(90_000)]

    assert held
    assert 0 < looks.count(1) < looks.count(0)
    assert 2 not in looks
