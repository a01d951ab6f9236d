"""Invariants of concurrency limits, and of the line of jobs that wait for capacity."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Max, Q

from executors.invariants import AT_MOST, Invariant, Moment, Violation
from workspaces import run_limits
from workspaces.choices import JobStatus
from workspaces.jobs import capacity
from workspaces.jobs.capacity.limits import ANY_COUNT, IS_APPLY, used_by
from workspaces.models import Job, RunLimits, Step


def limits_hold(moment: Moment) -> Iterator[Violation]:
    whole = run_limits.installation_limits()
    yield from _over("installation", Q(), whole.running_steps, whole.running_applies)
    rows = RunLimits.objects.filter(ANY_COUNT).select_related("organization", "workspace").order_by("pk")
    for row in rows.iterator():
        if row.workspace is not None:
            where, scope = f"workspace {row.workspace.name}", Q(job__workspace=row.workspace_id)
        else:
            where, scope = f"organization {row.organization}", Q(job__organization=row.organization_id)
        yield from _over(where, scope, row.running_steps, row.running_applies)


def _over(where: str, scope: Q, steps: int | None, applies: int | None) -> Iterator[Violation]:
    if steps is None and applies is None:
        return
    used = used_by(scope)
    for number, limit, what in ((used.steps, steps, "steps"), (used.applies, applies, "applies")):
        if limit is None or number <= limit:
            continue
        mine = Step.objects.in_executor().filter(scope, *([IS_APPLY] if what == "applies" else []))
        latest = mine.aggregate(at=Max("queued_at"))["at"]
        since = f", the last since {latest:%Y-%m-%d %H:%M:%S}" if latest is not None else ""
        yield Violation(where, f"{number} {what} are in execution, and its limit is {limit}{since}")


def line_is_of_those_who_wait(moment: Moment) -> Iterator[Violation]:
    waits = {JobStatus.PENDING, JobStatus.APPROVED, JobStatus.WAITING_APPROVAL}
    for job in capacity.waiting().exclude(status__in=waits).order_by("pk")[:AT_MOST]:
        yield Violation(f"job {job.pk}", f"It stands in line for room, and is {job.status}")


def room_is_taken(moment: Moment) -> Iterator[Violation]:
    first = capacity.first_in_line() if capacity.somebody_waits() else None
    if first is None:
        return
    job = Job.objects.get(pk=first.pk)
    if job.updated_date < moment.settled and not _handed_over_since(moment):
        yield Violation(f"job {job.pk}", f"There is room for it, and it waits since {job.updated_date:%H:%M:%S}")


def _handed_over_since(moment: Moment) -> bool:
    # While the line moves, its head has not been forgotten.
    return Step.objects.in_executor().filter(queued_at__gte=moment.settled).exists()


INVARIANTS = (
    Invariant(
        "limits-hold",
        "No more steps are in execution than the limits allow. (One that was lowered is exceeded until steps end.)",
        limits_hold,
    ),
    Invariant("line-is-of-those-who-wait", "Only a job that waits stands in line.", line_is_of_those_who_wait),
    Invariant("room-is-taken", "No job waits for long while there is capacity.", room_is_taken),
)
