"""Each cluster is watched by itself: what one of them says or does not say is no concern of the other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from django.utils import timezone

from executors import tasks
from executors.attempts import lifecycle
from executors.choices import AttemptState
from executors.cluster import ClusterError
from executors.installation.settings import Installation
from executors.models import Attempt
from executors.retention import safe_jobs
from executors.watching import other_clusters
from executors.watching.observer import Observer
from executors.watching.other_clusters import OtherCluster, watched_records
from executors.watching.reconciliation import UNKNOWN
from executors.watching.snapshot import ClusterSnapshot
from executors.watching.sweep import Sweep
from executors.watching.witness import Witness
from tests.clusters.conftest import Launch
from tests.factories import PLAN, WorkspaceFactory
from tests.warm.conftest import MemoryCluster
from workspaces.choices import Category, JobStatus
from workspaces.models import Cluster, Job, Step
from workspaces.pods.catalogue import CLUSTER, ENABLE
from workspaces.services import jobs
from workspaces.services.workspaces import set_variable

pytestmark = pytest.mark.django_db
LONG = dt.timedelta(seconds=30)


class StillObserver(Observer):
    """A watch whose view a test sets, None while the cluster does not answer."""

    view: ClusterSnapshot | None = None

    def start(self) -> None:
        return

    def snapshot(self) -> ClusterSnapshot | None:
        return self.view


def view_of(cluster: MemoryCluster, namespace: str) -> ClusterSnapshot:
    jobs = {job["metadata"]["labels"]["terrakube.io/attempt"]: job for job in cluster.jobs.values()}
    return ClusterSnapshot(namespace=namespace, jobs=jobs, pods={})


@pytest.fixture
def watch(
    monkeypatch: pytest.MonkeyPatch, there: MemoryCluster, east: Cluster, conf: Installation
) -> Iterator[OtherCluster]:
    monkeypatch.setattr(other_clusters, "Observer", StillObserver)
    monkeypatch.setattr(other_clusters, "FIRST_VIEW_SECONDS", 0)
    # The test's own connection stays, whose transaction is rolled back.
    monkeypatch.setattr(other_clusters, "close_old_connections", lambda: None)
    monkeypatch.setattr(MemoryCluster, "list_pods", lambda *given: ([], ""), raising=False)
    for name in ("watch_jobs", "watch_pods"):
        monkeypatch.setattr(MemoryCluster, name, lambda *given: None, raising=False)
    monkeypatch.setattr(MemoryCluster, "version", lambda self: "", raising=False)
    monkeypatch.setattr(MemoryCluster, "server_time", lambda self: timezone.now(), raising=False)
    monkeypatch.setattr(MemoryCluster, "list_events", lambda *given: [], raising=False)
    found = OtherCluster(east, conf, Witness())
    yield found
    found.close()


def look(watch: OtherCluster, view: ClusterSnapshot | None) -> None:
    """Let a watch sweep with a view."""
    watch._watch()
    watch._observer.view = view  # type: ignore[union-attr]
    watch._next_sweep = 0.0
    watch.turn(longest=0)


def test_a_job_that_is_missing_there_is_no_matter_of_the_sweep_here(
    watch: OtherCluster, there: MemoryCluster, memory_cluster: MemoryCluster, launch: Launch, conf: Installation
) -> None:
    here, away = launch(), launch("east")
    Sweep(conf).run(view_of(memory_cluster, conf.namespace), memory_cluster)  # type: ignore[arg-type]
    there.jobs.clear()
    Sweep(conf).run(view_of(memory_cluster, conf.namespace), memory_cluster)  # type: ignore[arg-type]
    away.refresh_from_db()
    assert away.missing_since is None
    look(watch, view_of(there, "steps"))
    assert Attempt.objects.get(pk=away.pk).missing_since is not None
    assert Attempt.objects.get(pk=here.pk).missing_since is None


def test_while_a_cluster_is_silent_its_waiting_steps_say_so_and_stay(
    watch: OtherCluster, there: MemoryCluster, launch: Launch, east: Cluster
) -> None:
    attempt = launch("east")
    look(watch, None)
    watch.sweep.looker._known.clear()
    Attempt.objects.update(launched_at=timezone.now() - LONG)
    watch._silent_since = timezone.now() - LONG
    watch.sweep.looker.inspect_without_cluster(Attempt.objects.select_related("step").get(), now=timezone.now())
    watch.sweep.looker.inspect_without_cluster(Attempt.objects.select_related("step").get(), now=timezone.now() + LONG)
    assert 'The cluster "east" has not answered since' in Job.objects.get(steps=attempt.step).reason
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.LAUNCHED
    assert attempt.missing_since is None
    east.refresh_from_db()
    assert east.silent_since is not None
    look(watch, view_of(there, "steps"))
    east.refresh_from_db()
    assert {east.silent_since} == {None}
    assert east.answered_at is not None


def test_a_retry_stays_in_the_cluster_and_is_cleaned_up_there(
    watch: OtherCluster, there: MemoryCluster, memory_cluster: MemoryCluster, launch: Launch
) -> None:
    attempt = launch("east")
    following = lifecycle.replace_attempt(attempt, UNKNOWN.why, limit=3)
    assert following is not None
    assert following.cluster == "east"
    look(watch, view_of(there, "steps"))
    assert there.deleted == [attempt.job_name]
    assert not memory_cluster.deleted


def test_a_call_that_is_not_answered_ends_the_calls_of_the_pass(
    conf: Installation, memory_cluster: MemoryCluster, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch(), launch(), launch()
    asked: list[str] = []

    def dead(namespace: str, name: str) -> None:
        asked.append(name)
        raise ClusterError("The cluster's API did not answer: ReadTimeoutError")

    monkeypatch.setattr(memory_cluster, "read_job", dead)
    empty = ClusterSnapshot(namespace=conf.namespace, jobs={}, pods={})
    Sweep(conf).run(empty, memory_cluster)  # type: ignore[arg-type]
    assert len(asked) == 1


def test_a_disabled_cluster_is_watched_while_something_is_in_it(
    there: MemoryCluster, east: Cluster, launch: Launch
) -> None:
    attempt = launch("east")
    Cluster.objects.update(enabled=False)
    assert watched_records() == [east]
    Attempt.objects.filter(pk=attempt.pk).update(state=AttemptState.ENDED, cleaned_at=timezone.now())
    assert watched_records() == []


def test_an_attempt_without_a_cluster_is_over_at_its_end_unless_it_was_launched(
    there: MemoryCluster, launch: Launch, conf: Installation
) -> None:
    ran, postponed = launch("east"), launch("east")
    Attempt.objects.filter(pk=postponed.pk).update(launched_at=None)
    Attempt.objects.update(state=AttemptState.ENDED, ended_at=timezone.now())
    Step.objects.update(status=JobStatus.FAILED)
    Job.objects.update(status=JobStatus.FAILED, ended_at=timezone.now(), holds_workspace=False)
    Sweep(conf).run(None, None)
    assert not safe_jobs().exists()
    Cluster.objects.all().delete()
    Sweep(conf).run(None, None)
    assert [job.pk for job in safe_jobs()] == [postponed.step.job_id]
    ran.refresh_from_db()
    assert ran.cleaned_at is None


def test_a_job_whose_cluster_was_deleted_is_not_kept_for_ever(
    there: MemoryCluster, conf: Installation, memory_cluster: MemoryCluster
) -> None:
    workspace = WorkspaceFactory.create()
    set_variable(workspace, by=None, key=ENABLE, value="1", category=Category.ENV)
    set_variable(workspace, by=None, key=CLUSTER, value="east", category=Category.ENV)
    job = jobs.create_job(workspace, by=None, tcl=PLAN)
    Cluster.objects.all().delete()
    tasks.advance_job(job.pk)
    assert Attempt.objects.get().cluster == "east"
    Sweep(conf).run(None, None)
    assert list(safe_jobs()) == [job]
