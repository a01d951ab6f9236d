"""Records of attempts, their logs, launches, and the health of the installation."""

from executors.models.attempt import Attempt, AttemptEvent, AttemptLook, new_nonce
from executors.models.health import Beat, CheckRun, Tally
from executors.models.launch import JobContext, LastLaunch
from executors.models.log import LogChunk, LogCursor
from executors.models.preflight import PreflightRun
from executors.models.warm_pod import WarmPod

__all__ = (
    "Attempt",
    "AttemptEvent",
    "AttemptLook",
    "Beat",
    "CheckRun",
    "JobContext",
    "LastLaunch",
    "LogChunk",
    "LogCursor",
    "PreflightRun",
    "Tally",
    "WarmPod",
    "new_nonce",
)
