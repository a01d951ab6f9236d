"""The life of steps, proved by simulation: many short histories in which everything goes wrong that can.

The product's own code decides: transitions, attempts, launcher, sweep, watch and warm pool, the executor's endpoints,
and the executor's own wait, claim and HTTP client, over a real database in memory. Played are the clock, the cluster
with its controllers, the queue, the network, the people, and what an executor does between claim and result.

- ``choices``: all that is left to chance, from one seed; a history is repeated by its seed or by its choices
- ``schedule``, ``clock``: processes as coroutines. Between any two transactions, calls of the cluster and tasks that
  are queued, a process may die, or stand still while the others act
- ``weather``: which faults a history has. After 150 s nothing goes wrong any more, and all must come to its end
- ``cluster``, ``site``, ``executor``, ``database``: what is played, and where the product's code meets it
- ``recorded_queries``, ``query_plans``, ``quick_records``: Django's queries, built once for all histories, and its
  records, for the time it takes
- ``world``, ``runs``, ``pieces``: one history, and many
- ``history``: what was seen from outside, and the checker of it, which knows no record of the product
- ``shrinking``: a history that is wrong, as small as it gets
- ``planted``: faults put into the product on purpose, each of which must be found

Not simulated: two transactions of one job at the same time (PostgreSQL's row lock keeps them apart, SQLite has none),
the creation of a job, what a claim hands over, states and logs, notifications, retention, steps on the site's own
machine. Of every four histories one is also judged by ``executors.invariants``.

    make simulate HISTORIES=100000
    python -m tests.simulation --seed 17                  # repeat one and tell it
    python -m tests.simulation --planted all --histories 5000
"""
