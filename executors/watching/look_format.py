"""Looks as JSON and back: the attempt, the timeouts and the diagnosis that a decision rested on; pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.utils.dateparse import parse_datetime

from executors.models import Attempt
from executors.watching.decisions import Decision, Patience
from executors.watching.diagnosis.pods import Diagnosis, Kind, Wait
from workspaces.models import Step
from workspaces.reasons import Reason, stored

_UNKNOWN_SESSION = "unknown"
"""Stands for a session that the format does not hold."""
_TIMES = {
    "createdAt": "created_at",
    "launchedAt": "launched_at",
    "claimedAt": "claimed_at",
    "heartbeatAt": "heartbeat_at",
    "cancelledAt": "cancelled_at",
    "missingSince": "missing_since",
    "endedAt": "ended_at",
}

COLUMNS = frozenset(
    {*_TIMES.values(), "number", "state", "step", "started_warm", "claimed_by_report", "deadlines", "peak_memory_bytes"}
)
"""What of an attempt a decision may read: the rest is not in the format."""


def time_text(moment: dt.datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def moment_of(text: Any) -> dt.datetime | None:
    """Parse a time of the format; None stays None. Raises ValueError."""
    if text is None:
        return None
    found = parse_datetime(text) if isinstance(text, str) else None
    if found is None or found.tzinfo is None:
        raise ValueError(f"{text!r} is no time with a zone")
    return found


def attempt_json(attempt: Attempt) -> dict[str, Any]:
    """Return the columns of an attempt that decisions read; neither nonce nor session is among them."""
    return {
        "number": attempt.number,
        "state": str(attempt.state),
        "stepType": str(attempt.step.type),
        "startedWarm": attempt.started_warm,
        "claimedByReport": attempt.claimed_by_report,
        "deadlines": {str(name): value for name, value in (attempt.deadlines or {}).items()},
        "peakMemoryBytes": attempt.peak_memory_bytes,
        **{name: time_text(getattr(attempt, column)) for name, column in _TIMES.items()},
    }


def attempt_of_json(found: Mapping[str, Any]) -> Attempt:
    """Return an unsaved attempt with these columns. Raises KeyError, ValueError."""
    times: dict[str, Any] = {column: moment_of(found.get(name)) for name, column in _TIMES.items()}
    claimed = times["claimed_at"] is not None and not found["claimedByReport"]
    return Attempt(
        step=Step(type=found["stepType"]),
        number=found["number"],
        state=found["state"],
        started_warm=bool(found.get("startedWarm")),
        session_hash=_UNKNOWN_SESSION if claimed else "",
        deadlines=dict(found["deadlines"]),
        peak_memory_bytes=found["peakMemoryBytes"],
        **times,
    )


def patience_json(limits: Patience) -> dict[str, Any]:
    """Return the timeouts, in seconds."""
    return {**asdict(limits), "waits": {str(wait): seconds for wait, seconds in limits.waits.items()}}


def patience_of_json(found: Mapping[str, Any]) -> Patience:
    """Return timeouts; those that a later version added have its defaults. Raises ValueError, TypeError."""
    waits = {Wait(name): float(seconds) for name, seconds in found["waits"].items()}
    return Patience(**{**found, "waits": {**Patience().waits, **waits}})


def reason_json(why: Reason) -> dict[str, Any]:
    return {"code": why.code, "words": why.as_words(), "sentence": str(why)}


def reason_of_json(found: Mapping[str, Any]) -> Reason:
    return stored(found["code"], found["words"], found["sentence"])


def diagnosis_json(found: Diagnosis) -> dict[str, Any]:
    return {
        "why": reason_json(found.why),
        "kind": str(found.kind),
        "wait": str(found.wait),
        "since": time_text(found.since),
        "claimed": found.claimed,
    }


def diagnosis_of_json(found: Mapping[str, Any]) -> Diagnosis:
    """Return a diagnosis. Raises KeyError, ValueError."""
    return Diagnosis(
        why=reason_of_json(found["why"]),
        kind=Kind(found["kind"]),
        wait=Wait(found["wait"]),
        since=moment_of(found["since"]),
        claimed=found["claimed"],
    )


def decision_json(decision: Decision) -> dict[str, Any]:
    return {"act": str(decision.act), "why": reason_json(decision.why), "againAt": time_text(decision.again_at)}
