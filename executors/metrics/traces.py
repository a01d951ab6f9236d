"""One OpenTelemetry trace for each step, across worker, cluster and pod.

A trace is made of the timelines that attempts have anyway, once nothing of an attempt is left: so none is lost with a
process, the pod needs no library and no way to the collector, and a step that nobody watches costs nothing. Ids follow
from the records' own, so that the attempts of one step meet in one trace whoever tells of them.

On where ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set; the exporter takes its other standard variables too.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
from collections.abc import Iterator, Sequence

from executors.choices import EventKind
from executors.metrics.span import Span
from executors.models import Attempt
from workspaces.models import Step

logger = logging.getLogger(__name__)
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
WORKER, CLUSTER, EXECUTOR = "terrakube-worker", "kubernetes", "terrakube-executor"
_START = (
    (EventKind.LAUNCHED, "launch", WORKER),
    (EventKind.SCHEDULED, "schedule", CLUSTER),
    (EventKind.IMAGE, "image", CLUSTER),
    (EventKind.STARTED, "start", CLUSTER),
    (EventKind.CLAIMED, "claim", EXECUTOR),
)


def is_on() -> bool:
    return bool(os.environ.get(ENDPOINT))


def spans(attempt: Attempt) -> Iterator[Span]:
    """What is to tell of an attempt that is over: its parts, itself, and its step if that is over too."""
    step, own = attempt.step, f"attempt {attempt.pk}"
    ended = attempt.ended_at or attempt.created_at
    events = list(attempt.events.order_by("at", "pk").values_list("kind", "detail", "at"))
    yield from _parts(attempt, own, events, ended)
    yield Span(
        key=own,
        parent=f"step {step.pk}",
        name=f"attempt {attempt.number}",
        service=WORKER,
        begin=attempt.created_at,
        end=ended,
        attributes=(
            ("terrakube.attempt", str(attempt.pk)),
            ("terrakube.outcome", attempt.outcome),
            ("terrakube.reason", attempt.reason_code),
            ("k8s.job.name", attempt.job_name),
            ("k8s.namespace.name", attempt.namespace),
            ("k8s.pod.name", attempt.pod_name),
            ("k8s.node.name", attempt.node_name),
        ),
        failed=attempt.outcome not in ("succeeded", "cancelled"),
    )
    if step.is_final:
        yield _root(step, ended)


def _root(step: Step, ended: dt.datetime) -> Span:
    return Span(
        key=f"step {step.pk}",
        parent=None,
        name=f"{step.type} {step.name}",
        service=WORKER,
        begin=step.queued_at or ended,
        end=step.ended_at or ended,
        attributes=(
            ("terrakube.job", step.job_id),
            ("terrakube.step", str(step.pk)),
            ("terrakube.step.number", step.step_number),
            ("terrakube.status", step.status),
            ("terrakube.reason", step.reason_code),
        ),
        failed=step.status == "failed",
    )


def _parts(
    attempt: Attempt, parent: str, events: Sequence[tuple[str, str, dt.datetime]], ended: dt.datetime
) -> Iterator[Span]:
    begin = attempt.created_at
    for kind, name, service in _START:
        at = next((at for one, _, at in events if one == kind), None)
        if at is not None:
            # The cluster tells whole seconds, by another clock.
            end = max(begin, at)
            yield Span(key=f"{parent} {name}", parent=parent, name=name, service=service, begin=begin, end=end)
            begin = end
    phases = [(detail, at) for kind, detail, at in events if kind == EventKind.PHASE]
    for (name, at), (_, following) in zip(phases, [*phases[1:], ("", ended)], strict=True):
        yield Span(
            key=f"{parent} phase {name}",
            parent=parent,
            name=name,
            service=EXECUTOR,
            begin=at,
            end=max(at, following),
        )


def tell(attempt: Attempt) -> None:
    """Send an attempt's part of its step's trace, in the background; nothing where traces are off."""
    if not is_on():
        return
    try:
        from executors.metrics import otlp

        otlp.send(spans(attempt), attempt.step_id)
    except Exception:
        # Whatever a collector or its library is up to, it must hold nobody up.
        logger.exception("The trace of attempt %s could not be sent", attempt.pk)
