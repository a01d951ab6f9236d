"""What the end of a pod or its container says."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from executors.agent import exit_codes
from executors.watching.words import quoted


@dataclass(frozen=True, slots=True)
class Meaning:
    """A code, a sentence, what to do, and whether another pod could fare better."""

    code: str
    sentence: str
    advice: str = ""
    may_retry: bool = True


RESULT_MISSING = "result-missing"
TERRAKUBE_RESULT_MISSING = (
    "Terrakube's executor ended without a result. Up to 2.32 it does so, with exit code 0, when Redis, an index of "
    "releases or this site does not answer it. Look at the pod's log"
)

_MEANINGS = {
    exit_codes.SUCCEEDED: Meaning(
        RESULT_MISSING,
        "The container ended with 0, but its executor never reported a result",
        "See whether the image is an executor's",
        may_retry=False,
    ),
    exit_codes.FAILED: Meaning("step-failed", "The executor says that the step failed, but its report never came"),
    exit_codes.CANCELLED: Meaning("stopped", "The pod was told to stop before the step was done"),
    exit_codes.REFUSED: Meaning(
        "claim-refused",
        "The executor was refused this attempt, and ran nothing",
        "See whether AzBuilderApiUrl is the address of this very site",
        may_retry=False,
    ),
    exit_codes.API_LOST: Meaning(
        "api-lost",
        "The executor could not reach this site, and ran nothing",
        "See whether pods reach AzBuilderApiUrl: name resolution, network policies, proxy, ExecutorApiCaBundle",
    ),
    exit_codes.NOT_DELIVERED: Meaning(
        "result-not-delivered",
        "The step ran, but the executor could not deliver its result or its last state",
        "Look at the pod's log before anything else runs on the workspace",
    ),
    exit_codes.BAD_JOB_DATA: Meaning(
        "bad-job-data",
        "The executor could not read its job data",
        "See whether the image is of this site's version",
        may_retry=False,
    ),
}


def meaning(code: int) -> Meaning:
    """What an exit code of the executor says."""
    known = _MEANINGS.get(code)
    if known is not None:
        return known
    if code > 128:
        try:
            name = signal.Signals(code - 128).name
        except ValueError:
            name = f"signal {code - 128}"
        return Meaning("killed", f"The executor was ended from outside by {name}")
    return Meaning("exited", f"The container ended with exit code {code}", "Look at the pod's log")


def terminated(state: Mapping[str, Any], memory_limit: str) -> Meaning:
    """What a container's end says; ``memory_limit`` is empty without one."""
    reason, code = str(state.get("reason", "")), int(state.get("exitCode", 0))
    if reason == "OOMKilled" or "OOM-killed" in str(state.get("message", "")):
        if memory_limit:
            return Meaning(
                "oom-killed",
                f"The step used more memory than its limit of {memory_limit} and was killed",
                "Raise EPHEMERAL_MEMORY_LIMIT of the workspace",
            )
        return Meaning(
            "oom-killed",
            "The step was killed because its node ran out of memory",
            "Set EPHEMERAL_MEMORY_REQUEST of the workspace to what it needs",
        )
    if reason in {"StartError", "ContainerCannotRun"}:
        words = str(state.get("message", "")).rpartition("unable to start container process: ")[2]
        return Meaning("container-cannot-start", f"The container cannot start: {quoted(words)}", "Look at the image")
    if reason == "ContainerStatusUnknown":
        return Meaning("node-lost", "The node lost the container and cannot say how it ended")
    return meaning(code)


def pod_reason(reason: str, message: str) -> Meaning | None:
    """What the reason of a whole pod says; None when it has none and its container tells more."""
    if reason == "Evicted":
        return Meaning(
            "evicted",
            f"The node evicted the pod: {quoted(message)}",
            "Set EPHEMERAL_STORAGE_REQUEST and EPHEMERAL_MEMORY_REQUEST of the workspace to what it needs",
        )
    if reason in {"NodeShutdown", "Shutdown", "Terminated"}:
        return Meaning("node-shutdown", "The pod's node was shut down")
    if reason == "NodeLost":
        return Meaning("node-lost", "The pod's node does not answer")
    if reason in {"Preempting", "Preempted"}:
        return Meaning("preempted", "A pod of higher priority took the pod's place")
    if reason.startswith("OutOf") or reason in {"NodeAffinity", "NodePorts", "UnexpectedAdmissionError"}:
        return Meaning("node-refused", f"The node refused the pod ({reason}): {quoted(message)}")
    return None
