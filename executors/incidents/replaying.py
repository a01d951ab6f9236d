"""Replay a bundle: run diagnosis and decisions over what was seen then, and compare; pure, and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from executors.incidents.bundle import FORMAT, KIND
from executors.watching.decisions import Act
from executors.watching.diagnosis.pods import Diagnosis
from executors.watching.judging import Memory, judge, understand, with_peak
from executors.watching.late_reasons import late_reason
from executors.watching.look_format import (
    attempt_of_json,
    diagnosis_of_json,
    moment_of,
    patience_of_json,
    reason_of_json,
)
from executors.watching.looks import REWORD
from executors.watching.reconciliation import UNKNOWN
from workspaces.models.variable import HIDDEN
from workspaces.reasons import NONE, Reason


class BadBundle(Exception):
    """The document is no bundle that this version reads; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was or would be done, by which code, and the English sentence."""

    act: str
    code: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.act} ({self.code}): {self.sentence}" if self.code else self.act


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One look: its time, what was decided then, and what this version decides."""

    at: str
    then: Verdict
    now: Verdict

    @property
    def differs(self) -> bool:
        if (self.then.act, self.then.code) != (self.now.act, self.now.code):
            return True
        # A masked word may have been cut off elsewhere than the whole one.
        return HIDDEN not in self.then.sentence and self.then.sentence != self.now.sentence


def replay(bundle: Any) -> list[Replayed]:
    """Return each look of a bundle with both verdicts. Raises BadBundle."""
    if not isinstance(bundle, Mapping) or bundle.get("kind") != KIND:
        raise BadBundle(f'It is no bundle of an incident: its "kind" is not {KIND}.')
    if bundle.get("format") != FORMAT:
        raise BadBundle(f"Its format is {bundle.get('format')!r}; this version reads format {FORMAT}.")
    if not isinstance(bundle.get("looks"), list):
        raise BadBundle('"looks" is no list.')
    found = []
    for index, look in enumerate(bundle["looks"]):
        try:
            found.append(_replay(look))
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise BadBundle(f"Look {index} cannot be read: {type(error).__name__} {error}") from error
    return found


def cluster_of(bundle: Mapping[str, Any]) -> str:
    """Return where a bundle's attempt ran, in words; "" for a process, and for a bundle that does not say it."""
    found = bundle.get("cluster")
    if not isinstance(found, Mapping):
        return ""
    return f'cluster "{found.get("name")}", namespace {found.get("namespace") or "unknown"}'


def _replay(look: Mapping[str, Any]) -> Replayed:
    decided = look["decision"]
    then, saw = reason_of_json(decided["why"]), look["saw"]
    if decided["act"] == REWORD:
        departed = [saw["departed"]] if saw["departed"] is not None else []
        why = late_reason(saw["job"], saw["pods"] or departed)
        now = _verdict(REWORD, why, None) if why is not None else Verdict(Act.NOTHING, "", "")
        return Replayed(at=look["at"], then=_verdict(REWORD, then, None), now=now)
    attempt = attempt_of_json(look["attempt"])
    moment, noted = moment_of(look["at"]), moment_of(look["noted"])
    if moment is None or noted is None:
        raise ValueError("a look without its time")
    judgement = judge(
        attempt,
        with_peak(_diagnosis(look), attempt.peak_memory_bytes),
        now=moment,
        noted=noted,
        limits=patience_of_json(look["patience"]),
        gone=look["gone"],
        answering=look["answering"],
        is_witnessed=lambda: bool(look["witnessed"]),
    )
    return Replayed(
        at=look["at"],
        then=_verdict(decided["act"], then, diagnosis_of_json(look["found"])),
        now=_verdict(judgement.decision.act, judgement.decision.why, judgement.found),
    )


def _diagnosis(look: Mapping[str, Any]) -> Diagnosis:
    saw = look["saw"]
    if saw is None:
        # Nothing to diagnose: the watcher said which cluster did not answer, and since when.
        said = diagnosis_of_json(look["found"])
        return said if said.code == UNKNOWN.code else UNKNOWN
    departed, repeats = saw["departed"], saw["repeats"]
    pods = saw["pods"] if saw["pods"] or departed is None else [departed]
    before = Memory(found=diagnosis_of_json(repeats) if repeats is not None else None)
    return understand(saw["job"], pods, events=saw["events"], before=before)[1]


def _verdict(act: str, why: Reason, found: Diagnosis | None) -> Verdict:
    # A decision without words rests on the diagnosis alone.
    told = found.why if found is not None and why == NONE else why
    return Verdict(str(act), told.code, str(told))
