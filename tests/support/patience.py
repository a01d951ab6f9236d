"""How long tests wait for what must happen: on a busy machine everything takes several times as long.

A test says how many seconds something takes on a quiet machine, and waits for a multiple of that before it fails. None
asserts how long something took: it asserts order, counts, or what was done; speed is measured in ``bench/``.
"""

FACTOR = 8
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 0.2


def patient(seconds: float) -> float:
    """Return for how many seconds a test may wait for what takes so many on a quiet machine."""
    return seconds * FACTOR


def pause(waited_seconds: float) -> float:
    """Return how many seconds to pause between two looks at what has been waited for so long.

    It grows with the wait: what is over soon is seen at once, what takes long at most a twentieth later, and the looks,
    which cost the machine time that others wait for, become few.
    """
    return min(max(waited_seconds / 20, _SHORTEST_PAUSE), _LONGEST_PAUSE)
