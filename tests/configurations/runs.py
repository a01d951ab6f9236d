"""Runs of configurations side by side: a few through the site, and the bare program meanwhile."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import pytest

from tests.configurations.facts import Facts
from tests.configurations.library import Library
from tests.configurations.matrix import Row
from tests.configurations.terminal import at_terminal
from tests.configurations.through_site import through_site
from tests.spine.site import Site
from tests.support.patience import patient
from workspaces.choices import IacType

SIDE_BY_SIDE = 4
_PAUSE_SECONDS = 0.2
_SECONDS = 100

type Run = Generator[None, None, Facts]


class Runs:
    """Begins the rows in their order, so many at a time; a configuration at a terminal is run once for all places."""

    def __init__(self, rows: Iterable[Row], site: Site, library: Library, folder: Path) -> None:
        self._waiting = list(rows)
        self._site, self._library, self._folder = site, library, folder
        self._pool = ThreadPoolExecutor(1)
        self._terminal: dict[tuple[str, IacType], Future[Facts]] = {}
        self._running: dict[Row, Run] = {}
        self._ended: dict[Row, Facts | Exception] = {}

    def __enter__(self) -> Runs:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.shutdown(cancel_futures=True)

    def facts(self, row: Row) -> tuple[Facts, Facts]:
        """Return what came of a row at the terminal and through the site; raises what its run raised."""
        until = time.monotonic() + patient(_SECONDS)
        while row not in self._ended:
            if time.monotonic() > until:
                pytest.fail(f"after {patient(_SECONDS):.0f} s not yet over: {row.name}")
            self._advance()
            time.sleep(_PAUSE_SECONDS)
        ended = self._ended[row]
        if isinstance(ended, Exception):
            raise ended
        return self._terminal[row.case.name, row.program].result(), ended

    def _advance(self) -> None:
        while self._waiting and len(self._running) < SIDE_BY_SIDE:
            self._begin(self._waiting.pop(0))
        for row, run in list(self._running.items()):
            try:
                next(run)
            except StopIteration as end:
                self._end(row, end.value)
            except Exception as error:
                # The fault of this row, which its own test tells.
                self._end(row, error)

    def _begin(self, row: Row) -> None:
        self._running[row] = through_site(row.case, row.program, self._site, self._library, in_pods=row.in_pods)
        key = (row.case.name, row.program)
        if key not in self._terminal:
            folder = self._folder / f"{row.case.name}-{row.program}"
            self._terminal[key] = self._pool.submit(at_terminal, row.case, row.program, folder, self._library.url)

    def _end(self, row: Row, outcome: Facts | Exception) -> None:
        del self._running[row]
        self._ended[row] = outcome
