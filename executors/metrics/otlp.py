"""Export spans to a collector with OpenTelemetry's library; imported only if traces are on.

Ids are derived from record ids, so that spans of one step from several processes form one trace.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable
from functools import cache
from uuid import UUID

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags

from executors.metrics.span import Span


class _Ids(IdGenerator):
    """Gives the next span the ids that were set."""

    def __init__(self) -> None:
        self._next = (1, 1)

    def following(self, trace_id: int, span_id: int) -> None:
        self._next = (trace_id, span_id)

    def generate_trace_id(self) -> int:
        return self._next[0]

    def generate_span_id(self) -> int:
        return self._next[1]


def export_spans(spans: Iterable[Span], step_id: UUID) -> None:
    """Pass the spans of a step to the exporter, which sends them in the background."""
    for span in spans:
        context = Context()
        if span.parent is not None:
            above = SpanContext(step_id.int, _number(span.parent), is_remote=True, trace_flags=TraceFlags(1))
            context = trace.set_span_in_context(NonRecordingSpan(above), context)
        ids, provider = _provider(span.service)
        ids.following(step_id.int, _number(span.key))
        made = provider.get_tracer("terrakube").start_span(
            span.name, context, start_time=_nanoseconds(span.begin), attributes=dict(span.attributes)
        )
        if span.failed:
            made.set_status(Status(StatusCode.ERROR))
        made.end(_nanoseconds(span.end))


def _number(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) or 1


def _nanoseconds(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000


_made: list[TracerProvider] = []


@cache
def _provider(service: str) -> tuple[_Ids, TracerProvider]:
    """Return the provider of one service's spans."""
    ids = _Ids()
    made = TracerProvider(resource=Resource({"service.name": service}), id_generator=ids, sampler=ALWAYS_ON)
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _made.append(made)
    return ids, made


def flush() -> None:
    """Wait until all spans are sent."""
    for provider in _made:
        provider.force_flush()


def close() -> None:
    """Send the rest, and start afresh at the next call."""
    for provider in _made:
        provider.shutdown()
    _made.clear()
    _provider.cache_clear()
