"""What Prometheus reads of the site."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from multiprocessing import Value
from queue import SimpleQueue
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone
from django_q import signals
from django_q.worker import worker
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import DjangoCaptureOnCommitCallbacks

from executors import apps
from executors.attempts import cleanup, lifecycle
from executors.choices import AttemptOutcome, EventKind, ExecutorKind
from executors.metrics import store
from executors.metrics.outcomes import start_phases
from executors.models import Attempt
from terrakube_site.metrics import catalogue, tally
from terrakube_site.metrics.catalogue import METRICS
from tests.factories import PLAN_AND_APPLY, WorkspaceFactory
from workspaces.jobs import transitions
from workspaces.reasons import told
from workspaces.services import jobs

type Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(autouse=True)
def nothing_counted() -> Iterator[None]:
    tally.take()
    yield
    tally.take()


def count_a_job() -> None:
    """A task."""
    tally.count(catalogue.JOBS_ENDED, status="completed")


def scrape(client: Client) -> Samples:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


@pytest.fixture
def claimed() -> Attempt:
    job = jobs.create_job(WorkspaceFactory.create(), by=None, tcl=PLAN_AND_APPLY)
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    attempt = lifecycle.open_attempt(step_id, executor=ExecutorKind.KUBERNETES)
    assert attempt is not None
    lifecycle.mark_launched(attempt, namespace="here")
    assert lifecycle.claim_attempt(attempt, "s" * 43) is lifecycle.Claim.WON
    return attempt


@pytest.mark.django_db
class TestWhoMayRead:
    def test_the_machine_itself_may_where_no_token_is_set(self, client: Client) -> None:
        assert client.get("/metrics").status_code == 200

    @pytest.mark.parametrize("extra", [{"REMOTE_ADDR": "203.0.113.7"}, {"headers": {"X-Forwarded-For": "203.0.113.7"}}])
    def test_another_machine_may_not(self, client: Client, extra: dict[str, str]) -> None:
        answer = client.get("/metrics", **extra)  # type: ignore[arg-type]
        assert answer.status_code == 401
        assert "TERRAKUBE_METRICS_TOKEN" in answer.json()["errors"][0]["detail"]

    def test_with_a_token_its_bearer_alone_may(self, client: Client, settings: LazySettings) -> None:
        settings.METRICS_TOKEN = "a-token-for-prometheus"
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers={"Authorization": "Bearer a-token-for-nobody"}).status_code == 401
        assert client.get("/metrics", headers={"Authorization": "Bearer a-token-for-prometheus"}).status_code == 200

    @pytest.mark.parametrize(("admin", "status"), [(True, 200), (False, 401)])
    def test_in_the_browser_administrators_may(
        self, client: Client, settings: LazySettings, admin: bool, status: int
    ) -> None:
        settings.METRICS_TOKEN = "a-token-for-prometheus"
        client.force_login(User.objects.create_user("someone", is_staff=True, is_superuser=admin))
        assert client.get("/metrics").status_code == status


@pytest.mark.django_db
class TestWhatIsTold:
    def test_each_metric_is_there_before_anything_was_counted(self, client: Client) -> None:
        families = text_string_to_metric_families(client.get("/metrics").content.decode())
        names = {family.name for family in families}
        assert {name.removesuffix("_total") for name in METRICS} <= names
        assert {"terrakube_build_info", "terrakube_jobs", "terrakube_queued_tasks"} <= names

    def test_an_open_job_is_told_with_its_attempt(self, client: Client, claimed: Attempt) -> None:
        samples = scrape(client)
        assert value(samples, "terrakube_jobs", status="running") == 1
        assert value(samples, "terrakube_jobs", status="pending") == 0
        assert value(samples, "terrakube_steps_in_execution", status="running") == 1
        assert value(samples, "terrakube_steps_used", **{"class": "steps"}) == 1
        assert value(samples, "terrakube_steps_used", **{"class": "applies"}) == 0
        assert value(samples, "terrakube_jobs_in_line") == 0
        assert value(samples, "terrakube_attempts", executor="kubernetes", state="claimed") == 1
        assert 0 <= value(samples, "terrakube_longest_silence_seconds") < 60

    def test_an_ended_step_is_counted_once_by_how_it_ended(
        self, client: Client, claimed: Attempt, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        catalogue.allow_reasons({"oom-killed"})
        failed = lifecycle.Report(outcome=AttemptOutcome.FAILED, why=told("oom-killed", "Out of memory"))
        with django_capture_on_commit_callbacks(execute=True):
            assert lifecycle.report_result(claimed, failed)
            assert not lifecycle.report_result(claimed, failed)
            cleanup.mark_gone(claimed)
            cleanup.mark_gone(claimed)
        samples = scrape(client)
        assert value(samples, "terrakube_jobs_ended_total", status="failed") == 1
        labels = {"type": "terraformPlan", "status": "failed", "reason": "oom-killed"}
        assert value(samples, "terrakube_steps_ended_total", **labels) == 1
        labels = {"executor": "kubernetes", "outcome": "failed", "reason": "oom-killed"}
        assert value(samples, "terrakube_attempts_ended_total", **labels) == 1
        assert value(samples, "terrakube_step_queued_to_claimed_seconds_count", executor="kubernetes") == 1
        assert value(samples, "terrakube_step_start_seconds_count", executor="kubernetes", phase="claim") == 1
        assert value(samples, "terrakube_step_run_seconds_count", type="terraformPlan") == 1

    def test_a_reason_that_an_executor_made_up_is_no_label(self) -> None:
        assert catalogue.bounded("made-up-by-a-pod") == "other"

    def test_a_histogram_is_cumulative_and_knows_its_sum(self, client: Client) -> None:
        for seconds in (0.02, 0.3, 0.3, 99):
            tally.observe(catalogue.KUBERNETES_CALLS, seconds, operation="read_job", status="200")
        samples = scrape(client)
        labels = {"operation": "read_job", "status": "200"}
        name = "terrakube_kubernetes_request_seconds"
        assert value(samples, f"{name}_bucket", le="0.01", **labels) == 0
        assert value(samples, f"{name}_bucket", le="0.025", **labels) == 1
        assert value(samples, f"{name}_bucket", le="0.5", **labels) == 3
        assert value(samples, f"{name}_bucket", le="+Inf", **labels) == 4
        assert value(samples, f"{name}_sum", **labels) == pytest.approx(99.62)


@pytest.mark.django_db
class TestCounting:
    def test_the_counts_of_several_processes_are_added(self) -> None:
        for number in (2, 3):
            for _ in range(number):
                tally.count(catalogue.JOBS_ENDED, status="completed")
            store.flush_counters()
        assert store.read_counters() == {
            "terrakube_jobs_ended_total": {json.dumps({"status": "completed"}, separators=(",", ":")): 5}
        }

    def test_what_could_not_be_written_is_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        tally.count(catalogue.JOBS_ENDED, status="completed")

        def fail(*args: object, **kwargs: object) -> None:
            raise DatabaseError("away")

        with monkeypatch.context() as patch:
            patch.setattr("executors.metrics.store.transaction.atomic", fail)
            store.flush_counters()
        assert store.read_counters() == {}
        store.flush_counters()
        assert sum(store.read_counters()["terrakube_jobs_ended_total"].values()) == 1

    def test_a_worker_writes_what_its_tasks_counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for signal in (signals.post_execute_in_worker, signals.post_execute, signals.post_spawn):
            monkeypatch.setattr(signal, "receivers", [])
        monkeypatch.setattr("gc.freeze", lambda: None)
        monkeypatch.setattr(store, "_flushed_at", -store.EVERY_SECONDS)
        apps.prepare_worker()
        task = {"name": "one", "func": f"{__name__}.count_a_job", "args": (), "kwargs": {}, "sync": True}
        tasks, results = SimpleQueue[Any](), SimpleQueue[Any]()
        tasks.put(task)
        tasks.put("STOP")
        worker(tasks, results, Value("f", -1))
        assert results.get()["success"]
        assert sum(store.read_counters()["terrakube_jobs_ended_total"].values()) == 1

    def test_a_label_that_a_metric_does_not_have_is_a_mistake(self) -> None:
        with pytest.raises(ValueError, match="has the labels status"):
            tally.count(catalogue.JOBS_ENDED, state="completed")


def test_a_start_is_told_by_what_is_seen_of_it() -> None:
    begin = timezone.now()

    def after(seconds: float) -> dt.datetime:
        return begin + dt.timedelta(seconds=seconds)

    seen = [
        (EventKind.CLAIMED, after(4)),
        (EventKind.LAUNCHED, after(0.5)),
        # By the cluster's clock, in whole seconds: before it was launched by ours.
        (EventKind.SCHEDULED, after(0)),
        (EventKind.STARTED, after(3)),
    ]
    assert list(start_phases(begin, seen)) == [("launch", 0.5), ("schedule", 0), ("start", 2.5), ("claim", 1)]
