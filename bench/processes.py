"""Processes of this machine as /proc and the kernel's process events show them."""

from __future__ import annotations

import os
import select
import socket
import struct
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from executors.contract.job_data import DATA_VARIABLE, JobDataError, decode

_PROC = Path("/proc")
_NETLINK_CONNECTOR = 11
_CN_IDX_PROC = _CN_VAL_PROC = 1
_LISTEN = 1
_EXEC, _EXIT = 0x00000002, 0x80000000
# struct nlmsghdr, then struct cn_msg, then what, cpu and timestamp of struct proc_event
_NETLINK_HEADER = struct.Struct("=IHHII")
_CONNECTOR_HEADER = struct.Struct("=IIIIHH")
_EVENT_HEADER = struct.Struct("=IIQ")
_DATA_PREFIX = f"{DATA_VARIABLE}=".encode()


def arguments(pid: int) -> list[str]:
    """Return a process's command line; empty when it is gone."""
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def tree(pid: int) -> list[int]:
    """Return a process and all that descends from it."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for each in found:
        found.extend(children.get(each, []))
    return found


def site_processes(up_pid: int) -> dict[str, list[int]]:
    """Return the processes of web, worker and watcher that `manage.py up` has started."""
    found: dict[str, list[int]] = {"web": [], "worker": [], "watcher": []}
    for pid in tree(up_pid):
        with suppress(OSError):
            # As executors.supervision names them.
            name = (_PROC / str(pid) / "comm").read_text().strip().removeprefix("site-")
            if name in found:
                found[name].append(pid)
    return found


def site_cpu_seconds(up_pid: int) -> dict[str, float]:
    """Return the processor time that web, worker and watcher have used so far."""
    return {name: cpu_seconds(pids) for name, pids in site_processes(up_pid).items()}


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the processor time that processes have used so far, with that of their children that have ended.

    So what a worker's processes used is not lost when others take their place, as long as their parent is asked too.
    """
    ticks = 0
    for pid in pids:
        try:
            fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        # utime, stime, cutime, cstime
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def of_pod(uid: str) -> list[int]:
    """The processes of a pod's container on this machine, by the pod's uid; its sandbox's own is not among them."""
    found = []
    for entry in _PROC.iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            # Written with dashes or with underscores, by the cgroup driver.
            within = uid in (entry / "cgroup").read_text().replace("_", "-")
        except OSError:
            continue
        if within and arguments(int(entry.name)) != ["/pause"]:
            found.append(int(entry.name))
    return found


def pss_bytes(pid: int) -> int:
    """Return a process's share of memory: its own pages, and of each shared page its part."""
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def peak_bytes(pid: int) -> int:
    """The most memory that a process has had in use so far (VmHWM), its children not counted; 0 when it is gone."""
    try:
        lines = (_PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


@dataclass(slots=True)
class Run:
    """One run of the executor: its attempt's address, when its program was started and gone (time.time), peak memory.

    ``ended`` is 0 while it runs; ``peak`` is in bytes.
    """

    pid: int
    attempt_url: str
    started: float
    ended: float = 0.0
    peak: int = 0


class ExecutorRuns:
    """Hears from the kernel when an executor of a site is started on this machine and when it is gone.

    The start is the moment in which the container's process becomes the executor (exec). Raises OSError where the
    kernel or the user's rights don't allow to listen.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self.runs: list[Run] = []
        self._open: dict[int, Run] = {}
        self._news = threading.Condition()
        self._closed = False
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_CONNECTOR)
        self._socket.bind((os.getpid(), _CN_IDX_PROC))
        body = struct.pack("=I", _LISTEN)
        message = _CONNECTOR_HEADER.pack(_CN_IDX_PROC, _CN_VAL_PROC, 0, 0, len(body), 0) + body
        self._socket.send(_NETLINK_HEADER.pack(_NETLINK_HEADER.size + len(message), 3, 0, 0, os.getpid()) + message)
        self._thread = threading.Thread(target=self._listen, name="executor-runs", daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while not self._closed:
            ready, _, _ = select.select([self._socket], [], [], 0.02 if self._open else 0.2)
            # A peak only grows, so the last look before the end is close to it.
            for run in self._open.values():
                run.peak = max(run.peak, peak_bytes(run.pid))
            if not ready:
                continue
            try:
                data = self._socket.recv(4096)
            except OSError:
                # More events than the buffer holds; the next one is read as usual.
                continue
            self._take(data[_NETLINK_HEADER.size + _CONNECTOR_HEADER.size :])

    def _take(self, event: bytes) -> None:
        what, _, nanoseconds = _EVENT_HEADER.unpack_from(event)
        if what not in {_EXEC, _EXIT}:
            return
        pid, group = struct.unpack_from("=II", event, _EVENT_HEADER.size)
        if pid != group:
            return
        # The kernel counts from the machine's start; what the site writes is the time of day.
        at = nanoseconds / 1e9 + time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
        with self._news:
            if what == _EXEC and (url := self._attempt_url(pid)):
                run = Run(pid, url, at)
                self._open[pid] = run
                self.runs.append(run)
            elif what == _EXIT and pid in self._open:
                self._open.pop(pid).ended = at
                self._news.notify_all()

    def _attempt_url(self, pid: int) -> str:
        """Return the attempt that a process runs for this site; empty when it is no executor of it."""
        if "executors.agent" not in arguments(pid):
            return ""
        try:
            entries = (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
            text = next(entry for entry in entries if entry.startswith(_DATA_PREFIX)).removeprefix(_DATA_PREFIX)
            url = decode(text.decode()).attempt_url or ""
        except (OSError, StopIteration, JobDataError):
            return ""
        return url if url.startswith(self._address) else ""

    def await_quiet(self, seconds: float) -> None:
        """Wait until every executor that was seen is gone. Raises TimeoutError."""
        with self._news:
            if not self._news.wait_for(lambda: not self._open, seconds):
                raise TimeoutError(f"executors are still there after {seconds:.0f} s")

    def close(self) -> None:
        self._closed = True
        self._thread.join()
        self._socket.close()
