"""Run the doctor: at once for a terminal, or in short tasks for the panel, which shows the newest run."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from executors import cluster
from executors.cluster import ClusterError, NoCluster
from executors.doctor import probe
from executors.doctor.clusters import check_clusters
from executors.doctor.in_cluster import SUBJECT, check_cluster, claims_in_use
from executors.doctor.report import Finding, failed, restore_finding, unused
from executors.doctor.site import site
from executors.installation.settings import Installation, installation
from executors.models import CheckRun
from terrakube_site.env import SettingErrors
from terrakube_site.messages import joined, marked
from workspaces.task_queue.client import enqueue

if TYPE_CHECKING:
    from executors.cluster.api import Cluster

LOOK_SECONDS = 0.5
KEPT = 10
LONGEST = dt.timedelta(minutes=10)


def _cluster() -> tuple[Cluster, Installation] | Finding:
    """Return the cluster and the installation's settings, or the row that says why there are none."""
    try:
        return cluster.connect(), installation()
    except NoCluster as error:
        return unused(
            SUBJECT, "API server", joined(" ", (error.message, marked(_("Steps run on the worker's machine."))))
        )
    except (ClusterError, SettingErrors) as error:
        return failed(SUBJECT, "API server", str(error), _("Fix the setting or the kubeconfig that it names."))


def _probe_claim(api: Cluster, conf: Installation) -> str | None:
    """Return the cache claim that the probe mounts: the first in use that is known to exist."""
    return next((name for name in claims_in_use() if api.claim_exists(conf.namespace, name)), None)


def check_now(*, pod: bool = True, sleep: Callable[[float], None] = time.sleep) -> Iterator[Finding]:
    """Run all checks, yielding each row when it is known; waits for the probe pod."""
    yield from site()
    connected = _cluster()
    if isinstance(connected, Finding):
        yield connected
        yield from check_clusters()
        return
    yield from check_clusters()
    api, conf = connected
    rows = list(check_cluster(api, conf))
    yield from rows
    if not pod or any(row.name == "API server" and row.state != "pass" for row in rows):
        return
    state: dict[str, object] = {}
    try:
        state, found = probe.start_probe(api, conf, claim=_probe_claim(api, conf))
        yield from found
        while state["phase"] != "over":
            sleep(LOOK_SECONDS)
            state, found = probe.advance_probe(api, conf, state)
            yield from found
    except ClusterError as error:
        yield probe.abandoned_probe({"name": "terrakube-check-…", **state}, error.message)


# ---- for the panel --------------------------------------------------------------------------------------------------


def request_run(*, by: str) -> CheckRun:
    """Start a run in the background, unless one is running."""
    going = CheckRun.objects.filter(finished_at=None, started_at__gt=timezone.now() - LONGEST).first()
    if going is not None:
        return going
    with transaction.atomic():
        run = CheckRun.objects.create(started_at=timezone.now(), asked_by=by)
        enqueue("executors.tasks.run_check", run.pk)
    old = CheckRun.objects.values_list("pk", flat=True)[KEPT:]
    CheckRun.objects.filter(pk__in=list(old)).delete()
    return run


def begin_run(run_id: int) -> None:
    """Run all checks that need no waiting, and start the probe pod. Safe to repeat: only a run without rows starts."""
    run = CheckRun.objects.filter(pk=run_id, finished_at=None, found=[]).first()
    if run is None:
        return
    rows = [*site(), *check_clusters()]
    connected = _cluster()
    if isinstance(connected, Finding):
        rows.append(connected)
    else:
        api, conf = connected
        rows += check_cluster(api, conf)
        try:
            state, found = probe.start_probe(api, conf, claim=_probe_claim(api, conf))
        except ClusterError as error:
            state, found = {"phase": "over"}, [failed(probe.SUBJECT, _("start"), error.message, "")]
        rows += found
        run.probe = state
    _store_rows(run, rows)


def advance_runs() -> None:
    """Check the probe pods of all open runs; called with each heartbeat of the queue."""
    for run in CheckRun.objects.filter(finished_at=None).exclude(probe=None):
        connected = _cluster()
        if isinstance(connected, Finding) or run.probe is None:
            continue
        try:
            state, found = probe.advance_probe(*connected, run.probe)
        except ClusterError as error:
            if timezone.now() - run.started_at < LONGEST:
                continue
            state, found = {**run.probe, "phase": "over"}, [probe.abandoned_probe(run.probe, error.message)]
        run.probe = state
        _store_rows(run, [*map(restore_finding, run.found), *found])


def _store_rows(run: CheckRun, rows: list[Finding]) -> None:
    run.found = [row.as_stored() for row in rows]
    if run.probe is None or run.probe["phase"] == "over":
        run.finished_at = timezone.now()
    run.save(update_fields=["found", "probe", "finished_at"])
