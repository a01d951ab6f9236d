"""How long things took, from the fault on: kept by test, for the table of docs/faults.md."""

import json
import os
import time
from pathlib import Path

REPORT = Path(os.environ.get("TEST_FAULTS_REPORT") or Path(__file__).resolve().parents[2] / "var" / "faults.json")
"""Where the figures go; those of tests that do not run now stay."""

type Figures = dict[str, dict[str, float]]


class Clock:
    """The figures of one test."""

    def __init__(self, test: str) -> None:
        self.test = test
        self.seconds: dict[str, float] = {}
        self._since = time.monotonic()

    def start(self) -> None:
        """The fault happens now."""
        self._since = time.monotonic()

    def stop(self, what: str) -> float:
        """Keep how long it is since the fault, and return that; the first time counts."""
        return self.seconds.setdefault(what, round(time.monotonic() - self._since, 1))


def keep(clock: Clock) -> None:
    """Write a test's figures beside those of the others."""
    figures: Figures = json.loads(REPORT.read_text()) if REPORT.exists() else {}
    figures[clock.test] = clock.seconds
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(dict(sorted(figures.items())), indent=1) + "\n")
