"""Memory of the step's container: usage, limit, and a graceful stop before the kernel kills it.

Works only if this process is the container's first one: elsewhere the cgroup belongs to the machine or a worker.
Without a limit there is nothing to watch. Reads cgroups version 2 and, for old nodes, version 1.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from terrakube_site.sentences import Sentence
from terrakube_site.sentences import marked as _

from .control import Control

CGROUP = Path("/sys/fs/cgroup")
_V1 = "memory"
_NO_LIMIT = 2**60
SOFT_STOP = "memory-soft-stop"
_CHECK_SECONDS = 0.25
_CHECKS = 2
"""Number of checks in a row that must find memory short, so that a short peak stops nothing."""


def limit_bytes(folder: Path = CGROUP) -> int | None:
    """Return the memory limit of the container, None without one."""
    text = _read(folder / "memory.max") or _read(folder / _V1 / "memory.limit_in_bytes")
    # Version 1 has no word for "none", only a number larger than any machine.
    return int(text) if text.isdecimal() and int(text) < _NO_LIMIT else None


def used_bytes(folder: Path = CGROUP) -> int | None:
    """Return the usage without caches that the kernel would drop before it kills; None if unknown."""
    text = _read(folder / "memory.current") or _read(folder / _V1 / "memory.usage_in_bytes")
    if not text.isdecimal():
        return None
    stat = _counts(folder / "memory.stat") or _counts(folder / _V1 / "memory.stat")
    cache = stat.get("file", stat.get("total_cache", 0))
    # Files in memory (tmpfs, an emptyDir of medium Memory) count as cache and cannot be dropped.
    in_memory = stat.get("shmem", 0) if "file" in stat else stat.get("total_shmem", 0)
    return max(0, int(text) - max(0, cache - in_memory) - stat.get("slab_reclaimable", 0))


def was_short(folder: Path = CGROUP) -> bool:
    """Return True if the kernel killed a process of this container for its memory."""
    if os.getpid() != 1 and folder == CGROUP:
        return False
    events = _counts(folder / "memory.events") or _counts(folder / _V1 / "memory.oom_control")
    return events.get("oom_kill", 0) > 0


def killed_in_words() -> str:
    """Return the explanation for a command that the kernel killed for the container's memory."""
    limit = limit_bytes()
    return f"the container's memory reached its limit of {in_words(limit)}" if limit else "memory was used up"


def in_words(count: int) -> str:
    """Format bytes for people."""
    return f"{count / 2**20:.0f} MiB"


def _counts(path: Path) -> dict[str, int]:
    pairs = (line.split(" ", 1) for line in _read(path).splitlines() if " " in line)
    return {name: int(count) for name, count in pairs if count.isdecimal()}


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


class MemoryWatch:
    """Stops the step when its container uses more than this share of its limit; ``share`` 0 turns it off."""

    def __init__(self, control: Control, share: float, folder: Path = CGROUP) -> None:
        self._control = control
        self._folder = folder
        self._limit = limit_bytes(folder)
        self._share = share
        self._short = 0
        if self._limit and share > 0 and (os.getpid() == 1 or folder != CGROUP):
            threading.Thread(target=self._watch, name="memory", daemon=True).start()

    def _watch(self) -> None:
        while not self._control.stopping:
            time.sleep(_CHECK_SECONDS)
            self.check()

    def check(self) -> None:
        """Check once; stop the step if memory was short at each of the last checks."""
        used = used_bytes(self._folder)
        if used is None or not self._limit or used < self._share * self._limit:
            self._short = 0
            return
        self._short += 1
        if self._short < _CHECKS:
            return
        self._control.cancel(
            Sentence(
                _(
                    "The step used {used} of its memory limit of {limit} and was stopped cleanly before it could be "
                    "killed."
                ),
                used=in_words(used),
                limit=in_words(self._limit),
            ),
            code=SOFT_STOP,
        )
