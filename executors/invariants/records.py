"""Invariants of the records that runs leave behind: logs and states."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import F, Q, Sum, Window
from django.db.models.functions import Coalesce, Lag

from executors.invariants import AT_MOST, Invariant, Moment, Violation
from executors.models import Attempt, LogChunk
from workspaces.models import StateVersion


def logs_are_contiguous(moment: Moment) -> Iterator[Violation]:
    recent = Attempt.objects.filter(created_at__gte=moment.recent, log_size__gt=0)
    before = Window(Lag(F("offset") + F("size")), partition_by="attempt_id", order_by="offset")
    chunks = LogChunk.objects.filter(attempt__in=recent).order_by()
    holes = chunks.annotate(before=Coalesce(before, 0)).exclude(offset=F("before"))
    for chunk in holes.values("attempt_id", "offset", "before")[:AT_MOST]:
        yield Violation(
            f"attempt {chunk['attempt_id']}",
            f"Its log has a piece at byte {chunk['offset']}, and what is before it ends at {chunk['before']}",
        )
    sizes = recent.annotate(kept=Coalesce(Sum("log_chunks__size"), 0)).exclude(kept=F("log_size"))
    for attempt in sizes.order_by("pk")[:AT_MOST]:
        yield Violation(f"attempt {attempt} ({attempt.pk})", f"Its log should have {attempt.log_size} bytes")
    damaged = chunks.filter(Q(size__lte=0) | Q(offset__lt=0))
    for piece in damaged[:AT_MOST]:
        yield Violation(f"attempt {piece.attempt_id}", f"A piece at byte {piece.offset} has {piece.size} bytes")


def states_rise(moment: Moment) -> Iterator[Violation]:
    # An operator or a client may put an older state in place by hand; a job never writes one.
    versions = StateVersion.objects.filter(created_date__gte=moment.recent).exclude(lineage="0").order_by()
    before = Window(Lag("serial"), partition_by=["workspace_id", "lineage"], order_by="number")
    fallen = versions.annotate(before=before).filter(job__isnull=False, before__gt=F("serial"))
    for row in fallen.values("workspace_id", "number", "serial", "before")[:AT_MOST]:
        yield Violation(
            f"workspace {row['workspace_id']} state {row['number']}",
            f"Its serial is {row['serial']}, and that before it was {row['before']}",
        )


INVARIANTS = (
    Invariant("logs-are-contiguous", "Each log has all its bytes, or says which were lost.", logs_are_contiguous),
    Invariant("states-rise", "The serials of the states that jobs write rise.", states_rise),
)
