"""The first seed, from 0 on, whose history shows each planted fault.

A test begins there and not at 0, for the time it takes. Where a change of the product or of the simulation makes it
another history, the search goes on from there, and ``--planted all`` finds the new first ones.
"""

FIRST_SEEDS: dict[str, int] = {}
