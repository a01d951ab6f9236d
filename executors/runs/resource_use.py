"""Resources that steps of a workspace used, next to their requests, and a suggested request; the arithmetic is pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from executors.models import Attempt
from workspaces.choices import StepType
from workspaces.models import Workspace

RECENT = 20
"""Number of last attempts per kind of step that count."""
_ROOM = 1.25
_UNIT = 32 * 2**20


def suggested_request(peaks: Sequence[int]) -> str:
    """Return a memory request for these peaks: the highest and a quarter, in steps of 32Mi; "" without peaks."""
    if not peaks:
        return ""
    wanted = int(max(peaks) * _ROOM)
    return f"{-(-wanted // _UNIT) * 32}Mi"


def format_bytes(count: float | None) -> str:
    """Format bytes for people, "" for None."""
    return "" if count is None else f"{count / 2**20:.0f} MiB"


@dataclass(frozen=True, slots=True)
class ResourceUse:
    """Resources used by recent steps of one kind, and the request and limit of the last one."""

    kind: str
    runs: int
    asked: str
    limit: str
    peak: str
    last: str
    cpu: str
    suggestion: str


def container_resource(attempt: Attempt, which: str, resource: str = "memory") -> str:
    """Return a request or limit (``which``: requests, limits) of an attempt's container, "" without one."""
    return str((attempt.resources.get(which) or {}).get(resource, ""))


def resource_use(workspace: Workspace) -> list[ResourceUse]:
    """Return the resources used by recent steps of a workspace, by kind of step, without kinds that reported none."""
    found: dict[str, list[Attempt]] = {}
    rows = Attempt.objects.filter(step__job__workspace=workspace, peak_memory_bytes__isnull=False)
    fields = ("step__type", "resources", "peak_memory_bytes", "cpu_seconds", "created_at")
    for attempt in rows.select_related("step").only(*fields).order_by("-created_at")[: RECENT * 4]:
        kind = found.setdefault(attempt.step.type, [])
        if len(kind) < RECENT:
            kind.append(attempt)
    return [_resource_use(kind, attempts) for kind, attempts in found.items()]


def _resource_use(kind: str, attempts: list[Attempt]) -> ResourceUse:
    last = attempts[0]
    peaks = [attempt.peak_memory_bytes for attempt in attempts if attempt.peak_memory_bytes]
    seconds = [attempt.cpu_seconds for attempt in attempts if attempt.cpu_seconds is not None]
    return ResourceUse(
        kind=str(StepType(kind).label),
        runs=len(attempts),
        asked=container_resource(last, "requests"),
        limit=container_resource(last, "limits"),
        peak=format_bytes(max(peaks, default=None)),
        last=format_bytes(last.peak_memory_bytes),
        cpu=f"{max(seconds):.1f} s" if seconds else "",
        suggestion=suggested_request(peaks),
    )
