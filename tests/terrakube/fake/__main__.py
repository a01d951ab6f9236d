"""Read the environment as the image does, run one step, and end with 0 whatever came of it."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from types import FrameType

from . import job as jobs
from .executor import Died, Executor
from .say import say

REQUIRED = (
    "TerraformStateType", "TerrakubeEnableSecurity", "InternalSecret", "TerrakubeToolsRepository",
    "TerrakubeToolsBranch", "TerrakubeRegistryDomain", "TerrakubeApiUrl", "TerrakubeRedisPort",
)  # fmt: skip
SHUTDOWN_SECONDS = 30


def _hang() -> None:
    while True:
        time.sleep(3600)


def main() -> int:
    """Returns the exit code: 1 only when it cannot start."""
    missing = [name for name in REQUIRED if name not in os.environ]
    if missing or os.environ.get("EphemeralFlagBatch") != "true":
        say(f"Could not resolve placeholder {missing}")
        return 1
    found = re.match(r"(\d+)\.(\d+)", os.environ["FAKE_VERSION"])
    assert found is not None
    version = int(found[1]), int(found[2])
    pace = float(os.environ.get("FAKE_PACE", "1"))
    try:
        data = jobs.read(os.environ["EphemeralJobData"], version)
    except jobs.Hangs as error:
        say(f"{error}")
        _hang()
        return 0
    except ValueError:
        say("Illegal base64 character")
        return 1
    executor = Executor(os.environ, data, version, pace)

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        executor.shut_down()
        os._exit(143)

    signal.signal(signal.SIGTERM, stop)
    executor.start_beating()
    try:
        executor.run()
    except Died as error:
        say(f"Job failed: {error}")
    time.sleep(SHUTDOWN_SECONDS * pace)
    return 0


if __name__ == "__main__":
    sys.exit(main())
