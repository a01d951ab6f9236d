"""A step's trace, as a collector gets it."""

from __future__ import annotations

import datetime as dt
import gzip
from collections.abc import Iterator

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from executors.attempts import cleanup, lifecycle
from executors.choices import AttemptOutcome, EventKind, ExecutorKind
from executors.metrics import otlp, traces
from executors.models import Attempt
from tests.factories import PLAN_AND_APPLY, WorkspaceFactory
from tests.support.loopback import LoopbackServer, QuietHandler
from workspaces.jobs import transitions
from workspaces.reasons import told
from workspaces.services import jobs


class Collector(LoopbackServer):
    """Keeps what is sent to it: (service, name) to span."""

    def __init__(self) -> None:
        collector = self

        class Handler(QuietHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.keep(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

        self.spans: dict[tuple[str, str], ExportTraceServiceRequest] = {}
        super().__init__(Handler)

    def keep(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            service = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans[service, span.name] = span


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    made = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
    yield made
    otlp.close()
    made.stop()


@pytest.fixture
def attempt(db: None) -> Attempt:
    """One that went all its way."""
    job = jobs.create_job(WorkspaceFactory.create(), by=None, tcl=PLAN_AND_APPLY)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    made = lifecycle.open_attempt(step_id, executor=ExecutorKind.KUBERNETES)
    assert made is not None
    lifecycle.mark_launched(made, namespace="here")
    lifecycle.record_event(made, EventKind.SCHEDULED, at=made.created_at - dt.timedelta(seconds=1))
    lifecycle.claim_attempt(made, "s" * 43)
    for phase in ("init", "plan"):
        lifecycle.record_heartbeat(made, phase=phase)
    lifecycle.report_result(made, lifecycle.Report(outcome=AttemptOutcome.FAILED, why=told("terraform-failed", "")))
    made.refresh_from_db()
    return made


def test_a_steps_trace_goes_across_worker_cluster_and_pod(collector: Collector, attempt: Attempt) -> None:
    cleanup.mark_cleaned(attempt)
    traces.send_trace(attempt)
    otlp.flush()
    found = collector.spans
    assert found.keys() == {
        ("terrakube-worker", "terraformPlan Plan"),
        ("terrakube-worker", "attempt 1"),
        ("terrakube-worker", "launch"),
        ("kubernetes", "schedule"),
        ("terrakube-executor", "claim"),
        ("terrakube-executor", "init"),
        ("terrakube-executor", "plan"),
    }
    assert {span.trace_id for span in found.values()} == {attempt.step_id.bytes}
    root, own = found["terrakube-worker", "terraformPlan Plan"], found["terrakube-worker", "attempt 1"]
    assert root.parent_span_id == b""
    assert own.parent_span_id == root.span_id
    parts = [span for span in found.values() if span not in (root, own)]
    assert {span.parent_span_id for span in parts} == {own.span_id}
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in found.values())
    assert root.status.code == own.status.code == 2
    assert {a.key: a.value.int_value for a in root.attributes}["terrakube.job"] == attempt.step.job_id


def test_telling_twice_tells_the_same_spans(collector: Collector, attempt: Attempt) -> None:
    traces.send_trace(attempt)
    otlp.flush()
    assert len(collector.spans) == 7
    first = {key: span.span_id for key, span in collector.spans.items()}
    traces.send_trace(attempt)
    otlp.flush()
    assert {key: span.span_id for key, span in collector.spans.items()} == first


def test_without_a_collector_nothing_is_sent(attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.setattr(otlp, "export_spans", lambda *args: pytest.fail("sent"))
    traces.send_trace(attempt)
