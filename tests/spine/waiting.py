"""Wait for what other processes do."""

import time
from collections.abc import Callable

import pytest

from tests.support.patience import patient, pause


def await_that[T](look: Callable[[], T | None], what: str, seconds: float = 40) -> T:
    """Look until there is something to see, and return that; fail the test after so many seconds on a quiet machine."""
    until = time.monotonic() + patient(seconds)
    while not (seen := look()):
        left = until - time.monotonic()
        if left < 0:
            pytest.fail(f"after {patient(seconds):.0f} s not yet: {what}")
        time.sleep(pause(patient(seconds) - left))
    return seen
