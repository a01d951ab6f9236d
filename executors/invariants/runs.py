"""Invariants of jobs, steps and attempts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from django.db.models import Count, Exists, F, Max, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Greatest

from executors.attempts.lifecycle import STILL_THERE
from executors.choices import ACTIVE, UNCLAIMED, AttemptState
from executors.invariants import AT_MOST, Invariant, Moment, Violation
from executors.models import Attempt
from workspaces.choices import FINAL_JOB, FINAL_STEP, IN_EXECUTOR, PLAN_TYPES, JobStatus
from workspaces.models import Job, Step

_OPEN = ~Q(state=AttemptState.ENDED)


def _job(pk: object) -> str:
    return f"job {pk}"


def _step(step: Step) -> str:
    return f"job {step.job_id} step {step.step_number} ({step.pk})"


def _attempt(attempt: Attempt) -> str:
    return f"attempt {attempt} ({attempt.pk})"


def one_active_job(moment: Moment) -> Iterator[Violation]:
    held = Job.objects.filter(holds_workspace=True).values("workspace_id").annotate(jobs=Count("pk"), last=Max("pk"))
    for row in held.filter(jobs__gt=1).order_by()[:AT_MOST]:
        yield Violation(f"workspace {row['workspace_id']}", f"{row['jobs']} jobs hold it, the newest is {row['last']}")


def one_claimed_attempt(moment: Moment) -> Iterator[Violation]:
    claimed = Attempt.objects.filter(claimed_at__isnull=False)
    later = claimed.filter(step=OuterRef("step"), number__gt=OuterRef("number"))
    former = claimed.filter(Exists(later)).filter(~Q(step__type__in=PLAN_TYPES) | Q(cleaned_at=None))
    for attempt in former.filter(created_at__gte=moment.recent).select_related("step").order_by("pk")[:AT_MOST]:
        rest = "it is no plan" if attempt.step.type not in PLAN_TYPES else "this one was not proved gone"
        yield Violation(_attempt(attempt), f"A later attempt of its step was claimed too, and {rest}")


def _one_open_attempt(moment: Moment) -> Iterator[Violation]:
    several = Attempt.objects.filter(_OPEN).values("step_id").annotate(number=Count("pk")).filter(number__gt=1)
    for row in several.order_by()[:AT_MOST]:
        yield Violation(f"step {row['step_id']}", f"{row['number']} attempts of it are open")


def job_and_step_agree(moment: Moment) -> Iterator[Violation]:
    same = Step.objects.filter(job=OuterRef("pk"), status=OuterRef("status"))
    for job in Job.objects.filter(~Exists(same), status__in=IN_EXECUTOR).order_by("pk")[:AT_MOST]:
        yield Violation(_job(job.pk), f"It is {job.status}, and none of its steps is")
    steps = Step.objects.filter(status__in=IN_EXECUTOR).exclude(job__status=F("status"))
    for step in steps.select_related("job").order_by("pk")[:AT_MOST]:
        yield Violation(_step(step), f"It is {step.status}, and its job is {step.job.status}")


def step_and_attempt_agree(moment: Moment) -> Iterator[Violation]:
    last = Attempt.objects.filter(step=OuterRef("pk")).order_by("-number")
    steps = Step.objects.filter(status__in=IN_EXECUTOR).annotate(
        attempt_state=Coalesce(Subquery(last.values("state")[:1]), None)
    )
    # A retried plan waits in the queue again, with its new attempt.
    queued = Q(status=JobStatus.QUEUE) & Q(attempt_state__in=[*ACTIVE, AttemptState.ENDED])
    running = Q(status=JobStatus.RUNNING) & (Q(attempt_state=None) | ~Q(attempt_state__in=ACTIVE))
    never = Q(status=JobStatus.QUEUE, attempt_state=None, queued_at__lt=moment.settled)
    # The sweep finds a process that died between the end of an attempt and the end of its step.
    for step in steps.filter(queued | running | never).order_by("pk")[:AT_MOST]:
        yield Violation(_step(step), f"It is {step.status}, and its last attempt is {step.attempt_state or 'not made'}")
    claimed = Attempt.objects.filter(state=AttemptState.CLAIMED).exclude(step__status=JobStatus.RUNNING)
    told = claimed.filter(Q(step__ended_at=None) | Q(step__ended_at__lt=moment.settled))
    for attempt in told.select_related("step").order_by("pk")[:AT_MOST]:
        yield Violation(_attempt(attempt), f"It runs, and its step is {attempt.step.status}")


def attempt_ends_with_step(moment: Moment) -> Iterator[Violation]:
    ending = moment.ago(3 * moment.conf.termination_grace_seconds(may_change=True) + 60)
    over = Attempt.objects.filter(_OPEN, step__status__in=FINAL_STEP)
    late = Q(state__in=UNCLAIMED, step__ended_at__lt=moment.settled) | Q(state__in=ACTIVE, step__ended_at__lt=ending)
    for attempt in over.filter(late).select_related("step").order_by("pk")[:AT_MOST]:
        yield Violation(_attempt(attempt), f"It is {attempt.state}, and its step is long {attempt.step.status}")


def ended_attempt_is_whole(moment: Moment) -> Iterator[Violation]:
    ended = Attempt.objects.filter(state=AttemptState.ENDED, created_at__gte=moment.recent)
    for attempt in ended.filter(Q(outcome="") | Q(ended_at=None)).order_by("pk")[:AT_MOST]:
        yield Violation(_attempt(attempt), "It has ended without an outcome or a time")
    undone = Attempt.objects.filter(_OPEN).filter(
        ~Q(outcome="") | Q(ended_at__isnull=False) | Q(cleaned_at__isnull=False)
    )
    for attempt in undone.order_by("pk")[:AT_MOST]:
        yield Violation(_attempt(attempt), f"It is {attempt.state}, and has an end already")


def final_job_is_at_rest(moment: Moment) -> Iterator[Violation]:
    steps = Step.objects.exclude(status__in=FINAL_STEP).filter(job__status__in=FINAL_JOB)
    # From the few unfinished steps of ended jobs; the index of unfinished jobs keeps the other direction cheap.
    for step in steps.select_related("job").order_by("pk")[:AT_MOST]:
        yield Violation(_step(step), f"It is {step.status}, and its job is {step.job.status}")


def held_workspace_has_a_reason(moment: Moment) -> Iterator[Violation]:
    mine = Attempt.objects.filter(step__job=OuterRef("pk"))
    still = mine.filter(STILL_THERE)
    last_end = mine.order_by().values("step__job").annotate(at=Max(Coalesce("cleaned_at", "ended_at"))).values("at")
    held = Job.objects.filter(~Exists(still), holds_workspace=True, status__in=FINAL_JOB)
    held = held.annotate(free_at=Coalesce(Greatest(Subquery(last_end), F("ended_at")), F("ended_at")))
    for job in held.filter(free_at__lt=moment.settled).order_by("pk")[:AT_MOST]:
        yield Violation(_job(job.pk), f"It is {job.status} and nothing of it runs, yet it holds its workspace")


def waiting_says_why(moment: Moment) -> Iterator[Violation]:
    before = moment.now - dt.timedelta(minutes=moment.waiting_minutes)
    silent = Job.objects.filter(status=JobStatus.PENDING, reason="", updated_date__lt=before)
    for job in silent.order_by("pk")[:AT_MOST]:
        yield Violation(_job(job.pk), f"It waits since {job.updated_date:%Y-%m-%d %H:%M} without a reason")


INVARIANTS = (
    Invariant("one-active-job", "At most one job holds a workspace.", one_active_job),
    Invariant(
        "one-claimed-attempt",
        "At most one attempt of a step was ever claimed, but for a plan whose former executor was proved gone.",
        one_claimed_attempt,
    ),
    Invariant("one-open-attempt", "At most one attempt of a step is open.", _one_open_attempt),
    Invariant("job-and-step-agree", "A job is in execution just as its step is.", job_and_step_agree),
    Invariant("step-and-attempt-agree", "A step is in execution just as its last attempt is.", step_and_attempt_agree),
    Invariant("attempt-ends-with-step", "No attempt goes on long after its step has ended.", attempt_ends_with_step),
    Invariant("ended-attempt-is-whole", "An attempt has an end exactly when it has ended.", ended_attempt_is_whole),
    Invariant("final-job-is-at-rest", "No step of an ended job waits or runs.", final_job_is_at_rest),
    Invariant(
        "held-workspace-has-a-reason",
        "An ended job holds its workspace only while something of it may still run.",
        held_workspace_has_a_reason,
    ),
    Invariant("waiting-says-why", "A job that waits says why.", waiting_says_why),
)
