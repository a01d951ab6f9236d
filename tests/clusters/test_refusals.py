"""A cluster that answers with a refusal is not silent: what it says is shown, and no step of it is held or failed."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db.models import Model
from django.utils import timezone

from executors.admin.clusters import ClusterAdmin
from executors.choices import AttemptState
from executors.cluster import ClusterError, Dropped
from executors.clusters import health, reaching
from executors.doctor.clusters import check_clusters
from executors.doctor.report import State
from executors.models import Attempt
from executors.runs import dashboard
from executors.watching.other_clusters import OtherCluster
from tests.clusters.conftest import Launch
from tests.clusters.test_launching import DEAD, again
from tests.clusters.test_watching import look, watch
from tests.warm.conftest import MemoryCluster
from workspaces.encryption import DecryptionError
from workspaces.models import Cluster, Job

__all__ = ["watch"]

pytestmark = pytest.mark.django_db
FORBIDDEN = ClusterError('jobs.batch is forbidden: User "site" cannot list resource "jobs"', status=403)


def shown_state(cluster: Cluster) -> str:
    cluster.refresh_from_db()
    return str(ClusterAdmin.state(None, cluster))  # type: ignore[arg-type]


def refuse(monkeypatch: pytest.MonkeyPatch, error: ClusterError) -> None:
    monkeypatch.setattr("tests.clusters.test_watching.StillObserver.problem", error, raising=False)


def test_a_missing_right_of_the_watch_holds_no_launch_and_is_shown(
    watch: OtherCluster, there: MemoryCluster, east: Cluster, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, FORBIDDEN)
    look(watch, None)
    assert shown_state(east) == "Cannot be used: " + FORBIDDEN.message.replace('"', "&quot;")
    assert east.silent_since is None
    assert dashboard._other_cluster(east).tone == "bad"
    attempt = launch("east")
    assert attempt.state == AttemptState.LAUNCHED
    watch.sweep.looker.inspect_without_cluster(attempt, now=timezone.now())
    watch.sweep.looker.inspect_without_cluster(attempt, now=timezone.now() + dt.timedelta(seconds=30))
    assert FORBIDDEN.message in Job.objects.get(steps=attempt.step).reason
    refuse(monkeypatch, DEAD)
    look(watch, None)
    assert "No answer since" in shown_state(east)


def test_while_the_watcher_sees_silence_a_task_asks_now_and_then(
    watch: OtherCluster, there: MemoryCluster, east: Cluster, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.fail["create_job"] = DEAD
    first = launch("east")
    asked_at = timezone.now() - dt.timedelta(seconds=reaching.RETRY_SECONDS)
    Cluster.objects.update(asked_at=asked_at)
    refuse(monkeypatch, DEAD)
    look(watch, None)
    assert Cluster.objects.get().asked_at == asked_at
    there.fail.clear()
    assert again(first) == AttemptState.LAUNCHED


def test_an_expired_token_makes_a_step_wait_for_the_new_one(
    there: MemoryCluster, east: Cluster, launch: Launch
) -> None:
    there.fail["create_job"] = ClusterError("Unauthorized", status=401)
    attempt = launch("east")
    assert attempt.state == AttemptState.NEW
    job = Job.objects.get(steps=attempt.step)
    assert job.reason_code == "cluster-unavailable"
    assert 'The token or certificate in the kubeconfig of "east" is not accepted (Unauthorized)' in job.reason
    assert shown_state(east) == "Cannot be used: Unauthorized"
    there.fail.clear()
    assert again(attempt) == AttemptState.LAUNCHED


def test_a_refusal_of_the_own_account_of_the_site_fails_its_step(
    there: MemoryCluster, memory_cluster: MemoryCluster, launch: Launch
) -> None:
    Cluster.objects.update(kubeconfig="")
    memory_cluster.fail["create_job"] = ClusterError("Unauthorized", status=401)
    for attempt in (launch(), launch("east")):
        assert attempt.state == AttemptState.ENDED


def test_a_kubeconfig_that_cannot_be_decrypted_makes_a_step_wait(
    there: MemoryCluster, east: Cluster, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def undecryptable(record: Model) -> Any:
        raise DecryptionError

    with monkeypatch.context() as broken:
        broken.setattr(Cluster, "kubeconfig", property(undecryptable))
        attempt = launch("east")
    assert attempt.state == AttemptState.NEW
    assert 'The kubeconfig of the cluster "east" cannot be decrypted.' in Job.objects.get(steps=attempt.step).reason
    assert again(attempt) == AttemptState.LAUNCHED


@pytest.mark.parametrize("answered", [True, False])
def test_a_connection_that_broke_counts_as_silence_only_if_a_second_call_is_not_answered(
    there: MemoryCluster, launch: Launch, east: Cluster, monkeypatch: pytest.MonkeyPatch, answered: bool
) -> None:
    def server_time(self: MemoryCluster) -> dt.datetime:
        if not answered:
            raise DEAD
        return timezone.now()

    monkeypatch.setattr(MemoryCluster, "server_time", server_time, raising=False)
    there.fail["create_job"] = Dropped("The cluster's API did not answer: MaxRetryError")
    attempt = launch("east")
    assert attempt.state == AttemptState.NEW
    east.refresh_from_db()
    assert (east.silent_since is None) == answered


def test_the_check_says_of_a_refusal_that_it_is_none_of_silence(
    there: MemoryCluster, east: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def server_time(self: MemoryCluster) -> dt.datetime:
        raise ClusterError("Unauthorized", status=401)

    monkeypatch.setattr(MemoryCluster, "server_time", server_time, raising=False)
    (row,) = check_clusters()
    assert (row.state, row.detail) == (State.FAIL, "Unauthorized")
    assert shown_state(east) == "Cannot be used: Unauthorized"


def test_a_refused_call_ends_a_silence(there: MemoryCluster, east: Cluster, launch: Launch) -> None:
    health.note_silence(east)
    there.fail["create_job"] = ClusterError("later", status=500)
    launch("east")
    east.refresh_from_db()
    assert east.silent_since is None
    assert Attempt.objects.get().state == AttemptState.NEW
