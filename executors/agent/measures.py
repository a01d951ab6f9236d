"""Resources that the step used."""

from __future__ import annotations

import os
import resource
from pathlib import Path

_CGROUP_FILES = ("/sys/fs/cgroup/memory.peak", "/sys/fs/cgroup/memory/memory.max_usage_in_bytes")


def peak_memory_bytes() -> int:
    """Return the peak of the container if this is its first process, else the one of the step's largest process."""
    # Elsewhere the cgroup belongs to the machine or the worker and says nothing about this step.
    if os.getpid() == 1:
        for name in _CGROUP_FILES:
            try:
                return int(Path(name).read_text())
            except (OSError, ValueError):
                continue
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return max(usage.ru_maxrss for usage in usages) * 1024


def cpu_seconds() -> float:
    """Return the processor time of this process and of all its children."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return round(sum(usage.ru_utime + usage.ru_stime for usage in usages), 3)


def hide_from_children() -> None:
    """Keep other processes of the same user from reading our memory and initial environment.

    /proc/<pid>/environ shows the environment a process was started with, even after variables were removed. In the
    claim form the token there is spent; in the inline form it holds secrets. Linux only; without effect if the call is
    refused.
    """
    import ctypes

    pr_set_dumpable = 4
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_dumpable, 0, 0, 0, 0)
