"""What the end of a pod or its container says."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from executors.agent import exit_codes
from executors.reasons import Said, say
from executors.watching.words import quoted

RESULT_MISSING = "result-missing"
TERRAKUBE_RESULT_MISSING = (
    "Terrakube's executor ended without a result. Up to 2.32 it does so, with exit code 0, when Redis, an index of "
    "releases or this site does not answer it. Look at the pod's log"
)
_BY_EXIT_CODE = {
    exit_codes.SUCCEEDED: RESULT_MISSING,
    exit_codes.FAILED: "step-failed",
    exit_codes.CANCELLED: "stopped",
    exit_codes.REFUSED: "claim-refused",
    exit_codes.API_LOST: "api-lost",
    exit_codes.NOT_DELIVERED: "result-not-delivered",
    exit_codes.BAD_JOB_DATA: "bad-job-data",
}


def meaning(code: int) -> Said:
    """What an exit code of the executor says."""
    known = _BY_EXIT_CODE.get(code)
    if known is not None:
        return say(known)
    if code > 128:
        try:
            name = signal.Signals(code - 128).name
        except ValueError:
            name = f"signal {code - 128}"
        return say("killed", signal=name)
    return say("exited", exit_code=code)


def terminated(state: Mapping[str, Any], memory_limit: str) -> Said:
    """What a container's end says; ``memory_limit`` is empty without one."""
    reason, code = str(state.get("reason", "")), int(state.get("exitCode", 0))
    if reason == "OOMKilled" or "OOM-killed" in str(state.get("message", "")):
        if memory_limit:
            return say("oom-killed", limit=memory_limit)
        return say("oom-killed-by-node")
    if reason in {"StartError", "ContainerCannotRun"}:
        words = str(state.get("message", "")).rpartition("unable to start container process: ")[2]
        return say("container-cannot-start", words=quoted(words))
    if reason == "ContainerStatusUnknown":
        return say("node-lost")
    return meaning(code)


def pod_reason(reason: str, message: str) -> Said | None:
    """What the reason of a whole pod says; None when it has none and its container tells more."""
    if reason == "Evicted":
        return say("evicted", words=quoted(message))
    if reason in {"NodeShutdown", "Shutdown", "Terminated"}:
        return say("node-shutdown")
    if reason == "NodeLost":
        return say("node-lost")
    if reason in {"Preempting", "Preempted"}:
        return say("preempted")
    if reason.startswith("OutOf") or reason in {"NodeAffinity", "NodePorts", "UnexpectedAdmissionError"}:
        return say("node-refused", reason=reason, words=quoted(message))
    return None
