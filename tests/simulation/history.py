"""What is seen of steps from outside, and the checker of it; it knows nothing of the product's records. Pure.

A simulation writes such a history, and so does the soak of ``bench/soak``.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

FINAL = frozenset({"completed", "noChanges", "notExecuted", "failed", "rejected", "cancelled"})
"""Statuses of jobs and steps that never change again, in Terrakube's words."""


class Kind(enum.StrEnum):
    """What was seen."""

    BEGUN = "begun"
    """An executor began the commands of a step."""
    DONE = "done"
    """Its commands have ended; it has only to report."""
    GONE = "gone"
    """That executor's process ended, however it did."""
    GIVEN = "given"
    """An executor that waited was given an attempt."""
    CLAIMED = "claimed"
    """An executor was told that the attempt is its own."""
    HEARD = "heard"
    """An executor was told that its result counts; ``status`` is the outcome that it reported."""
    JOB = "job"
    """A job was seen in a status."""
    STEP = "step"
    """A step was seen in a status."""
    WRONG = "wrong"
    """Something that must never be seen: an error in a task or a request, work that waits for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that was seen, so many seconds after the beginning.

    ``executor`` tells processes apart. ``again``: the step may begin again once its former executor is gone.
    ``alone``: no other executor that is alone may be at work in the workspace.
    """

    at: float
    kind: Kind
    job: int = 0
    step: str = ""
    workspace: str = ""
    attempt: str = ""
    executor: str = ""
    status: str = ""
    again: bool = False
    alone: bool = True

    def __str__(self) -> str:
        shown = (f"job {self.job}" if self.job else "", self.step[:8], self.attempt[:8], self.executor, self.status)
        return " ".join((f"{self.at:8.2f} s", self.kind, *filter(None, shown)))


def check_history(events: Iterable[Event]) -> list[str]:
    """Return what is wrong with a history, in sentences; the events must come in the order in which they were seen."""
    seen = list(events)
    return [
        *_begun_at_most_once(seen),
        *_one_at_work(seen),
        *_one_claim(seen),
        *_one_attempt(seen),
        *_final_is_final(seen),
        *_results_count(seen),
        *(f"at {event.at:.2f} s: {event.status}" for event in seen if event.kind == Kind.WRONG),
    ]


def _begun_at_most_once(events: Iterable[Event]) -> Iterator[str]:
    last: dict[str, Event] = {}
    gone: set[str] = set()
    for event in events:
        if event.kind == Kind.GONE:
            gone.add(event.executor)
        elif event.kind == Kind.BEGUN:
            former = last.get(event.step)
            last[event.step] = event
            if former is not None and not (event.again and former.executor in gone):
                yield f"at {event.at:.2f} s: the commands of step {event.step} began again, after {former.at:.2f} s"


def _one_at_work(events: Iterable[Event]) -> Iterator[str]:
    at_work: dict[str, dict[str, Event]] = defaultdict(dict)
    for event in events:
        if event.kind in {Kind.DONE, Kind.GONE}:
            for executors in at_work.values():
                executors.pop(event.executor, None)
        elif event.kind == Kind.BEGUN and event.alone:
            others = at_work[event.workspace]
            for other in others.values():
                jobs = f"jobs {other.job}, {event.job}"
                yield f"at {event.at:.2f} s: two executors are at work in workspace {event.workspace}: {jobs}"
            others[event.executor] = event


def _one_claim(events: Iterable[Event]) -> Iterator[str]:
    owner: dict[str, str] = {}
    for event in events:
        if event.kind == Kind.CLAIMED:
            first = owner.setdefault(event.attempt, event.executor)
            if first != event.executor:
                yield f"at {event.at:.2f} s: attempt {event.attempt} was given to {event.executor} after {first}"


def _one_attempt(events: Iterable[Event]) -> Iterator[str]:
    """An executor gets one attempt in its life and begins one step, and an attempt is given to one that waits."""
    attempts: dict[str, str] = {}
    given: dict[str, str] = {}
    steps: dict[str, str] = {}
    for event in events:
        if event.kind == Kind.BEGUN and event.executor:
            former = steps.setdefault(event.executor, event.step)
            if former != event.step:
                yield f"at {event.at:.2f} s: {event.executor} began step {event.step} after {former}"
        if event.kind in {Kind.GIVEN, Kind.CLAIMED}:
            first = attempts.setdefault(event.executor, event.attempt)
            if first != event.attempt:
                yield f"at {event.at:.2f} s: {event.executor} got attempt {event.attempt} after {first}"
        if event.kind == Kind.GIVEN:
            other = given.setdefault(event.attempt, event.executor)
            if other != event.executor:
                yield f"at {event.at:.2f} s: attempt {event.attempt} was handed over to {event.executor} after {other}"


def _final_is_final(events: Iterable[Event]) -> Iterator[str]:
    last: dict[str, str] = {}
    for event in events:
        if event.kind in {Kind.JOB, Kind.STEP}:
            name = f"job {event.job}" if event.kind == Kind.JOB else f"step {event.step}"
            before = last.get(name, "")
            last[name] = event.status
            if before in FINAL and event.status != before:
                yield f"at {event.at:.2f} s: {name} was {before}, and is {event.status}"


def _results_count(events: Iterable[Event]) -> Iterator[str]:
    """A step is completed only on its executor's word, and a word that counts is the step's status."""
    ends: dict[str, str] = {}
    words: dict[str, set[str]] = defaultdict(set)
    begun: set[str] = set()
    for event in events:
        if event.kind == Kind.STEP and event.status in FINAL:
            ends[event.step] = event.status
        elif event.kind == Kind.HEARD:
            words[event.step].add(event.status)
        elif event.kind == Kind.BEGUN:
            begun.add(event.step)
    for step in begun & ends.keys():
        end, said = ends[step], words[step]
        if len(said) > 1:
            yield f"step {step}: two results count: {', '.join(sorted(said))}"
        if "succeeded" in said and end not in {"completed", "cancelled"}:
            yield f"step {step}: its executor succeeded and was heard, and it is {end}"
        if "failed" in said and end == "completed":
            yield f"step {step}: its executor failed and was heard, and it is {end}"
