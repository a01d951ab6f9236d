"""Measure 5: the memory of the site's processes, at rest after the run."""

from __future__ import annotations

from collections.abc import Iterator

from bench.figures import Figure
from bench.processes import arguments, pss_bytes, tree

_MIB = 2**20
# A word of the command line by which each of the processes that `manage.py up` starts is known.
_WORDS = {"web": "uvicorn", "worker": "qcluster", "watcher": "watch"}


def memory_figures(up_pid: int) -> Iterator[Figure]:
    """Each process with all that descends from it, by its proportional share of what is shared (PSS)."""
    total = 0.0
    for name, word in _WORDS.items():
        roots = [pid for pid in tree(up_pid) if pid != up_pid and word in arguments(pid)]
        if not roots:
            raise RuntimeError(f"the site has no {name} process")
        pids = tree(min(roots))
        size = sum(map(pss_bytes, pids)) / _MIB
        total += size
        count = f"{len(pids)} processes" if len(pids) > 1 else "1 process"
        yield Figure(measure=5, name=f"memory of {name} ({count})", value=size, unit="MiB")
    yield Figure(measure=5, name="memory of web, worker and watcher together", value=total, unit="MiB", aim=450)
    yield Figure(measure=5, name="memory of manage.py up beside them", value=pss_bytes(up_pid) / _MIB, unit="MiB")
