"""Measure 5: the memory of the site's processes, at rest after the run."""

from __future__ import annotations

from collections.abc import Iterator

from bench.figures import Figure
from bench.processes import pss_bytes, site_processes

_MIB = 2**20


def memory_figures(up_pid: int) -> Iterator[Figure]:
    """Each process with all that descends from it, by its proportional share of what is shared (PSS)."""
    total = 0.0
    for name, pids in site_processes(up_pid).items():
        if not pids:
            raise RuntimeError(f"the site has no {name} process")
        size = sum(map(pss_bytes, pids)) / _MIB
        total += size
        count = f"{len(pids)} processes" if len(pids) > 1 else "1 process"
        yield Figure(measure=5, name=f"memory of {name} ({count})", value=size, unit="MiB")
    yield Figure(measure=5, name="memory of web, worker and watcher together", value=total, unit="MiB", aim=300)
    yield Figure(measure=5, name="memory of manage.py up beside them", value=pss_bytes(up_pid) / _MIB, unit="MiB")
