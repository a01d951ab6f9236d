"""The site's counters and histograms by name: meaning, labels and buckets.

Labels have few values, all known beforehand; names that users choose (an organization, a workspace) are never labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

PREFIX = "terrakube_"
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
_CALL_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)


OTHER = "other"
_reasons: set[str] = set()


def allow_reasons(codes: Iterable[str]) -> None:
    """Allow codes of reasons as values of labels."""
    _reasons.update(codes)


def bounded(code: str) -> str:
    """Return a reason's code as a label: an allowed one, empty for none, else "other".

    Executors report codes of their own, which may be anything.
    """
    return code if code in _reasons or not code else OTHER


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A counter, or with ``buckets`` (their upper ends, in the metric's unit) a histogram."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


JOBS_ENDED = Metric(
    name="terrakube_jobs_ended_total",
    help="Jobs that came to a final status.",
    labels=("status",),
)
STEPS_ENDED = Metric(
    name="terrakube_steps_ended_total",
    help="Steps that an executor ended, or that were ended for it; reason is the code of a failure.",
    labels=("type", "status", "reason"),
)
ATTEMPTS_ENDED = Metric(
    name="terrakube_attempts_ended_total",
    help="Tries to run a step that are over and of which nothing is left; replaced ones were retried.",
    labels=("executor", "outcome", "reason"),
)
START_PHASES = Metric(
    name="terrakube_step_start_seconds",
    help="What the time of a step's start went to: launch, schedule, image, start and claim, as far as they are seen.",
    labels=("executor", "phase"),
    buckets=_SECONDS,
)
QUEUED_TO_CLAIMED = Metric(
    name="terrakube_step_queued_to_claimed_seconds",
    help="From a step's hand-over to its executor's first word.",
    labels=("executor",),
    buckets=_SECONDS,
)
STEP_SECONDS = Metric(
    name="terrakube_step_run_seconds",
    help="From an executor's first word to its last.",
    labels=("type",),
    buckets=(1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600),
)
KUBERNETES_CALLS = Metric(
    name="terrakube_kubernetes_request_seconds",
    help="Calls of the Kubernetes API by operation and HTTP status; status 0 is no answer.",
    labels=("operation", "status"),
    buckets=_CALL_SECONDS,
)
LOG_LAG = Metric(
    name="terrakube_log_lag_bytes",
    help="How much of its log an executor still had to send, at each piece that came.",
    buckets=(0, 1024, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864),
)

METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        JOBS_ENDED,
        STEPS_ENDED,
        ATTEMPTS_ENDED,
        START_PHASES,
        QUEUED_TO_CLAIMED,
        STEP_SECONDS,
        KUBERNETES_CALLS,
        LOG_LAG,
    )
}
