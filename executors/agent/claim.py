"""The claim: the one call that makes this process the attempt's runner, and what it is told in return."""

from __future__ import annotations

import base64
import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from executors.job_data import JobData, JobDataError

from . import VERSION
from .api import Api, retrying
from .errors import ApiRefused, ApiUnavailable, AttemptOver, ClaimRefused

_CALL_SECONDS = 10.0
#: Less could not hold what is on its way to an API that answers.
_LEAST_LOG_BUFFER = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What the API hands over. Sizes are bytes; `memory_share` of its limit is when a step is stopped, 0 for never."""

    job: JobData
    sensitive: tuple[str, ...] = field(default=(), repr=False)
    plan_only: bool = False
    has_plan: bool = False
    upload: bool = False
    terraform_releases: str = ""
    tofu_releases: str = ""
    color: bool = True
    heartbeat_seconds: float = 5
    grace_seconds: float = 120
    outage_seconds: float = 300
    log_buffer_bytes: int = 64 * 1024 * 1024
    memory_share: float = 0

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Claim:
        """Read the answer of the claim; raises JobDataError."""
        releases = raw.get("releases") or {}
        try:
            return cls(
                job=JobData.from_json(raw.get("jobData")),
                sensitive=tuple(text for text in raw.get("sensitive") or () if isinstance(text, str)),
                plan_only=bool(raw.get("planOnly")),
                has_plan=bool(raw.get("hasPlan")),
                upload=bool(raw.get("upload")),
                terraform_releases=str(releases.get("terraform") or ""),
                tofu_releases=str(releases.get("tofu") or ""),
                color=bool(raw.get("color", True)),
                heartbeat_seconds=max(0.05, float(raw.get("heartbeatSeconds", 5))),
                grace_seconds=float(raw.get("graceSeconds", 120)),
                outage_seconds=float(raw.get("outageSeconds", 300)),
                memory_share=float(raw.get("memoryShare") or 0),
                log_buffer_bytes=max(_LEAST_LOG_BUFFER, int(raw.get("logBufferBytes", 64 * 1024 * 1024))),
            )
        except (TypeError, ValueError, AttributeError) as error:
            if isinstance(error, JobDataError):
                raise
            raise JobDataError("The answer of the claim has a member of the wrong kind.") from None


def make_claim(api: Api, *, seconds: float, pause: Callable[[float], object]) -> Claim:
    """Claim the attempt, trying for `seconds` while nobody answers; `api` then carries the session.

    Repeating is safe: the session made here tells the API that it is the same pod asking again.
    Raises ClaimRefused, ApiUnavailable, or JobDataError for an answer that cannot be used, after reporting that.
    """
    session = base64.urlsafe_b64encode(os.urandom(33)).decode()
    agent = {"version": VERSION, "host": os.uname().nodename, "pid": os.getpid()}
    content = {"session": session, "agent": agent}
    try:
        answer = retrying(lambda: api.post_json("/claim", content, timeout=_CALL_SECONDS), seconds=seconds, pause=pause)
    except (AttemptOver, ApiRefused) as refusal:
        raise ClaimRefused(str(refusal)) from None
    api.token = session
    try:
        return Claim.from_json(answer.json())
    except JobDataError as error:
        report_early_failure(api, "bad-job-data", str(error))
        raise


def report_early_failure(api: Api, reason: str, message: str) -> None:
    """Say that the step failed before anything was run; tried once.

    Where this is not heard the API's own watch finds the pod gone.
    """
    result = {
        "outcome": "failed",
        "exitCode": None,
        "changes": None,
        "reason": reason,
        "message": message,
        "logSize": 0,
    }
    with contextlib.suppress(AttemptOver, ApiRefused, ApiUnavailable):
        api.post_json("/result", result, timeout=_CALL_SECONDS)
