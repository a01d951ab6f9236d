"""What every part of a running step needs: its data, the API client, its log, its directories."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from executors.contract.job_data import JobData
from executors.contract.work_folder import WorkFolder

from .api import Api
from .claim import Claim
from .control import Control
from .errors import StepFailed
from .heartbeat import Heartbeat
from .log_channel import LogChannel


@dataclass(slots=True)
class Context:
    """One claimed step. `folder` is the workspace's folder with the source; `work` is the step's own directory.

    `private` lies in `work` and is readable by this user only. `undelivered_state` is the file with a state that the
    API does not have, None if there is none. `state_failure` says why the last state is not the current one of the
    workspace, None if it is.
    """

    claim: Claim
    api: Api
    control: Control
    log: LogChannel
    heartbeat: Heartbeat
    folder: WorkFolder
    work: Path
    private: Path
    undelivered_state: Path | None = None
    state_failure: StepFailed | None = None

    @property
    def job(self) -> JobData:
        """Return the job data of the step."""
        return self.claim.job

    def say(self, text: str) -> None:
        """Write a line of the executor to the log."""
        self.log.line(text)

    def loudly(self, text: str) -> None:
        """Write a highlighted line of the executor to the log."""
        self.log.line(f"\x1b[1m{text}\x1b[0m" if self.claim.color else text)

    def banner(self, text: str) -> None:
        """Write a line that marks a stage of the step; command line clients can ask for a log without them."""
        if self.job.show_header:
            self.loudly(f"==> {text}")
