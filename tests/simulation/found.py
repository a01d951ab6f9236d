"""A seed below 5,000 whose history shows each planted fault.

A test begins there and not at 0, for the time it takes. Where a change of the product or of the simulation makes it
another history, the search goes on from 0, and ``--planted all`` finds new ones.
"""

SEEDS: dict[str, int] = {
    "claimed-twice": 0,
    "claim-not-exclusive": 0,
    "claim-after-the-end": 0,
    "status-overwritten": 1,
    "sweep-forgets-jobs": 0,
    "sweep-forgets-cancels": 3,
    "cancel-not-told": 9,
    "cancel-frees-at-once": 25,
    "retried-after-the-claim": 33,
    "sweep-forgets-launches": 24,
    "launch-not-stopped": 40,
    "report-after-the-end": 133,
    "free-before-the-proof": 195,
    "gone-unproved": 136,
    "warm-pods-forgotten": 1,
    "warm-pod-for-anybody": 27,
}
