"""Run one command as a child process: its output goes to the log, it gets signals, no process of it stays behind."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from terrakube_site.sentences import marked as _

from .control import Control
from .errors import StepFailed

_BLOCK = 64 * 1024
_POLL_SECONDS = 0.1
_DRAIN_SECONDS = 0.5
_GONE_SECONDS = 0.2


class Child:
    """The running command, in a session of its own so that its process group is exactly what it started."""

    def __init__(self, process: subprocess.Popen[bytes], *, whole_group: bool) -> None:
        self._process = process
        self._whole_group = whole_group
        self._interrupted = False

    def interrupt(self) -> None:
        """Send SIGINT once, however often this is called.

        terraform alone gets it: it stops its providers and provisioners itself. bash waits for its child before it
        handles a signal, so a script's whole group gets it.
        """
        if self._interrupted:
            return
        self._interrupted = True
        if self._whole_group:
            self._signal_group(signal.SIGINT)
        else:
            self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Send SIGKILL to the whole group."""
        self._signal_group(signal.SIGKILL)

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    control: Control,
    write: Callable[[bytes], object],
    output: Path | None = None,
    whole_group: bool = False,
    cleanup: bool = False,
) -> int:
    """Run a command to its end; return its exit code (128 + n if signal n ended it).

    Its output goes to `write`; with `output`, standard output goes to that file and only errors to `write`.
    `whole_group` sends an interrupt to the whole group; `cleanup` runs even while the step is being stopped. Raises
    Stopped before the start if no new command may start, and StepFailed if the command cannot be started.
    """
    if not cleanup:
        control.check()
    reader, writer = os.pipe()
    try:
        with contextlib.ExitStack() as stack:
            out: int = writer
            if output is not None:
                out = stack.enter_context(output.open("wb")).fileno()
            process = subprocess.Popen(
                argv,
                cwd=cwd,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=writer,
                # exec closes our descriptors anyway, and asking for it costs a walk through /proc.
                close_fds=False,
                start_new_session=True,
            )
    except OSError as error:
        os.close(reader)
        raise StepFailed(
            "cannot-start",
            _("{program} could not be started: {error}."),
            program=Path(argv[0]).name,
            error=error.strerror,
        ) from None
    finally:
        os.close(writer)
    child = Child(process, whole_group=whole_group)
    control.attach(child, cleanup=cleanup)
    try:
        _pump(process, reader, write)
    finally:
        control.detach()
        os.close(reader)
        child.kill()
        process.wait()
        _reap_group(process.pid)
    code = process.returncode
    return code if code >= 0 else 128 - code


def _pump(process: subprocess.Popen[bytes], reader: int, write: Callable[[bytes], object]) -> None:
    """Copy output until the command has ended, not until the pipe closes: a background child may keep it open."""
    os.set_blocking(reader, False)
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    pidfd = -1
    with contextlib.suppress(OSError):
        pidfd = os.pidfd_open(process.pid)
        poll.register(pidfd, select.POLLIN)
    closed = ended = False
    try:
        while not ended:
            events = dict(poll.poll(None if pidfd >= 0 else _POLL_SECONDS * 1000))
            if reader in events and not _copy(reader, write):
                closed = True
                poll.unregister(reader)
            ended = pidfd in events or (pidfd < 0 and process.poll() is not None)
        deadline = time.monotonic() + _DRAIN_SECONDS
        while not closed and time.monotonic() < deadline:
            if select.select([reader], [], [], 0)[0]:
                closed = not _copy(reader, write)
            else:
                break
    finally:
        if pidfd >= 0:
            os.close(pidfd)


def _copy(reader: int, write: Callable[[bytes], object]) -> bool:
    try:
        data = os.read(reader, _BLOCK)
    except BlockingIOError:
        return True
    if data:
        write(data)
    return bool(data)


def _reap_group(group: int) -> None:
    """Wait until the killed rest of the process group is gone.

    Process 1 inherits these processes and must reap them; elsewhere the init process does, in its own time.
    """
    deadline = time.monotonic() + _GONE_SECONDS
    while True:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        try:
            os.killpg(group, 0)
        except OSError:
            return
        if time.monotonic() > deadline:
            return
        time.sleep(0.002)
