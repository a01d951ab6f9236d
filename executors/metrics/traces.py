"""One OpenTelemetry trace per step, across worker, cluster and pod.

A trace is built from the timelines that attempts have anyway, once an attempt is cleaned up: so no process can lose
it, the pod needs neither a library nor a connection to the collector, and an untraced step costs nothing. Ids are
derived from record ids, so that the attempts of one step form one trace, whichever process sends them.

On if ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set; the exporter reads its other standard variables too.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
from collections.abc import Iterator, Sequence

from executors.choices import EventKind
from executors.metrics.span import Span
from executors.models import Attempt
from terrakube_site import site_settings
from workspaces.models import Step

logger = logging.getLogger(__name__)
WORKER, CLUSTER, EXECUTOR = "terrakube-worker", "kubernetes", "terrakube-executor"
_START = (
    (EventKind.LAUNCHED, "launch", WORKER),
    (EventKind.SCHEDULED, "schedule", CLUSTER),
    (EventKind.IMAGE, "image", CLUSTER),
    (EventKind.STARTED, "start", CLUSTER),
    (EventKind.CLAIMED, "claim", EXECUTOR),
)


def is_on() -> bool:
    return bool(site_settings.OTLP_ENDPOINT.read(os.environ))


def attempt_spans(attempt: Attempt) -> Iterator[Span]:
    """Yield the spans of an ended attempt: its parts, itself, and its step if that has ended too."""
    step, own = attempt.step, f"attempt {attempt.pk}"
    ended = attempt.ended_at or attempt.created_at
    events = list(attempt.events.order_by("at", "pk").values_list("kind", "detail", "at"))
    yield from _phase_spans(attempt, own, events, ended)
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
        yield _step_span(step, ended)


def _step_span(step: Step, ended: dt.datetime) -> Span:
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


def _phase_spans(
    attempt: Attempt, parent: str, events: Sequence[tuple[str, str, dt.datetime]], ended: dt.datetime
) -> Iterator[Span]:
    begin = attempt.created_at
    for kind, name, service in _START:
        at = next((at for one, _, at in events if one == kind), None)
        if at is not None:
            # The cluster reports whole seconds of another clock.
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


def send_trace(attempt: Attempt) -> None:
    """Send an attempt's spans in the background; does nothing if traces are off."""
    if not is_on():
        return
    try:
        from executors.metrics import otlp

        otlp.export_spans(attempt_spans(attempt), attempt.step_id)
    except Exception:
        # Errors of a collector or its library must not block anything.
        logger.exception("The trace of attempt %s could not be sent", attempt.pk)
