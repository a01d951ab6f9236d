"""How long tests wait for what must happen: on a busy machine everything takes several times as long.

A test says how many seconds something takes on a quiet machine, and waits for a multiple of that before it fails. None
asserts how long something took: it asserts order, counts, or what was done; speed is measured in ``bench/``.
"""

FACTOR = 8


def patient(seconds: float) -> float:
    """Return for how many seconds a test may wait for what takes so many on a quiet machine."""
    return seconds * FACTOR
