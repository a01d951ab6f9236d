"""Progress of a job's apply or destroy, resource by resource, for the job's page."""

from __future__ import annotations

import datetime as dt
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext_lazy

from executors.choices import AttemptOutcome, AttemptState
from executors.logs.resource_progress import Act, Progress, ProgressReader
from executors.logs.store import timed_chunks
from executors.models import Attempt
from executors.runs.view_model import StepView
from terrakube_site.visible import visible
from workspaces.choices import StepType
from workspaces.display import duration
from workspaces.encryption import readable
from workspaces.jobs.plans import Action, read_plan
from workspaces.models import Job, SavedPlan

MOST_ROWS = 100
_READ_BYTES = 2**20
"""Log bytes that one request reads at most; the next one goes on from there."""
_MOST_FOLLOWED = 32
_CHANGING = frozenset({StepType.APPLY, StepType.DESTROY})
_APPLIED = frozenset(
    {Action.CREATE, Action.UPDATE, Action.DELETE, Action.REPLACE, Action.FORGET_AND_CREATE, Action.IMPORT}
)
"""Actions of a plan that terraform prints lines about when it applies them."""


class _State(IntEnum):
    """How far a resource is, in the order in which the page lists them."""

    FAILED = 0
    RUNNING = 1
    UNFINISHED = 2
    DONE = 3
    WAITING = 4
    NOT_STARTED = 5


_TONES = {
    _State.FAILED: "bad",
    _State.RUNNING: "active",
    _State.UNFINISHED: "attention",
    _State.DONE: "good",
    _State.WAITING: "wait",
    _State.NOT_STARTED: "quiet",
}
_WORDS = {
    _State.FAILED: gettext_lazy("Failed"),
    _State.UNFINISHED: gettext_lazy("Not finished"),
    _State.WAITING: gettext_lazy("Waiting"),
    _State.NOT_STARTED: gettext_lazy("Not started"),
}
_RUNNING = {
    Act.CREATE: gettext_lazy("Creating"),
    Act.UPDATE: gettext_lazy("Changing"),
    Act.DELETE: gettext_lazy("Destroying"),
    Act.IMPORT: gettext_lazy("Importing"),
}
_DONE = {
    Act.CREATE: gettext_lazy("Created"),
    Act.UPDATE: gettext_lazy("Changed"),
    Act.DELETE: gettext_lazy("Destroyed"),
    Act.IMPORT: gettext_lazy("Imported"),
}
_REPLACED = gettext_lazy("Replaced")
_PLANNED = {
    Action.CREATE: Act.CREATE,
    Action.UPDATE: Act.UPDATE,
    Action.DELETE: Act.DELETE,
    Action.REPLACE: Act.CREATE,
    Action.FORGET_AND_CREATE: Act.CREATE,
    Action.IMPORT: Act.IMPORT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One resource; ``since`` is None unless it is worked on, ``took`` is empty where no time is known."""

    address: str
    word: str
    tone: str
    begun_at: dt.datetime | None
    since: dt.datetime | None
    took: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyProgress:
    """``total`` is None without a plan; ``more`` rows are left out; ``behind`` is true until the log is read."""

    rows: tuple[Row, ...]
    more: int
    done: int
    failed: int
    running: int
    total: int | None
    behind: bool


@dataclass(slots=True)
class _Followed:
    reader: ProgressReader = field(default_factory=ProgressReader)
    end: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


_followed: OrderedDict[UUID, _Followed] = OrderedDict()
_followed_lock = threading.Lock()


def _follow(attempt: Attempt) -> tuple[list[Progress], bool]:
    """Return what a log says of resources, and whether it was read to its end. Each byte is read once per process."""
    with _followed_lock:
        log = _followed.setdefault(attempt.pk, _Followed())
        _followed.move_to_end(attempt.pk)
        while len(_followed) > _MOST_FOLLOWED:
            _followed.popitem(last=False)
    with log.lock:
        if log.end < attempt.log_size:
            for end, data, at in timed_chunks(attempt.pk, log.end, limit=_READ_BYTES):
                log.reader.feed(data, at)
                log.end = end
        return list(log.reader.resources.values()), log.end >= attempt.log_size


def apply_progress(job: Job, steps: Iterable[StepView]) -> ApplyProgress | None:
    """Return how far the last apply or destroy of a job is; None before one began and after its log was removed."""
    changing = [one for one in steps if one.step.type in _CHANGING and one.attempts]
    if not changing or job.trimmed_at is not None:
        return None
    last = changing[-1]
    attempt = last.attempts[-1].attempt
    if not attempt.log_size and not last.is_active:
        return None
    told, complete = _follow(attempt)
    planned = _planned_of(job) if last.step.type == StepType.APPLY else None
    rows = _states(attempt, told, planned or {})
    if not rows:
        return None
    states = [state for state, _ in rows]
    rows.sort(key=lambda one: one[0])
    return ApplyProgress(
        rows=tuple(row for _, row in rows[:MOST_ROWS]),
        more=max(len(rows) - MOST_ROWS, 0),
        done=states.count(_State.DONE),
        failed=states.count(_State.FAILED),
        running=states.count(_State.RUNNING),
        total=len(rows) if planned is not None else None,
        behind=not complete,
    )


def _states(attempt: Attempt, told: list[Progress], planned: Mapping[str, Action]) -> list[tuple[_State, Row]]:
    """Return the resources with their states: those begun last first, then those that are still to be begun."""
    over, succeeded = attempt.state == AttemptState.ENDED, attempt.outcome == AttemptOutcome.SUCCEEDED
    found = []
    for progress in reversed(told):
        address = visible(progress.address)
        state = _state_of(progress, planned.get(address), over=over, succeeded=succeeded)
        found.append((state, _row(address, state, progress)))
    seen = {row.address for _, row in found}
    unseen = _State.DONE if succeeded else _State.NOT_STARTED if over else _State.WAITING
    for address, action in planned.items():
        if address not in seen:
            word = str(_DONE[_PLANNED[action]] if unseen == _State.DONE else _WORDS[unseen])
            row = Row(address=address, word=word, tone=_TONES[unseen], begun_at=None, since=None, took="")
            found.append((unseen, row))
    return found


def _state_of(progress: Progress, action: Action | None, *, over: bool, succeeded: bool) -> _State:
    if progress.failed:
        return _State.FAILED
    half = action == Action.REPLACE and progress.acts < 2
    if succeeded or not (progress.running or half):
        return _State.DONE
    return _State.UNFINISHED if over else _State.RUNNING


def _row(address: str, state: _State, progress: Progress) -> Row:
    word = _RUNNING if state == _State.RUNNING else _DONE
    text = str(_WORDS.get(state) or word[progress.act])
    if state == _State.DONE and progress.acts > 1:
        text = str(_REPLACED)
    since = progress.begun_at if state == _State.RUNNING else None
    span = timezone.now() - since if since else dt.timedelta(seconds=progress.seconds)
    return Row(
        address=address,
        word=text,
        tone=_TONES[state],
        begun_at=progress.begun_at,
        since=since,
        took=duration(span) if since or state == _State.DONE else "",
    )


def _planned_of(job: Job) -> Mapping[str, Action] | None:
    saved = SavedPlan.objects.filter(step__job=job, json__isnull=False).order_by("-step__step_number")
    step_id = saved.values_list("step_id", flat=True).first()
    return None if step_id is None else _planned(step_id)


@lru_cache(maxsize=32)
def _planned(step_id: UUID) -> Mapping[str, Action] | None:
    """Return what a finished plan does to each resource; cached, since the page asks every second."""
    content = readable(SavedPlan.objects.only("json").get(pk=step_id), "json")
    plan = read_plan(content) if content else None
    if plan is None:
        return None
    return {change.address: change.action for change in plan.changes if change.action in _APPLIED}
