"""A stop that never went out proves nothing: only a Job that the site deleted itself is known to end after its pods."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from executors.cluster import ClusterError
from executors.installation.settings import Installation
from executors.launching import launcher
from executors.watching.other_clusters import watched_records
from executors.watching.sweep import Sweep
from tests.clusters.conftest import Launch
from tests.warm.conftest import MemoryCluster
from workspaces.models import Cluster

pytestmark = pytest.mark.django_db


def test_a_job_that_the_site_could_not_delete_is_not_proved_gone_by_its_absence(
    there: MemoryCluster, launch: Launch, conf: Installation
) -> None:
    attempt, looker = launch("east"), Sweep(conf, cluster="east").looker
    now = timezone.now()
    Cluster.objects.update(silent_since=now, asked_at=now)
    assert looker.stop(attempt) is False
    Cluster.objects.update(silent_since=None)
    there.fail["delete_job"] = ClusterError("later", status=500)
    assert looker.stop(attempt) is False
    assert not there.deleted
    # Its pods may not be read, so another's deletion may have left them.
    assert not looker.is_gone(attempt, None, None, now)
    there.fail.clear()
    assert looker.stop(attempt) is False
    assert there.deleted == [attempt.job_name]
    assert looker.is_gone(attempt, None, None, now)
    assert looker.stop(attempt) is True


def test_a_stop_says_whether_the_cluster_was_asked(there: MemoryCluster, launch: Launch) -> None:
    attempt = launch("east")
    there.fail["delete_job"] = ClusterError("The cluster's API did not answer: ReadTimeoutError")
    assert launcher.stop_attempt(attempt) is None
    Cluster.objects.update(silent_since=None)
    there.fail.clear()
    assert launcher.stop_attempt(attempt) is False
    assert launcher.stop_attempt(attempt) is True


def test_attempts_that_are_over_and_cleaned_up_cost_the_list_of_watched_clusters_nothing(east: Cluster) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert watched_records() == [east]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # A table without rows is else read as it is.
            cursor.execute("SET LOCAL enable_seqscan = off")
        words = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
        cursor.execute(f"{words} {queries[-1]['sql']}")
        plan = " ".join(str(row) for row in cursor.fetchall())
    assert "attempt_open" in plan or "one_open_attempt_of_a_step" in plan, plan
    assert "attempt_to_clean" in plan
