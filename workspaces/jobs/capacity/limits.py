"""Which limits apply to a job, and how much of each is used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count, Q, QuerySet

from workspaces import run_limits
from workspaces.choices import EXCLUSIVE_TYPES, RoomClass, Via
from workspaces.models import Job, RunLimits, Step
from workspaces.reasons import Reason, reason
from workspaces.run_limits import INSTALLATION, ORGANIZATION, WORKSPACE

# Any number unused by other advisory locks in this database: "tk-room" in ASCII.
ADVISORY_KEY = int.from_bytes(b"tk-room")
ANY_COUNT = Q(running_steps__isnull=False) | Q(running_applies__isnull=False)
IS_APPLY = Q(type__in=EXCLUSIVE_TYPES)


@dataclass(frozen=True, slots=True)
class Used:
    """The number of running steps, and of applies, destroys and scripts among them."""

    steps: int = 0
    applies: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The most steps that may run at once in a scope; ``key`` is the organization's or workspace's."""

    origin: str
    applies: bool
    value: int
    name: str = ""
    key: object = None

    def used(self) -> int:
        """Return how much of the limit is used now."""
        found = used_by(self.scope)
        return found.applies if self.applies else found.steps

    @property
    def scope(self) -> Q:
        """Return the filter of the steps that the limit counts."""
        return {INSTALLATION: Q(), ORGANIZATION: Q(job__organization=self.key), WORKSPACE: Q(job__workspace=self.key)}[
            self.origin
        ]

    @property
    def why(self) -> Reason:
        """Whose limit it is and how many it allows."""
        what = "apply" if self.applies else "step"
        whose = reason("", f"the-{self.origin}", name=self.name)
        return reason("", f"may-one-{what}" if self.value == 1 else f"may-{what}", whose=whose, number=self.value)


def used_by(scope: Q) -> Used:
    """Count the running steps of a part of the installation. One query."""
    counted = (
        Step.objects.in_executor().filter(scope).aggregate(steps=Count("pk"), applies=Count("pk", filter=IS_APPLY))
    )
    return Used(**counted)


def checks_under(limit: Limit) -> QuerySet[Step]:
    """Return the steps of drift checks that a limit counts, the newest first; ending one frees capacity under it."""
    running = Step.objects.in_executor().filter(limit.scope, job__via=Via.DRIFT, job__plan_only=True)
    return running.none() if limit.applies else running.order_by("-queued_at")


def _of(level: object, room: str, **where: object) -> list[Limit]:
    """Return the limits of one level that apply to a step of a class."""
    found = [(False, getattr(level, "running_steps", None))]
    if room == RoomClass.APPLY:
        found.append((True, getattr(level, "running_applies", None)))
    return [Limit(applies=applies, value=value, **where) for applies, value in found if value is not None]  # type: ignore[arg-type]


def _over(
    job: Job, room: str, of_workspace: RunLimits | None, of_organization: RunLimits | None, *, named: bool = True
) -> list[Limit]:
    """The limits under which a job needs room, the narrowest first; without ``named`` they say not whose they are."""
    here = job.workspace.name if named and of_workspace is not None else ""
    owner = job.organization.name if named and of_organization is not None else ""
    return [
        *_of(of_workspace, room, origin=WORKSPACE, name=here, key=job.workspace_id),
        *_of(of_organization, room, origin=ORGANIZATION, name=owner, key=job.organization_id),
        *_of(run_limits.installation_limits(), room, origin=INSTALLATION),
    ]


def _may_be_counted(job: Job) -> bool:
    """Return whether the job's organization or workspace may have a count, as far as was read under the job's lock."""
    around = job.surroundings
    if around is None:
        return True
    levels = (around.organization, around.workspace)
    return any(level.running_steps is not None or level.running_applies is not None for level in levels)


def _rows_over(job: Job, *, lock: bool) -> Iterable[RunLimits]:
    rows = RunLimits.objects.filter(ANY_COUNT, Q(workspace=job.workspace_id) | Q(organization=job.organization_id))
    rows = rows.order_by("pk")
    return rows.select_for_update() if lock else rows


def limits_over(job: Job, room: str, *, lock: bool = False) -> Sequence[Limit]:
    """Return the limits that apply to a job's next step, the narrowest first; at most one query.

    With ``lock``, no other transaction counts under any of them until this one ends. Locks are taken in one order and
    after the Job's, so that two transactions never deadlock; without a limit there is no lock.
    """
    of_workspace: RunLimits | None = None
    of_organization: RunLimits | None = None
    for row in _rows_over(job, lock=lock) if _may_be_counted(job) else ():
        if row.workspace_id is not None:
            of_workspace = row
        else:
            of_organization = row
    found = _over(job, room, of_workspace, of_organization)
    if lock and found and found[-1].origin == INSTALLATION and connection.vendor == "postgresql":
        # SQLite has only one writer at a time.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_KEY])
    return found


def widest_over(jobs: Iterable[Job]) -> dict[int, str]:
    """Return the origin of the widest limit that applies to each of some waiting jobs, by number; one query.

    A job without a limit is left out.
    """
    found = list(jobs)
    rows = RunLimits.objects.filter(
        ANY_COUNT,
        Q(workspace__in={job.workspace_id for job in found})
        | Q(organization__in={job.organization_id for job in found}),
    )
    levels = {row.workspace_id or row.organization_id: row for row in rows}
    widest = {}
    for job in found:
        of_workspace, of_organization = levels.get(job.workspace_id), levels.get(job.organization_id)
        over = _over(job, job.waits_for_room, of_workspace, of_organization, named=False)
        if over:
            widest[job.pk] = over[-1].origin
    return widest


def is_limited(job: Job) -> bool:
    """Return whether a limit can make a job's steps wait. At most one query."""
    whole = run_limits.installation_limits()
    if whole.running_steps is not None or whole.running_applies is not None:
        return True
    rows = RunLimits.objects.filter(ANY_COUNT, Q(workspace=job.workspace_id) | Q(organization=job.organization_id))
    return rows.exists()
