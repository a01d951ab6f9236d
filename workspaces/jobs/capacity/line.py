"""The queue of jobs that wait for capacity, its order, and the first job that fits.

First come jobs that have begun, then the organization furthest below its share, then the job's priority, then its age.
The number of queries depends on the number of waiting organizations, not of waiting jobs.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, F, Q, QuerySet, When, Window
from django.db.models.functions import RowNumber
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces import run_limits
from workspaces.choices import RoomClass
from workspaces.jobs.capacity.limits import ANY_COUNT, IS_APPLY, Used, widest_over
from workspaces.models import Job, RunLimits, Step
from workspaces.run_limits import INSTALLATION, ORGANIZATION, Limits

type Key = tuple[bool, float, int, int]
"""(has not begun, how much of its share the organization uses, -priority, number): the least is first."""
_BEGUN = Q(started_at__isnull=False)
_ORDER = (Case(When(_BEGUN, then=0), default=1), "-priority", "pk")
"""In which those of one organization go on."""


def waiting() -> QuerySet[Job]:
    """Return the jobs that wait only for capacity."""
    return Job.objects.exclude(waits_for_room="")


def somebody_waits() -> bool:
    """Return whether any job waits for capacity. One query of an index that is empty otherwise."""
    return waiting().order_by().exists()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A waiting job and its sort key."""

    pk: int
    key: Key


def _is_full(limits: Any, used: Used, *, applies: bool) -> bool:
    value = limits.running_applies if applies else limits.running_steps
    return value is not None and (used.applies if applies else used.steps) >= value


def _classes(limits: Any, used: Used) -> frozenset[str]:
    """Return the classes that have capacity for one more step."""
    if _is_full(limits, used, applies=False):
        return frozenset()
    if _is_full(limits, used, applies=True):
        return frozenset({RoomClass.STEP})
    return frozenset({RoomClass.STEP, RoomClass.APPLY})


def _used_by_organization() -> dict[UUID, Used]:
    rows = Step.objects.in_executor().order_by().values_list("job__organization_id")
    return {
        key: Used(steps, applies)
        for key, steps, applies in rows.annotate(number=Count("pk"), applies=Count("pk", filter=IS_APPLY))
    }


def _full_workspaces(line: QuerySet[Job]) -> Q:
    """Return the waiting jobs whose own workspace has no capacity."""
    keys = line.order_by().values("workspace")
    limits = {row.workspace_id: row for row in RunLimits.objects.filter(ANY_COUNT, workspace__in=keys)}
    if not limits:
        return Q(pk__in=[])
    rows = (
        Step.objects.in_executor().filter(job__workspace__in=list(limits)).order_by().values_list("job__workspace_id")
    )
    used = {
        key: Used(steps, some)
        for key, steps, some in rows.annotate(number=Count("pk"), applies=Count("pk", filter=IS_APPLY))
    }
    full: dict[frozenset[str], list[UUID]] = defaultdict(list)
    for key, row in limits.items():
        full[_classes(row, used.get(key, Used()))].append(key)
    none, plain = full[frozenset()], full[frozenset({RoomClass.STEP})]
    return Q(workspace__in=none) | Q(workspace__in=plain, waits_for_room=RoomClass.APPLY)


@dataclass(frozen=True, slots=True)
class Shares:
    """How much of its share each organization uses."""

    used: Mapping[UUID, Used]
    rows: Mapping[UUID, RunLimits]

    def of(self, organization_id: UUID) -> float:
        return self.used.get(organization_id, Used()).steps / self.weight(organization_id)

    def weight(self, organization_id: UUID) -> int:
        row = self.rows.get(organization_id)
        return (row.share if row is not None else None) or 1

    @property
    def whole(self) -> Used:
        return Used(sum(one.steps for one in self.used.values()), sum(one.applies for one in self.used.values()))


def shares_of(organizations: Iterable[UUID]) -> Shares:
    """Two queries."""
    rows = {row.organization_id: row for row in RunLimits.objects.filter(organization__in=list(organizations))}
    return Shares(_used_by_organization(), rows)


def key_of(job: Job, shares: Shares) -> Key:
    return (job.started_at is None, shares.of(job.organization_id), -job.priority, job.pk)


def first_in_line(scope: Q | None = None, *, but: int | None = None) -> Candidate | None:
    """Return the first waiting job that fits now; None if none does.

    ``scope`` narrows the queue, ``but`` leaves one job out. Nothing is locked, so another job may be first a moment
    later.
    """
    line = waiting().filter(scope or Q())
    if but is not None:
        line = line.exclude(pk=but)
    groups = {
        key: (all_, some)
        for key, all_, some in line.order_by()
        .values_list("organization_id")
        .annotate(number=Count("pk"), begun=Count("pk", filter=_BEGUN))
    }
    if not groups:
        return None
    shares = shares_of(groups)
    allowed = _classes(run_limits.installation_limits(), shares.whole)
    if not allowed:
        return None
    line = line.exclude(_full_workspaces(line))
    ranks: dict[tuple[bool, float], dict[frozenset[str], list[UUID]]] = defaultdict(lambda: defaultdict(list))
    for key, (all_, some) in groups.items():
        classes = allowed & _classes(shares.rows.get(key, Limits()), shares.used.get(key, Used()))
        for is_new, count in ((False, some), (True, all_ - some)):
            if count and classes:
                ranks[is_new, shares.of(key)][classes].append(key)
    for is_new, share in sorted(ranks):
        heads = [
            _head(line.filter(~_BEGUN if is_new else _BEGUN, organization__in=keys, waits_for_room__in=classes))
            for classes, keys in ranks[is_new, share].items()
        ]
        found = min((head for head in heads if head is not None), default=None)
        if found is not None:
            return Candidate(found[1], (is_new, share, *found))
    return None


def _head(line: QuerySet[Job]) -> tuple[int, int] | None:
    row = line.order_by("-priority", "pk").values_list("priority", "pk").first()
    return None if row is None else (-row[0], row[1])


@dataclass(frozen=True, slots=True)
class Place:
    """A job's place in the queue, from 1, and the length of that queue."""

    number: int
    length: int

    def __str__(self) -> str:
        return message(_("place {number} of {length} in line"), number=self.number, length=self.length)


def place_of(job: Job) -> Place | None:
    """Return a job's place in the queue, assuming no step ends; None if it does not wait for capacity."""
    return places_of([job]).get(job.pk)


def places_of(jobs: Iterable[Job]) -> dict[int, Place]:
    """Return the place of each waiting job, by number, in the queue of its widest limit.

    At most five queries, however many jobs are asked for and wait; none if none of them waits.
    """
    asked = {job.pk: job for job in jobs if job.waits_for_room}
    if not asked:
        return {}
    widest = widest_over(asked.values())
    ranks = _ranks(asked.values())
    whole = _Whole.now() if INSTALLATION in widest.values() else None
    found = {}
    for pk, rank in ranks.items():
        origin = widest.get(pk)
        if origin is None:
            found[pk] = Place(1, 1)
        elif origin == INSTALLATION and whole is not None:
            found[pk] = whole.place(asked[pk], rank.in_organization.number)
        else:
            found[pk] = rank.in_organization if origin == ORGANIZATION else rank.in_workspace
    return found


def note_places(jobs: Iterable[Job]) -> None:
    """Set the attribute ``place`` of each job; None for one that does not wait for capacity."""
    shown = list(jobs)
    places = places_of(shown)
    for job in shown:
        job.place = places.get(job.pk)  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class _Rank:
    """A job's rank among the waiting jobs of its organization and of its workspace."""

    in_organization: Place
    in_workspace: Place


def _ranks(jobs: Iterable[Job]) -> dict[int, _Rank]:
    """Return the rank of each job that still waits; one query, which returns no other jobs of the queue."""
    asked = list(jobs)
    line = waiting().filter(organization__in={job.organization_id for job in asked}).order_by()
    line = line.annotate(
        **{
            f"{what}_{scope}": Window(counted, partition_by=scope, order_by=order)
            for scope in ("organization", "workspace")
            for what, counted, order in (("number", RowNumber(), _ORDER), ("length", Count("*"), None))
        }
    )
    # Filtered through the window, so that other jobs are left out only after counting.
    line = line.annotate(job=Case(When(number_organization__gte=1, then=F("pk"))))
    rows = line.filter(job__in=[job.pk for job in asked]).values_list(
        "pk", "number_organization", "length_organization", "number_workspace", "length_workspace"
    )
    return {pk: _Rank(Place(one, of), Place(here, of_here)) for pk, one, of, here, of_here in rows}


@dataclass(frozen=True, slots=True)
class _Whole:
    """The queue of the whole installation, in which organizations take turns by their shares."""

    crowds: Mapping[UUID, tuple[int, int]]
    """How many of each organization wait, and how many of these have begun."""
    shares: Shares

    @classmethod
    def now(cls) -> _Whole:
        """Three queries."""
        rows = (
            waiting()
            .order_by()
            .values_list("organization_id")
            .annotate(number=Count("pk"), begun=Count("pk", filter=_BEGUN))
        )
        crowds = {key: (all_, some) for key, all_, some in rows}
        return cls(crowds, shares_of(crowds))

    def place(self, job: Job, rank: int) -> Place:
        """The place of the job that is at a rank of its own organization's line, from 1."""
        begun = job.started_at is not None
        # Jobs of its organization before it, of the same kind: begun or not begun.
        mine = max(rank - 1 - (0 if begun else self.crowds.get(job.organization_id, (1, 0))[1]), 0)
        used = self.shares.used.get(job.organization_id, Used()).steps
        level = (used + mine) / self.shares.weight(job.organization_id)
        number = mine + (0 if begun else sum(some for _, some in self.crowds.values()))
        for key, (all_, some) in self.crowds.items():
            if key == job.organization_id:
                continue
            used, weight = self.shares.used.get(key, Used()).steps, self.shares.weight(key)
            # The other organization's jobs that come before this one: those that leave it below this one's level.
            before = math.ceil(level * weight - used)
            number += max(0, min(before, some if begun else all_ - some))
        return Place(number + 1, sum(all_ for all_, _ in self.crowds.values()))
