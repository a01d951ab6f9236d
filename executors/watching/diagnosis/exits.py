"""Diagnosis of the end of a pod or its container."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from executors.contract import exit_codes, last_words
from executors.watching.diagnosis.wording import quoted
from workspaces.reasons import Reason, reason

RESULT_MISSING = "result-missing"
_CLAIM_REFUSED = "claim-refused"
_BY_EXIT_CODE = {
    exit_codes.SUCCEEDED: RESULT_MISSING,
    exit_codes.FAILED: "step-failed",
    exit_codes.CANCELLED: "stopped",
    exit_codes.REFUSED: _CLAIM_REFUSED,
    exit_codes.FENCED: "fenced",
    exit_codes.API_LOST: "api-lost",
    exit_codes.NOT_DELIVERED: "result-not-delivered",
    exit_codes.BAD_JOB_DATA: "bad-job-data",
}


_OTHER_ARCHITECTURE = "exec format error"
"""What a container's runtime says of a program for another processor, in the state or as the log's only line."""
_CLAIMED_ONLY = frozenset({exit_codes.SUCCEEDED, exit_codes.FAILED, exit_codes.NOT_DELIVERED, exit_codes.FENCED})
"""Exit codes that none of our executors uses before its claim. Terrakube's own exits with 0 at any time."""


def had_claimed(state: Mapping[str, Any]) -> bool | None:
    """Return whether the executor of an ended container had claimed its attempt; None if unknown.

    Its last words count first: a container may be killed at any time. Executors up to 1.0 leave none.
    """
    words = str(state.get("message", ""))
    if last_words.UNCLAIMED in words:
        return False
    if last_words.CLAIMED in words:
        return True
    code = int(state.get("exitCode", 0))
    if state.get("reason") in {"StartError", "ContainerCannotRun"} or code in {exit_codes.API_LOST}:
        return False
    return True if code in _CLAIMED_ONLY and state.get("reason") != "ContainerStatusUnknown" else None


def meaning(code: int) -> Reason:
    """Return the meaning of an exit code of the executor."""
    known = _BY_EXIT_CODE.get(code)
    if known is not None:
        return reason(known, "may-have-run" if known == _CLAIM_REFUSED else "")
    if code > 128:
        try:
            name = signal.Signals(code - 128).name
        except ValueError:
            name = f"signal {code - 128}"
        return reason("killed", signal=name)
    return reason("exited", exit_code=code)


def terminated(state: Mapping[str, Any], memory_limit: str) -> Reason:
    """Return the meaning of a container's end; ``memory_limit`` is empty without one."""
    cause, code = str(state.get("reason", "")), int(state.get("exitCode", 0))
    if cause == "OOMKilled" or "OOM-killed" in str(state.get("message", "")):
        if memory_limit:
            return reason("oom-killed", limit=memory_limit)
        return reason("oom-killed-by-node")
    if _OTHER_ARCHITECTURE in str(state.get("message", "")):
        return reason("image-architecture")
    if cause in {"StartError", "ContainerCannotRun"}:
        words = str(state.get("message", "")).rpartition("unable to start container process: ")[2]
        return reason("container-cannot-start", words=quoted(words))
    if cause == "ContainerStatusUnknown":
        return reason("node-lost")
    if code == exit_codes.REFUSED and had_claimed(state) is False:
        return reason(_CLAIM_REFUSED)
    return meaning(code)


def pod_reason(cause: str, message: str) -> Reason | None:
    """Return the meaning of a pod's reason; None if it has none and its container says more."""
    if cause == "Evicted":
        return reason("evicted", words=quoted(message))
    if cause in {"NodeShutdown", "Shutdown", "Terminated"}:
        return reason("node-shutdown")
    if cause == "NodeLost":
        return reason("node-lost")
    if cause in {"Preempting", "Preempted"}:
        return reason("preempted")
    if cause.startswith("OutOf") or cause in {"NodeAffinity", "NodePorts", "UnexpectedAdmissionError"}:
        return reason("node-refused", reason=cause, words=quoted(message))
    return None
