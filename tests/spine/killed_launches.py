"""Launch jobs as a worker does, each in a process of its own that is killed at a given line of the way.

    python -m tests.spine.killed_launches

Each line of its input is a list of orders, and each line of its output the list of their outcomes. An order is
``{"task": name, "argument": id, "line": place, "seconds": n}``: SIGKILL just before a line is run for the first time,
where a place is ``file.py:number``, or after so many seconds, whatever the process is doing then; with neither it runs
to its end. The outcome of each is ``{"killed": bool, "lines": [places in order of first reach], "touches": [n…],
"kinds": [what it touched]}``, where n is how often the process had touched the world outside of it before it reached
the line. Between two lines of the same n it has changed nothing that outlives it, so a kill at one leaves what a kill
at the other does.

All processes are forked from one that has loaded everything and connected to nothing, as a worker's are.
"""

from __future__ import annotations

import inspect
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
WATCHED = (
    "executors/launching/",
    "executors/cluster/",
    "executors/attempts/lifecycle/",
    "executors/tasks.py",
    "workspaces/jobs/transitions/",
    "workspaces/task_queue/client.py",
)
AT_ONCE = 3
AT_WORK = 20
"""How many executors may work on this machine before the next launch; a busy one could not answer them all at once."""
_TOOL = 3
_TOUCH = "touched"
# Calls that tell of themselves (sys.audit) and reach the world; opening a file counts if it is to be written.
_CHANGES = ("os.", "subprocess.", "fcntl.", "shutil.", "tempfile.", "socket.")
_FOR_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

type Order = dict[str, Any]
type Outcome = dict[str, Any]


def _is_watched(code: CodeType) -> bool:
    path = code.co_filename.removeprefix(f"{PROJECT}/")
    # What a module does when it is first imported is not part of a launch.
    return path.startswith(WATCHED) and code.co_name != "<module>"


def _touching() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the functions by which a launch reaches its database, its queue and its cluster, with the kind of each."""
    import redis.connection
    import urllib3
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.backends.utils import CursorWrapper

    for name in ("connect", "_commit", "_rollback", "_savepoint", "_savepoint_commit", "_savepoint_rollback"):
        yield "database", getattr(BaseDatabaseWrapper, name)
    for name in ("_execute", "_executemany"):
        yield "database", getattr(CursorWrapper, name)
    yield "queue", redis.connection.AbstractConnection.send_packed_command
    yield "cluster", urllib3.HTTPConnectionPool._make_request


def _watch(out: int, fatal: str | None) -> None:
    """Write each watched place to a file as it is first reached, and each touch; die before running the fatal place."""
    monitoring = sys.monitoring
    monitoring.use_tool_id(_TOOL, "killer")
    kinds = {inspect.unwrap(function).__code__: kind for kind, function in _touching()}

    def on_line(code: CodeType, number: int) -> object:
        if _is_watched(code):
            place = f"{code.co_filename.removeprefix(f'{PROJECT}/')}:{number}"
            if place == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            os.write(out, place.encode() + b"\n")
        # Its first time is all that counts.
        return monitoring.DISABLE

    def touched(kind: str) -> None:
        os.write(out, f"{_TOUCH} {kind}\n".encode())

    def on_event(event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            if isinstance(args[2], int) and args[2] & _FOR_WRITING:
                touched("file")
        elif event.startswith(_CHANGES):
            touched(event)

    events = monitoring.events
    monitoring.register_callback(_TOOL, events.LINE, on_line)
    # Before and after, as lines of ours may be run within.
    monitoring.register_callback(_TOOL, events.PY_START, lambda code, _: touched(kinds[code]))
    monitoring.register_callback(_TOOL, events.PY_RETURN, lambda code, *_: touched(kinds[code]))
    for code in kinds:
        monitoring.set_local_events(_TOOL, code, events.PY_START | events.PY_RETURN)
    monitoring.set_events(_TOOL, events.LINE)
    sys.addaudithook(on_event)


def _outcome(killed: bool, path: Path) -> Outcome:
    lines: dict[str, int] = {}
    kinds: set[str] = set()
    count = 0
    for line in path.read_text().splitlines() if path.exists() else []:
        what, _, kind = line.partition(" ")
        if what == _TOUCH:
            count += 1
            kinds.add(kind)
        else:
            # A line of several parts may be reached part by part.
            lines.setdefault(line, count)
    return {"killed": killed, "lines": list(lines), "touches": list(lines.values()), "kinds": sorted(kinds)}


def _work(order: Order, out: int) -> None:
    from executors import tasks

    _watch(out, order.get("line"))
    if order.get("seconds"):
        # Its default action ends the process at once, within any call; nothing of Python runs any more.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, order["seconds"])
    getattr(tasks, order["task"])(order["argument"])


def _child(order: Order, path: Path) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        _work(order, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND))
        code = 0
    finally:
        sys.stderr.flush()
        os._exit(code)


def carry_out(orders: list[Order]) -> list[Outcome]:
    """Carry out all orders, a few at once."""
    outcomes: list[Outcome] = [{} for _ in orders]
    waiting = enumerate(orders)
    running: dict[int, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / str(number) for number in range(len(orders))]
        while True:
            for number, order in _some(waiting, AT_ONCE - len(running)):
                _await_room()
                running[_child(order, paths[number])] = number
            if not running:
                return outcomes
            pid, status = os.wait()
            number = running.pop(pid)
            killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGKILL, signal.SIGALRM)
            if not killed and status:
                raise SystemExit(f"{orders[number]} failed with wait status {status}")
            outcomes[number] = _outcome(killed, paths[number])


def _await_room() -> None:
    """Wait while as many executors work on this machine as may; in a cluster none does."""
    while sum(map(_is_at_work, Path(os.environ["TERRAKUBE_DATA_DIR"]).glob("executor/*/pid"))) >= AT_WORK:
        time.sleep(0.1)


def _is_at_work(pid_file: Path) -> bool:
    try:
        # That of a process which has ended and was not waited for is empty.
        return bool(Path(f"/proc/{int(pid_file.read_text())}/cmdline").read_bytes())
    except (OSError, ValueError):
        return False


def _some[T](items: Iterator[T], count: int) -> Iterator[T]:
    for _, item in zip(range(count), items, strict=False):
        yield item


def main() -> None:
    import django

    django.setup()
    from executors import cluster, tasks  # noqa: F401 - loaded before the fork

    cluster.preload()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(carry_out(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
