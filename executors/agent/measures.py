"""What the step used."""

from __future__ import annotations

import os
import resource
from pathlib import Path

_CGROUP_FILES = ("/sys/fs/cgroup/memory.peak", "/sys/fs/cgroup/memory/memory.max_usage_in_bytes")


def peak_memory_bytes() -> int:
    """The container's peak when this is its first process, else that of the largest process of the step."""
    # Elsewhere the cgroup is the machine's or the worker's, and says nothing about this step.
    if os.getpid() == 1:
        for name in _CGROUP_FILES:
            try:
                return int(Path(name).read_text())
            except (OSError, ValueError):
                continue
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return max(usage.ru_maxrss for usage in usages) * 1024


def cpu_seconds() -> float:
    """Processor time of this process and of all that it ran."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return round(sum(usage.ru_utime + usage.ru_stime for usage in usages), 3)


def hide_from_children() -> None:
    """Keep processes of the same user from reading our memory and first environment.

    /proc/<pid>/environ shows what a process was started with, whatever it removed since. In the claim form the
    token in it is spent, in the inline form there are secrets. Linux only; where the call is refused nothing changes.
    """
    import ctypes

    pr_set_dumpable = 4
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_dumpable, 0, 0, 0, 0)
