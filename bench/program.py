"""How a program of the bench begins and ends."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import NoReturn


def run(main: Callable[[], int], *, ended_by: tuple[signal.Signals, ...] = (signal.SIGTERM,)) -> NoReturn:
    """Run a program and exit with what it returns; a signal ends it as Ctrl-C does, so that it stops what it started.

    A process that a shell put into the background ignores SIGINT, unless ``ended_by`` names it.
    """

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    for each in ended_by:
        signal.signal(each, stop)
    sys.exit(main())
