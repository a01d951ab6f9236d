"""Gauges at the moment of a scrape: open and waiting work, and ages of heartbeats."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

import django
from django.db import DatabaseError
from django.db.models import Count, Min, Q, Sum
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric

from executors.choices import ACTIVE, AttemptState, WarmState
from executors.health import heartbeats
from executors.models import Attempt, WarmPod
from workspaces.choices import FINAL_JOB, IN_EXECUTOR, JobStatus
from workspaces.jobs.capacity.limits import used_by
from workspaces.models import Cluster, Job, Step
from workspaces.run_limits import installation_limits
from workspaces.task_queue import client

_OPEN_JOB = tuple(status for status in JobStatus if status not in FINAL_JOB)


def all_gauges() -> Iterator[Metric]:
    """Yield all gauges, with a fixed number of queries."""
    yield _build()
    yield from _jobs()
    yield _steps()
    yield from _limits()
    yield from _attempts()
    yield _warm_pods()
    yield from _clusters()
    yield from _background()


def _build() -> Metric:
    try:
        own = version("terrakube-site")
    except PackageNotFoundError:
        own = "unknown"
    found = GaugeMetricFamily("terrakube_build_info", "Versions; always 1.", labels=("version", "django"))
    found.add_metric((own, django.__version__), 1)
    return found


def _age(moment: dt.datetime | None) -> float:
    return 0.0 if moment is None else max(0.0, (timezone.now() - moment).total_seconds())


def _jobs() -> Iterator[Metric]:
    rows = Job.objects.unfinished().order_by().values_list("status").annotate(Count("pk"), Min("created_date"))
    found = {status: (number, oldest) for status, number, oldest in rows}
    number = GaugeMetricFamily("terrakube_jobs", "Jobs that have not ended.", labels=("status",))
    age = GaugeMetricFamily(
        "terrakube_oldest_job_seconds", "Age of the oldest job of a status that is not final.", labels=("status",)
    )
    for status in _OPEN_JOB:
        count, oldest = found.get(status, (0, None))
        number.add_metric((status,), count)
        age.add_metric((status,), _age(oldest))
    yield number
    yield age


def _steps() -> Metric:
    rows = dict(
        Step.objects.filter(status__in=IN_EXECUTOR).order_by().values_list("status").annotate(number=Count("pk"))
    )
    found = GaugeMetricFamily("terrakube_steps_in_execution", "Steps that executors have.", labels=("status",))
    for status in sorted(IN_EXECUTOR):
        found.add_metric((status,), rows.get(status, 0))
    return found


def _limits() -> Iterator[Metric]:
    """Yield the installation's own limits and their use; the number of waiting jobs counts all limits,
    organizations' too.
    """
    limits, used = installation_limits(), used_by(Q())
    most = GaugeMetricFamily("terrakube_steps_limit", "Most steps at once in this installation.", labels=("class",))
    use = GaugeMetricFamily("terrakube_steps_used", "Steps in execution that count for a limit.", labels=("class",))
    for name, limit, number in (
        ("steps", limits.running_steps, used.steps),
        ("applies", limits.running_applies, used.applies),
    ):
        if limit is not None:
            most.add_metric((name,), limit)
        use.add_metric((name,), number)
    yield most
    yield use
    waiting = GaugeMetricFamily("terrakube_jobs_in_line", "Jobs that wait for room under a limit.")
    waiting.add_metric((), Job.objects.unfinished().exclude(waits_for_room="").count())
    yield waiting


def _attempts() -> Iterator[Metric]:
    rows = list(
        Attempt.objects.exclude(state=AttemptState.ENDED)
        .order_by()
        .values_list("executor", "state")
        .annotate(number=Count("pk"), heard=Min("heartbeat_at"), size=Sum("log_size"))
    )
    number = GaugeMetricFamily("terrakube_attempts", "Open tries to run a step.", labels=("executor", "state"))
    for executor, state, count, _, _ in rows:
        number.add_metric((executor, state), count)
    yield number
    silence = GaugeMetricFamily(
        "terrakube_longest_silence_seconds", "Since the last word of the running executor that is silent for longest."
    )
    heard = [moment for _, state, _, moment, _ in rows if state in ACTIVE and moment is not None]
    silence.add_metric((), _age(min(heard, default=None)))
    yield silence


def _warm_pods() -> Metric:
    rows = dict(WarmPod.objects.order_by().values_list("state").annotate(Count("pk")))
    found = GaugeMetricFamily(
        "terrakube_warm_pods", "Pods that were started before a step needs them.", labels=("state",)
    )
    for state in WarmState:
        found.add_metric((state,), rows.get(state, 0))
    return found


def _clusters() -> Iterator[Metric]:
    """Yield whether each enabled cluster with a record answers."""
    up = GaugeMetricFamily(
        "terrakube_cluster_up",
        "Whether an enabled cluster answers and does not refuse; the one of the settings is not among them.",
        labels=("cluster",),
    )
    for name, silent, answered, problem in Cluster.objects.filter(enabled=True).values_list(
        "name", "silent_since", "answered_at", "problem"
    ):
        up.add_metric((name,), int(silent is None and answered is not None and not problem))
    yield up


def _background() -> Iterator[Metric]:
    beat = GaugeMetricFamily(
        "terrakube_beat_age_seconds", "Since a background process last showed that it works.", labels=("process",)
    )
    for name in (heartbeats.WORKER, heartbeats.WATCHER):
        age = heartbeats.heartbeat_age(name)
        if age is not None:
            beat.add_metric((name,), age.total_seconds())
    yield beat
    size = queue_size()
    if size is not None:
        queue = GaugeMetricFamily("terrakube_queued_tasks", "Tasks that no worker has taken.")
        queue.add_metric((), size)
        yield queue


def queue_size() -> int | None:
    """Return the number of tasks that no worker has taken, None if the broker does not answer."""
    try:
        return client.queue_size()
    except DatabaseError:
        raise
    except Exception:  # each broker has errors of its own
        return None
