"""The first seed, from 0 on, whose history shows each planted fault.

A test begins there and not at 0, for the time it takes. Where a change of the product or of the simulation makes it
another history, the search goes on from there, and ``--planted all`` finds the new first ones.
"""

FIRST_SEEDS: dict[str, int] = {
    "claimed-twice": 0,
    "claim-not-exclusive": 0,
    "claim-after-the-end": 0,
    "status-overwritten": 3,
    "sweep-forgets-jobs": 0,
    "sweep-forgets-cancels": 3,
    "cancel-not-told": 9,
    "cancel-frees-at-once": 31,
    "retried-after-the-claim": 33,
    "sweep-forgets-launches": 24,
    "launch-not-stopped": 40,
}
