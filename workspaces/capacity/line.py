"""Who waits for room, in which order, and who is first of those for whom there is some.

First comes what has begun, then the organization that is furthest below its share, then a job's priority, then its age.
The number of queries hangs on how many organizations wait, not on how many jobs.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext_noop as _

from workspaces import run_limits
from workspaces.capacity.limits import ANY_COUNT, IS_APPLY, Limit, Used, limits_over
from workspaces.choices import RoomClass
from workspaces.models import Job, RunLimits, Step
from workspaces.run_limits import INSTALLATION, ORGANIZATION, Limits

type Key = tuple[bool, float, int, int]
"""(has not begun, how much of its share the organization uses, -priority, number): the least is first."""
_BEGUN = Q(started_at__isnull=False)


def waiting() -> QuerySet[Job]:
    """The jobs that wait for room and for nothing else."""
    return Job.objects.exclude(waits_for_room="")


def somebody_waits() -> bool:
    """One query, of an index that is empty while nobody does."""
    return waiting().order_by().exists()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A job in the line and its place in the order."""

    pk: int
    key: Key


def _is_full(limits: Any, used: Used, *, applies: bool) -> bool:
    value = limits.running_applies if applies else limits.running_steps
    return value is not None and (used.applies if applies else used.steps) >= value


def _classes(limits: Any, used: Used) -> frozenset[str]:
    """Of which classes one more has room."""
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
    """Of the line, the jobs whose own workspace has no room."""
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
    """The first job of the line for which there is room now; None when there is none for any.

    ``scope`` narrows the line, ``but`` leaves one job out. Nothing is locked, so another may be first a moment later.
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
    allowed = _classes(run_limits.of_installation(), shares.whole)
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
    """A job's place in the line, from 1, and how long that line is."""

    number: int
    length: int

    def __str__(self) -> str:
        return _("place {number} of {length} in line").format(number=self.number, length=self.length)


def place_of(job: Job) -> Place | None:
    """Where a job stands in the line as it would go on if nothing ended; None when it does not wait for room.

    At most seven queries, however many wait.
    """
    if not job.waits_for_room:
        return None
    limits = limits_over(job, job.waits_for_room)
    if not limits:
        return Place(1, 1)
    widest: Limit = limits[-1]
    own = waiting().filter(_same(job, widest)).order_by()
    begun = job.started_at is not None
    ahead = Q(priority__gt=job.priority) | Q(priority=job.priority, pk__lt=job.pk)
    ahead = _BEGUN & ahead if begun else _BEGUN | ahead
    if widest.origin != INSTALLATION:
        counted = own.aggregate(number=Count("pk", filter=ahead), length=Count("pk"))
        return Place(counted["number"] + 1, max(counted["length"], counted["number"] + 1))
    return _among_all(job, own, ahead, begun=begun)


def _same(job: Job, limit: Limit) -> Q:
    if limit.origin == INSTALLATION:
        return Q()
    return Q(organization=job.organization_id) if limit.origin == ORGANIZATION else Q(workspace=job.workspace_id)


def _among_all(job: Job, line: QuerySet[Job], ahead: Q, *, begun: bool) -> Place:
    """The place in the line of the whole installation, in which organizations take turns by their shares."""
    same = _BEGUN if begun else ~_BEGUN
    rows = line.values_list("organization_id").annotate(
        number=Count("pk"), begun=Count("pk", filter=_BEGUN), before=Count("pk", filter=same & ahead)
    )
    counts = {key: (all_, some, before) for key, all_, some, before in rows}
    shares = shares_of(counts)
    all_begun = sum(some for _, some, _ in counts.values())
    mine = counts.get(job.organization_id, (1, 0, 0))[2]
    level = (shares.used.get(job.organization_id, Used()).steps + mine) / shares.weight(job.organization_id)
    number = mine + (0 if begun else all_begun)
    for key, (all_, some, _before) in counts.items():
        if key == job.organization_id:
            continue
        used, weight = shares.used.get(key, Used()).steps, shares.weight(key)
        # So many of the other's jobs come before this one would: those that leave it below this one's level.
        before = math.ceil(level * weight - used)
        number += max(0, min(before, some if begun else all_ - some))
    return Place(number + 1, sum(all_ for all_, _, _ in counts.values()))
