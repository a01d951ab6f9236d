"""How many steps may run at once, and which job is next when capacity is free.

A limit belongs to the installation, an organization or a workspace. It counts the steps in executors from their rows,
in the transaction that hands the next one over, under the limit's lock, so no two transactions count the same capacity.
Without a limit nothing is locked and no job waits.
"""

from workspaces.jobs.capacity.limits import Limit, checks_under, is_limited, limits_over
from workspaces.jobs.capacity.line import (
    Place,
    first_in_line,
    note_places,
    place_of,
    places_of,
    somebody_waits,
    waiting,
)
from workspaces.jobs.capacity.room import Refusal, class_of, first_class, refusal

__all__ = [
    "Limit",
    "Place",
    "Refusal",
    "checks_under",
    "class_of",
    "first_class",
    "first_in_line",
    "is_limited",
    "limits_over",
    "note_places",
    "place_of",
    "places_of",
    "refusal",
    "somebody_waits",
    "waiting",
]
