"""Which limits count for a job, and how much of each is used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count, Q
from django.utils.translation import gettext_noop as _

from workspaces import run_limits
from workspaces.choices import EXCLUSIVE_TYPES, RoomClass
from workspaces.models import Job, RunLimits, Step
from workspaces.run_limits import INSTALLATION, ORGANIZATION, WORKSPACE

# Any number that nothing else in this database takes: "tk-room" in ASCII.
ADVISORY_KEY = int.from_bytes(b"tk-room")
ANY_COUNT = Q(running_steps__isnull=False) | Q(running_applies__isnull=False)
IS_APPLY = Q(type__in=EXCLUSIVE_TYPES)
_WHOSE = {
    INSTALLATION: _("the installation"),
    ORGANIZATION: _("the organization {name}"),
    WORKSPACE: _("the workspace {name}"),
}


@dataclass(frozen=True, slots=True)
class Used:
    """Steps that are in execution, and how many of them are applies, destroys or scripts."""

    steps: int = 0
    applies: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The most that may be in execution at once somewhere; ``key`` is the organization's or workspace's."""

    origin: str
    applies: bool
    value: int
    name: str = ""
    key: object = None

    def used(self) -> int:
        """How much of it is used now."""
        found = used_by(self.scope)
        return found.applies if self.applies else found.steps

    @property
    def scope(self) -> Q:
        """What of the steps it counts."""
        return {INSTALLATION: Q(), ORGANIZATION: Q(job__organization=self.key), WORKSPACE: Q(job__workspace=self.key)}[
            self.origin
        ]

    def __str__(self) -> str:
        whose = _WHOSE[self.origin].format(name=self.name).rstrip()
        if self.value == 1:
            most = _("{whose} may have 1 apply at once") if self.applies else _("{whose} may have 1 step at once")
        else:
            most = (
                _("{whose} may have {number} applies at once")
                if self.applies
                else _("{whose} may have {number} steps at once")
            )
        return most.format(whose=whose, number=self.value)


def used_by(scope: Q) -> Used:
    """The steps in execution of a part of the installation. One query."""
    counted = (
        Step.objects.in_executor().filter(scope).aggregate(steps=Count("pk"), applies=Count("pk", filter=IS_APPLY))
    )
    return Used(**counted)


def _of(level: object, room: str, **where: object) -> list[Limit]:
    """The limits of one level that a step of a class needs room under."""
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
        *_of(run_limits.of_installation(), room, origin=INSTALLATION),
    ]


def limits_over(job: Job, room: str, *, lock: bool = False) -> Sequence[Limit]:
    """The limits under which a job's next step needs room, the narrowest first; one query.

    With ``lock`` nobody else counts under any of them until the transaction ends. Their locks are taken in one order
    and after the Job's, so that two never wait for each other; where there is no limit there is no lock.
    """
    rows = RunLimits.objects.filter(ANY_COUNT, Q(workspace=job.workspace_id) | Q(organization=job.organization_id))
    rows = rows.order_by("pk")
    of_workspace: RunLimits | None = None
    of_organization: RunLimits | None = None
    for row in rows.select_for_update() if lock else rows:
        if row.workspace_id is not None:
            of_workspace = row
        else:
            of_organization = row
    found = _over(job, room, of_workspace, of_organization)
    if lock and found and found[-1].origin == INSTALLATION and connection.vendor == "postgresql":
        # SQLite has one writer at a time anyway.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_KEY])
    return found


def widest_over(jobs: Iterable[Job]) -> dict[int, str]:
    """The origin of the widest limit that each of some waiting jobs needs room under, by number; one query.

    A job under no limit any more is left out.
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
    """Whether any limit may ever make a job's steps wait. At most one query."""
    whole = run_limits.of_installation()
    if whole.running_steps is not None or whole.running_applies is not None:
        return True
    rows = RunLimits.objects.filter(ANY_COUNT, Q(workspace=job.workspace_id) | Q(organization=job.organization_id))
    return rows.exists()
