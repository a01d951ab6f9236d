"""Wait for what other processes do."""

import time
from collections.abc import Callable

import pytest

PAUSE_SECONDS = 0.05


def await_that[T](look: Callable[[], T | None], what: str, seconds: float = 40) -> T:
    """Look until there is something to see, and return that; fail the test after so many seconds."""
    until = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > until:
            pytest.fail(f"after {seconds:.0f} s not yet: {what}")
        time.sleep(PAUSE_SECONDS)
    return seen
