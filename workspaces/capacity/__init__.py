"""How many steps may be in execution at once, and who is next when there is room for one more.

A limit is the installation's, an organization's or a workspace's. It counts the steps that are with an executor, from
their rows, in the transaction that hands the next one over; whoever counts holds the limit's lock, so no two count the
same room. Without a limit nothing is locked and nobody waits.
"""

from workspaces.capacity.limits import Limit, is_limited, limits_over
from workspaces.capacity.line import Place, first_in_line, note_places, place_of, places_of, somebody_waits, waiting
from workspaces.capacity.room import Refusal, class_of, first_class, refusal

__all__ = [
    "Limit",
    "Place",
    "Refusal",
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
