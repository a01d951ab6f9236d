"""What steps of a workspace used, beside what they were given, and what to ask for instead; the arithmetic is pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from executors.models import Attempt
from workspaces.choices import StepType
from workspaces.models import Workspace

RECENT = 20
"""How many of the last attempts of each kind of step count."""
_ROOM = 1.25
_UNIT = 32 * 2**20


def suggested_request(peaks: Sequence[int]) -> str:
    """The memory to ask for, as Kubernetes writes it: the highest peak and a quarter, in steps of 32Mi; "" for none."""
    if not peaks:
        return ""
    wanted = int(max(peaks) * _ROOM)
    return f"{-(-wanted // _UNIT) * 32}Mi"


def in_words(count: float | None) -> str:
    """Bytes as people say them; empty for None."""
    return "" if count is None else f"{count / 2**20:.0f} MiB"


@dataclass(frozen=True, slots=True)
class Used:
    """What the recent steps of one kind used, and what the last of them was given."""

    kind: str
    runs: int
    asked: str
    limit: str
    peak: str
    last: str
    cpu: str
    suggestion: str


def given(attempt: Attempt, which: str, resource: str = "memory") -> str:
    """A request or limit (``which``: requests, limits) of an attempt's container; empty for none."""
    return str((attempt.resources.get(which) or {}).get(resource, ""))


def used_by(workspace: Workspace) -> list[Used]:
    """What the recent steps of a workspace used, by kind of step; nothing for kinds that reported none."""
    found: dict[str, list[Attempt]] = {}
    rows = Attempt.objects.filter(step__job__workspace=workspace, peak_memory_bytes__isnull=False)
    fields = ("step__type", "resources", "peak_memory_bytes", "cpu_seconds", "created_at")
    for attempt in rows.select_related("step").only(*fields).order_by("-created_at")[: RECENT * 4]:
        kind = found.setdefault(attempt.step.type, [])
        if len(kind) < RECENT:
            kind.append(attempt)
    return [_used(kind, attempts) for kind, attempts in found.items()]


def _used(kind: str, attempts: list[Attempt]) -> Used:
    last = attempts[0]
    peaks = [attempt.peak_memory_bytes for attempt in attempts if attempt.peak_memory_bytes]
    seconds = [attempt.cpu_seconds for attempt in attempts if attempt.cpu_seconds is not None]
    return Used(
        kind=str(StepType(kind).label),
        runs=len(attempts),
        asked=given(last, "requests"),
        limit=given(last, "limits"),
        peak=in_words(max(peaks, default=None)),
        last=in_words(last.peak_memory_bytes),
        cpu=f"{max(seconds):.1f} s" if seconds else "",
        suggestion=suggested_request(peaks),
    )
