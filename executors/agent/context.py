"""What every part of a running step needs: its data, its way to the API, its log, its directories."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from executors.job_data import JobData

from .api import Api
from .claim import Claim
from .control import Control
from .heartbeat import Heartbeat
from .log_channel import LogChannel


@dataclass(slots=True)
class Context:
    """One claimed step. `work` is its own directory; `private` lies in it, outside of the source, closed to others.

    `undelivered_state` is the file with a state that the API does not have; None when all is delivered.
    """

    claim: Claim
    api: Api
    control: Control
    log: LogChannel
    heartbeat: Heartbeat
    work: Path
    private: Path
    undelivered_state: Path | None = None

    @property
    def job(self) -> JobData:
        """The step's data."""
        return self.claim.job

    def say(self, text: str) -> None:
        """A line of our own in the log."""
        self.log.line(text)

    def loudly(self, text: str) -> None:
        """A line that is to be seen."""
        self.log.line(f"\x1b[1m{text}\x1b[0m" if self.claim.color else text)

    def banner(self, text: str) -> None:
        """A line that tells where the step is; a command line client that shows the log asks for none."""
        if self.job.show_header:
            self.loudly(f"==> {text}")
