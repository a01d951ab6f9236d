"""View model of a job's page: its steps, their attempts and times, and why something waits or failed."""

from __future__ import annotations

import datetime as dt
import shlex
from collections import defaultdict
from dataclasses import dataclass, field
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from executors.choices import AttemptState, EventKind, ExecutorKind
from executors.models import Attempt, AttemptEvent
from executors.runs.remedies import Remedy, remedy_for
from executors.runs.resource_use import container_resource, format_bytes
from workspaces.choices import IN_EXECUTOR, JobStatus, StepType
from workspaces.display import duration, label, tone
from workspaces.jobs.transitions.table import REJECTED
from workspaces.jobs.undeclared_variables import undeclared_inherited, undeclared_own
from workspaces.models import Job, Step
from workspaces.reasons import Reason, advice_for, in_language

ENDED_BADLY = frozenset({JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.REJECTED})
_LOG_FIRST = frozenset({JobStatus.QUEUE, JobStatus.RUNNING, JobStatus.FAILED, JobStatus.CANCELLED})
_PHASES = {
    "folder": gettext_noop("Waiting for the work folder"),
    "source": gettext_noop("Getting the source"),
    "tools": gettext_noop("Getting the tool"),
    "init": "Init",
    "plan": "Plan",
    "apply": "Apply",
    "destroy": "Destroy",
    "script": gettext_noop("Scripts"),
    "show": gettext_noop("Reading the result"),
    "upload": gettext_noop("Delivering the result"),
}


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a timeline: the event, its time, and the time since the line before."""

    text: str
    at: dt.datetime
    after: str


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt at a step, for display."""

    attempt: Attempt
    why: Reason | None
    """Why it ended or waits, None if the page says so already above."""
    moments: tuple[Moment, ...]
    place: tuple[tuple[str, str], ...]
    commands: tuple[tuple[str, str], ...]

    @property
    def is_over(self) -> bool:
        return self.attempt.state == AttemptState.ENDED

    @property
    def outcome(self) -> str:
        return str(self.attempt.get_outcome_display() if self.is_over else self.attempt.get_state_display())

    @property
    def tone(self) -> str:
        if not self.is_over:
            return "active"
        return {"succeeded": "good", "failed": "bad", "killed": "bad", "lost": "bad"}.get(self.attempt.outcome, "quiet")


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of a job, for display."""

    step: Step
    why: Reason | None
    """Why it ended or waits, None if the head of the page or its comments say so already."""
    attempts: tuple[AttemptView, ...]
    took: str
    advice: str

    @property
    def shown_status(self) -> str:
        """Return the status to show: a rejected approval is told by the job's word, and a step that never began because
        its job ended is shown as not executed.
        """
        step = self.step
        if step.decision == REJECTED and step.status == JobStatus.FAILED:
            return JobStatus.REJECTED
        began = self.attempts or step.queued_at or step.started_at or step.decision
        return str(step.status if began or step.status not in ENDED_BADLY else JobStatus.NOT_EXECUTED)

    @property
    def tone(self) -> str:
        return tone(self.shown_status)

    @property
    def label(self) -> str:
        return label(self.shown_status)

    @property
    def kind(self) -> str:
        """Return what the step does, "" if its name says so already."""
        kind = str(StepType(self.step.type).label)
        return "" if kind.casefold() == self.step.name.casefold() else kind

    @property
    def undeclared(self) -> list[str]:
        """Return the workspace's variables that the configuration does not declare."""
        return undeclared_own(self.step)

    @property
    def undeclared_inherited(self) -> list[str]:
        return undeclared_inherited(self.step)

    @property
    def has_log(self) -> bool:
        """Return whether there is a log to read, or one that may begin at any moment."""
        return any(one.attempt.log_size or (self.is_active and one.attempt.launched_at) for one in self.attempts)

    @property
    def is_active(self) -> bool:
        return self.step.status in IN_EXECUTOR

    @property
    def is_repeated(self) -> bool:
        return len(self.attempts) > 1

    @property
    def interruption_tone(self) -> str:
        return {"interrupting": "active", "killed": "bad"}.get(self.step.interruption, "quiet")


@dataclass(frozen=True, slots=True)
class Run:
    """A job for its page; ``remedy`` leads to the tab of the workspace that the advice is about, None for none."""

    job: Job
    steps: tuple[StepView, ...]
    advice: str
    remedy: Remedy | None = None
    force_stoppable: UUID | None = None
    """The step whose executor was told to stop but still runs, None if there is none."""

    @property
    def tone(self) -> str:
        return tone(self.job.status)

    @property
    def label(self) -> str:
        return label(self.job.status)

    @property
    def doing(self) -> str:
        """Return what runs right now, in a few words; "" if nothing does."""
        for shown in self.steps:
            if shown.is_active and shown.attempts and shown.attempts[-1].moments:
                return f"{shown.step.name}: {shown.attempts[-1].moments[-1].text}"
        return ""

    @property
    def took(self) -> str:
        if self.job.started_at is None:
            return ""
        return duration((self.job.ended_at or timezone.now()) - self.job.started_at)

    @property
    def leads_with(self) -> str:
        """Return what a reader looks for first: the "log" of what runs or failed, else the "results"."""
        return "log" if self.job.status in _LOG_FIRST and self.log_step is not None else "results"

    @property
    def log_step(self) -> StepView | None:
        """Return the step whose log to show first: the running or failed one, else the last one with a log."""
        with_log = [shown for shown in self.steps if shown.has_log]
        for shown in with_log:
            if shown.is_active or shown.step.status == JobStatus.FAILED:
                return shown
        return with_log[-1] if with_log else None


@dataclass(slots=True)
class _Gathered:
    attempts: dict[UUID, list[Attempt]] = field(default_factory=lambda: defaultdict(list))
    events: dict[UUID, list[AttemptEvent]] = field(default_factory=lambda: defaultdict(list))


def _gather(steps: list[Step]) -> _Gathered:
    found = _Gathered()
    ids = []
    for attempt in Attempt.objects.filter(step__in=steps).order_by("number"):
        found.attempts[attempt.step_id].append(attempt)
        ids.append(attempt.pk)
    for event in AttemptEvent.objects.filter(attempt__in=ids).order_by("at", "id"):
        found.events[event.attempt_id].append(event)
    return found


def phase_text(phase: str) -> str:
    """Return the name of a phase as pages show it; one that is not known keeps its own."""
    return _(_PHASES[phase]) if phase in _PHASES else phase


def event_text(event: AttemptEvent, *said: str) -> str:
    """Return a line of an attempt's timeline, without a reason that the page ``said`` above it."""
    if event.kind == EventKind.PHASE:
        return phase_text(event.detail)
    name = str(event.get_kind_display())
    return f"{name}: {in_language(event.why)}" if _says_more(event.detail, *said) else name


def _says_more(reason: str, *said: str) -> bool:
    """Return whether a reason is in none of those that the page shows above it."""
    return bool(reason) and not any(reason in above for above in said)


_START = (EventKind.CREATED, EventKind.LAUNCHED, EventKind.SCHEDULED, EventKind.IMAGE, EventKind.STARTED)
"""Events of a start, in their order; those of the cluster have whole seconds, cut off."""


def _true_time(event: AttemptEvent, others: list[AttemptEvent]) -> dt.datetime:
    """Return when an event was at the earliest: its own second may have begun before what precedes it."""
    if event.kind not in _START or event.at.microsecond:
        return event.at
    earlier = _START[: _START.index(EventKind(event.kind))]
    second = event.at, event.at + dt.timedelta(seconds=1)
    return max((one.at for one in others if one.kind in earlier and second[0] <= one.at < second[1]), default=event.at)


def in_true_order(events: list[AttemptEvent]) -> list[tuple[dt.datetime, AttemptEvent]]:
    """Return events with their times, in the order in which they were."""
    kinds = list(EventKind)
    timed = [(_true_time(event, events), event) for event in events]
    return sorted(timed, key=lambda one: (one[0], kinds.index(EventKind(one[1].kind)), one[1].pk))


def _moments(events: list[AttemptEvent], said: tuple[str, ...]) -> tuple[Moment, ...]:
    found = []
    before: dt.datetime | None = None
    for at, event in in_true_order(events):
        found.append(Moment(event_text(event, *said), at, _format_span(at - before) if before else ""))
        before = at
    return tuple(found)


def _format_span(span: dt.timedelta) -> str:
    seconds = span.total_seconds()
    return f"+{seconds:.1f} s" if seconds < 60 else f"+{duration(span)}"


def _place_rows(attempt: Attempt) -> tuple[tuple[str, str], ...]:
    if attempt.executor == ExecutorKind.LOCAL:
        parts = [(_("Machine"), attempt.host), (_("Process"), str(attempt.process_id or ""))]
    else:
        parts = [
            ("Kubernetes Job", attempt.job_name if attempt.namespace else ""),
            (_("Cluster"), attempt.cluster),
            ("Namespace", attempt.namespace),
            ("Pod", attempt.pod_name),
            ("Node", attempt.node_name),
            (_("Image"), attempt.image),
        ]
    parts += [
        (_("Memory request"), container_resource(attempt, "requests")),
        (_("Memory limit"), container_resource(attempt, "limits")),
    ]
    parts.append((_("Peak memory"), format_bytes(attempt.peak_memory_bytes)))
    if attempt.cpu_seconds is not None:
        parts.append((_("CPU time"), f"{attempt.cpu_seconds:.1f} s"))
    if attempt.exit_code is not None:
        parts.append((_("Exit code"), str(attempt.exit_code)))
    return tuple(part for part in parts if part[1])


def _commands(attempt: Attempt) -> tuple[tuple[str, str], ...]:
    """Return kubectl commands that show the same, ready to copy."""
    if attempt.executor == ExecutorKind.LOCAL or not attempt.namespace:
        return ()
    if attempt.cluster:
        # The reader's kubectl may know it by any name.
        return ()
    where = f"kubectl --namespace {shlex.quote(attempt.namespace)}"
    name = shlex.quote(attempt.job_name)
    return (
        (_("See why it waits or failed"), f"{where} describe pod --selector job-name={name}"),
        (_("Follow its log"), f"{where} logs --follow job/{name}"),
    )


def _span(step: Step) -> str:
    begin = step.queued_at or step.started_at
    if begin is None:
        return ""
    return duration((step.ended_at or timezone.now()) - begin)


def _attempt_view(attempt: Attempt, events: list[AttemptEvent], said: tuple[str, ...]) -> AttemptView:
    return AttemptView(
        attempt=attempt,
        why=attempt.why if _says_more(attempt.reason, *said) else None,
        moments=_moments(events, (*said, attempt.reason)),
        place=_place_rows(attempt),
        commands=_commands(attempt),
    )


def load_run(job: Job) -> Run:
    """Load a job with its steps and attempts, in three queries."""
    steps = list(job.steps.all())
    found = _gather(steps)
    shown = []
    stoppable = None
    for step in steps:
        attempts = found.attempts[step.pk]
        if attempts and attempts[-1].state == AttemptState.INTERRUPTING and not attempts[-1].force_stop:
            stoppable = step.pk
        shown.append(
            StepView(
                step=step,
                why=step.why if _says_more(step.reason, job.reason, step.comment) else None,
                attempts=tuple(_attempt_view(row, found.events[row.pk], (job.reason, step.reason)) for row in attempts),
                took=_span(step),
                advice=in_language(advice_for(step.why)),
            )
        )
    failed = next((row for row in shown if row.step.status == JobStatus.FAILED and row.advice), None)
    return Run(
        job=job,
        steps=tuple(shown),
        advice=failed.advice if failed else "",
        remedy=remedy_for(failed.step, job) if failed else None,
        force_stoppable=stoppable,
    )
