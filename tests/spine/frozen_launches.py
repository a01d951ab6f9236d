"""Launch jobs as a worker does, each in a process of its own that is frozen (SIGSTOP) at a given statement of the way.

    python -m tests.spine.frozen_launches < orders.json, then a line

The first line of its input is a list of orders ``{"task": name, "argument": id, "statement": n}``: SIGSTOP before the
n-th statement that it gives to its database or cluster, counted from 1; with 0 it runs to its end, and with a
text just after the first statement that holds it. When each is frozen or over it says ``{"frozen": [n…]}``. After
another line of input it lets all go on, and says ``[{"failed": bool, "statements": [text…]}…]`` at their ends.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

type Order = dict[str, Any]


class Freezer:
    """Counts what a process asks its database and its cluster, and freezes it at one of these."""

    def __init__(self, place: int | str, path: Path) -> None:
        self._place, self._count = place, 0
        self._out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def before(self, text: str) -> None:
        self._count += 1
        os.write(self._out, " ".join(text.split())[:200].encode() + b"\n")
        if self._count == self._place:
            os.kill(os.getpid(), signal.SIGSTOP)

    def after(self, text: str) -> None:
        if isinstance(self._place, str) and self._place in text:
            self._place = 0
            os.kill(os.getpid(), signal.SIGSTOP)

    def database(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.before(sql)
        result = execute(sql, params, many, context)
        self.after(sql)
        return result


def _work(order: Order, path: Path) -> None:
    from django.db import connection

    from executors import tasks
    from executors.cluster.api import Cluster
    from executors.cluster.operations import Operation

    freezer, call = Freezer(order["statement"], path), Cluster._call

    def counted(cluster: Cluster, operation: Operation, *args: Any, **kwargs: Any) -> Any:
        freezer.before(f"cluster: {operation.name}")
        result = call(cluster, operation, *args, **kwargs)
        freezer.after(f"cluster: {operation.name}")
        return result

    reached: Any = Cluster
    reached._call = counted
    with connection.execute_wrapper(freezer.database):
        getattr(tasks, order["task"])(order["argument"])


def _child(order: Order, path: Path) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        _work(order, path)
        code = 0
    except Exception as error:
        sys.stderr.write(f"{order}: {type(error).__name__}: {error}\n")
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    import django

    django.setup()
    from executors import cluster, tasks  # noqa: F401 - loaded before the fork

    cluster.preload()
    orders: list[Order] = json.loads(sys.stdin.readline())
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / str(number) for number in range(len(orders))]
        children = {_child(order, path): number for number, (order, path) in enumerate(zip(orders, paths, strict=True))}
        codes: dict[int, int] = {}
        frozen: dict[int, int] = {}
        while len(codes) + len(frozen) < len(children):
            pid, status = os.waitpid(-1, os.WUNTRACED)
            if os.WIFSTOPPED(status):
                frozen[pid] = children[pid]
            else:
                codes[children[pid]] = os.waitstatus_to_exitcode(status)
        sys.stdout.write(json.dumps({"frozen": sorted(frozen.values())}) + "\n")
        sys.stdout.flush()
        sys.stdin.readline()
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
        for pid, number in frozen.items():
            codes[number] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        found = [
            {"failed": codes[number] != 0, "statements": path.read_text().splitlines() if path.exists() else []}
            for number, path in enumerate(paths)
        ]
        sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
