"""Keep what a look at an attempt saw and what was decided, for the looks that changed something.

They are what a report of an incident is made of, so an allow-list says what is kept, and the cluster's sentences are
masked with all that the step knows as sensitive.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, InterfaceError

from executors.attempts.handover import sensitive_texts
from executors.launching import launcher
from executors.launching.redaction import redact_message, secret_texts
from executors.models import Attempt, AttemptLook
from executors.watching.decisions import Act, Decision, Patience
from executors.watching.diagnosis.pods import Diagnosis
from executors.watching.diagnosis.statuses import Seen
from executors.watching.judging import Judgement
from executors.watching.look_format import (
    attempt_json,
    decision_json,
    diagnosis_json,
    patience_json,
    reason_json,
    time_text,
)
from executors.watching.public_objects import Mask, public_event, public_job, public_pod
from workspaces.reasons import Reason

logger = logging.getLogger(__name__)
type Look = dict[str, Any]
AT_MOST = 30
"""Looks of one attempt that are kept; a start that fails for many reasons in turn has no more to tell."""
REWORD = "reword"
"""The act of a look that learns the cluster's reason after the executor's report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What the cluster showed. ``repeats``: the diagnosis that holds from an earlier look, if it does.

    ``events`` are those that were read last and still hold.
    """

    job: Seen | None
    pods: Sequence[Seen] | None
    departed: Seen | None = None
    events: Sequence[Seen] = ()
    repeats: Diagnosis | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What else a decision rests on; see ``decide``."""

    now: dt.datetime
    noted: dt.datetime
    limits: Patience
    gone: bool
    answering: bool | None
    cluster: str = ""
    """Version of the cluster, empty where it is not known."""


def is_telling(decision: Decision, *, said: Reason | None, ordinary: bool) -> bool:
    """Return True if a look is worth keeping: it changes more than the sentence about an ordinary start."""
    if decision.act == Act.EXPLAIN:
        return not ordinary and (said is None or said.code != decision.why.code)
    return decision.act != Act.NOTHING


def describe(attempt: Attempt, sight: Sight | None, judgement: Judgement, about: About) -> Look | None:
    """Return a look as JSON; ``sight`` None: the cluster did not answer. None if it cannot be described."""

    def described(mask: Mask) -> Look:
        decision = judgement.decision
        masked = Decision(act=decision.act, why=decision.why.masked(mask), again_at=decision.again_at)
        return {
            **_seen(attempt, sight, about.now, about.cluster, mask),
            "patience": patience_json(about.limits),
            "noted": time_text(about.noted),
            "gone": about.gone,
            "answering": about.answering,
            "witnessed": judgement.witnessed,
            "found": _masked_diagnosis(judgement.found, mask),
            "decision": decision_json(masked),
        }

    return _tolerant(attempt, described)


def store_late_reason(attempt: Attempt, sight: Sight, why: Reason, *, now: dt.datetime) -> None:
    """Keep a look that learnt the cluster's reason after the executor's report."""

    def described(mask: Mask) -> Look:
        told = {"act": REWORD, "why": reason_json(why.masked(mask)), "againAt": None}
        return {**_seen(attempt, sight, now, "", mask), "decision": told}

    look = _tolerant(attempt, described)
    if look is not None:
        store(attempt, look)


def _tolerant(attempt: Attempt, described: Callable[[Mask], Look]) -> Look | None:
    try:
        return described(mask_for(attempt))
    except (DatabaseError, InterfaceError):
        raise
    except Exception:
        # What is kept for a later report must not stop what is done now.
        logger.exception("What was seen of attempt %s cannot be kept", attempt)
        return None


def store(attempt: Attempt, look: Look) -> None:
    """Keep a look, unless there are many of its attempt."""
    if AttemptLook.objects.filter(attempt=attempt).count() < AT_MOST:
        AttemptLook.objects.create(attempt=attempt, at=look["at"], act=look["decision"]["act"], content=look)


def mask_for(attempt: Attempt) -> Mask:
    """Return a function that takes out of a text what the attempt's step knows as sensitive."""
    secrets = secret_texts(launcher.read_needs(attempt.step).inputs.environment) | set(sensitive_texts(attempt))
    return lambda text: redact_message(text, secrets)


def _seen(attempt: Attempt, sight: Sight | None, now: dt.datetime, cluster: str, mask: Mask) -> Look:
    return {
        "at": time_text(now),
        "cluster": cluster,
        "attempt": attempt_json(attempt),
        "saw": _sight(sight, mask) if sight is not None else None,
    }


def _sight(sight: Sight, mask: Mask) -> dict[str, Any]:
    return {
        "job": public_job(sight.job, mask) if sight.job is not None else None,
        "pods": [public_pod(pod, mask) for pod in sight.pods] if sight.pods is not None else None,
        "departed": public_pod(sight.departed, mask) if sight.departed is not None else None,
        "events": [public_event(event, mask) for event in sight.events],
        "repeats": _masked_diagnosis(sight.repeats, mask) if sight.repeats is not None else None,
    }


def _masked_diagnosis(found: Diagnosis, mask: Mask) -> dict[str, Any]:
    told = diagnosis_json(found)
    return {**told, "why": reason_json(found.why.masked(mask))}
