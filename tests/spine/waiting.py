"""Wait for what other processes do."""

import time
from collections.abc import Callable

import pytest

from tests.support.patience import patient, pause


def await_that[T](look: Callable[[], T | None], what: str, seconds: float = 40) -> T:
    """Look until there is something to see, and return that; fail the test after so many seconds on a quiet machine."""
    began = time.monotonic()
    while not (seen := look()):
        waited = time.monotonic() - began
        if waited > patient(seconds):
            pytest.fail(f"after {patient(seconds):.0f} s not yet: {what}")
        time.sleep(pause(waited))
    return seen
