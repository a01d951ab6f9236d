"""The bundle of an attempt says in which cluster it runs, and nothing of how that is reached."""

from __future__ import annotations

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from executors.choices import AttemptState, ExecutorKind
from executors.cluster import ClusterError
from executors.incidents.bundle import incident_bundle
from executors.incidents.replaying import replay
from executors.installation.settings import Installation
from executors.models import Attempt
from executors.watching.other_clusters import OtherCluster
from tests.clusters.conftest import Launch
from tests.clusters.test_watching import LONG, look, watch
from tests.warm.conftest import MemoryCluster

__all__ = ["watch"]
pytestmark = pytest.mark.django_db


def bundle_of(attempt: Attempt, conf: Installation) -> dict[str, Any]:
    stored = Attempt.objects.select_related("step__job__workspace").get(pk=attempt.pk)
    bundle: dict[str, Any] = json.loads(json.dumps(incident_bundle(stored, conf)))
    return bundle


def test_a_bundle_names_the_cluster_and_nothing_of_how_it_is_reached(
    there: MemoryCluster, launch: Launch, conf: Installation
) -> None:
    bundle = bundle_of(launch("east"), conf)
    assert bundle["cluster"] == {"name": "east", "namespace": "steps"}
    for secret in ("t-o-k-e-n", "east.example"):
        assert secret not in json.dumps(bundle)
    assert bundle_of(launch(), conf)["cluster"] == {"name": "default", "namespace": conf.namespace}


def test_an_attempt_that_was_not_launched_has_the_namespace_it_waits_for(
    there: MemoryCluster, launch: Launch, conf: Installation
) -> None:
    there.fail["create_job"] = ClusterError("later", status=500)
    attempt = launch("east")
    assert attempt.state == AttemptState.NEW
    assert bundle_of(attempt, conf)["cluster"] == {"name": "east", "namespace": "steps"}
    Attempt.objects.update(executor=ExecutorKind.LOCAL, cluster="")
    assert bundle_of(attempt, conf)["cluster"] is None


def test_what_was_decided_without_an_answer_is_decided_again(
    watch: OtherCluster, there: MemoryCluster, launch: Launch, conf: Installation, tmp_path: Path
) -> None:
    attempt = launch("east")
    look(watch, None)
    watch.sweep.looker._known.clear()
    watch._silent_since = timezone.now() - LONG
    long_ago = timezone.now() - dt.timedelta(days=1)
    Attempt.objects.update(launched_at=long_ago, created_at=long_ago)
    stored = Attempt.objects.select_related("step__job").get()
    watch.sweep.looker.inspect_without_cluster(stored)
    bundle = bundle_of(attempt, conf)
    (replayed,) = replay(bundle)
    assert replayed.now.act == "fail"
    assert 'The cluster "east" has not answered since' in replayed.now.sentence

    file = tmp_path / "bundle.json"

    def said() -> str:
        file.write_text(json.dumps(bundle), encoding="utf-8")
        out = io.StringIO()
        call_command("replay", str(file), stdout=out)
        assert "All is decided as it was then." in out.getvalue()
        return out.getvalue()

    assert '1 looks in cluster "east", namespace steps' in said()
    # A bundle of an earlier version names no cluster.
    del bundle["cluster"]
    assert "east" not in said().splitlines()[0].removeprefix(str(file))
