"""What a system costs in which nothing happens, with 1, with 500 and with 1,000 running steps.

The steps are rows, as the site itself would write them: attempts that were claimed and whose executor was heard lately.
With a cluster each has a Job with a pod that is said to run, of which no container was ever started; without one they
are processes of another machine.

First the watcher runs in this process, where its queries and its calls to the cluster are counted one by one. Then the
site runs as its processes, and PostgreSQL's own count of transactions and the kernel's of processor time are read. What
the executors' own heartbeats cost is not in that; some are sent afterwards, and what one takes is told.
"""

from __future__ import annotations

import argparse
import datetime as dt
import http.client
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from bench import figures, site
from bench.figures import Figure
from bench.kube import Kube, own_namespace
from bench.player import SITE, set_running
from bench.processes import cpu_seconds, pss_bytes, site_cpu_seconds, site_processes

_SETTLE_SECONDS = 25.0
_IMAGE = "terrakube-executor:latest"
_SESSION = "idle"
_HEARD = dt.timedelta(hours=1)
"""How far in the future an executor was heard, so that none is lost before the measure is over."""
_PODS_SECONDS = 300.0
_HEARTBEATS = 300


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run idle", description=__doc__)
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 500, 1000])
    parser.add_argument("--seconds", type=float, default=60, help="how long each is watched (60)")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def main() -> int:
    asked = _asked()
    found: list[Figure] = []
    host = os.environ.get("KUBE_HOST", "127.0.0.1")
    with_cluster = bool(os.environ.get("KUBECONFIG"))
    with (
        tempfile.TemporaryDirectory(prefix="terrakube-idle.") as folder,
        site.own_database() as database,
        own_namespace(8) if with_cluster else nullcontext() as kube,
    ):
        namespace = kube.namespace if kube is not None else "idle"
        port = site.free_port(host)
        os.environ.update(
            site.settings(
                folder=Path(folder), database=database, host=host, port=port, namespace=namespace, image=_IMAGE
            )
        )
        log = Path(folder) / "site.log"
        try:
            with site.running(host, port, log):
                # Started once for its migrations, and so that everything is compiled.
                pass
            for figure in _measure(asked, host, port, log, kube):
                print(figures.table([figure]).splitlines()[-1], flush=True)
                found.append(figure)
        except Exception:
            if log.exists():
                sys.stderr.write(log.read_text(errors="replace")[-3000:])
            raise
    if asked.json:
        figures.write_json(asked.json, {"seconds": str(asked.seconds), "cluster": str(with_cluster)}, found)
    return 0


def _measure(asked: argparse.Namespace, host: str, port: int, log: Path, kube: Kube | None) -> Iterator[Figure]:
    import django

    django.setup()
    made = 0
    for number in asked.steps:
        _make_steps(number - made, kube, first=made)
        made = number
        yield from _watcher_alone(number, asked.seconds)
        yield from _all_processes(number, asked.seconds, host, port, log)


# ---- the records ----------------------------------------------------------------------------------------------------


def _make_steps(count: int, kube: Kube | None, *, first: int) -> None:
    """So many more steps in execution, each a job of a workspace of its own."""
    from django.utils import timezone

    from executors.attempts.tokens import session_hash
    from executors.choices import AttemptState, ExecutorKind
    from executors.models import Attempt
    from workspaces.choices import JobStatus, StepType
    from workspaces.models import Job, Organization, Step, Workspace

    now = timezone.now()
    organization, _ = Organization.objects.get_or_create(name="idle")
    for number in range(first, first + count):
        workspace = Workspace.objects.create(
            organization=organization, name=f"idle-{number}", terraform_version="1.11.4"
        )
        job = Job.objects.create(
            organization=organization,
            workspace=workspace,
            tcl="flow:\n  - {type: terraformApply, name: Apply, step: 100}\n",
            status=JobStatus.RUNNING,
            holds_workspace=True,
            started_at=now,
        )
        step = Step.objects.create(
            job=job, step_number=100, name="Apply", type=StepType.APPLY, status=JobStatus.RUNNING, queued_at=now
        )
        attempt = Attempt.objects.create(
            step=step,
            number=1,
            executor=ExecutorKind.KUBERNETES if kube is not None else ExecutorKind.LOCAL,
            state=AttemptState.CLAIMED,
            created_at=now,
            not_before=now,
            launched_at=now,
            claimed_at=now,
            heartbeat_at=now + _HEARD,
            session_hash=session_hash(_SESSION),
            job_name=f"job-{job.pk}-100-1",
            namespace=kube.namespace if kube is not None else "",
            host="" if kube is not None else "another-machine",
        )
        if kube is not None:
            kube.create(_job(kube.namespace, attempt.job_name, str(attempt.pk)))
    if kube is not None:
        _run_pods(kube, first + count)


def _job(namespace: str, name: str, attempt: str) -> dict[str, Any]:
    labels = {"terrakube.io/attempt": attempt, "app.kubernetes.io/managed-by": "terrakube-site"}
    # Nobody is called so, and its pod belongs to no node.
    pod = {"restartPolicy": "Never", "schedulerName": "bench", "containers": [{"name": "executor", "image": _IMAGE}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"backoffLimit": 0, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }


def _run_pods(kube: Kube, count: int) -> None:
    """Wait until the Job controller has made so many pods, and say of each that it runs."""
    until = time.monotonic() + _PODS_SECONDS
    while len(pods := kube.pods(SITE)) < count:
        if time.monotonic() > until:
            raise RuntimeError(f"{len(pods)} of {count} pods are there after {_PODS_SECONDS:.0f} s")
        time.sleep(2)
    waiting = [pod["metadata"]["name"] for pod in pods if pod["status"].get("phase") != "Running"]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda pod: set_running(kube, pod), waiting))


# ---- the watcher, counted one by one --------------------------------------------------------------------------------


@contextmanager
def _counted_calls(counts: Counter[str]) -> Iterator[None]:
    """Count what is asked of the cluster, a watch as one call each time it is begun."""
    from executors.cluster.api import Cluster

    call, watch = Cluster._call, Cluster._watch

    def counted_call(*args: Any, **kwargs: Any) -> Any:
        counts["cluster"] += 1
        return call(*args, **kwargs)

    def counted_watch(*args: Any) -> Any:
        counts["cluster"] += 1
        counts["watches"] += 1
        return watch(*args)

    names: Any = Cluster
    names._call, names._watch = counted_call, counted_watch
    try:
        yield
    finally:
        names._call, names._watch = call, watch


def _watcher_alone(number: int, seconds: float) -> Iterator[Figure]:
    from django.conf import settings
    from django.db import connection

    from executors.installation.settings import installation
    from executors.watching.watcher import Watcher

    counts: Counter[str] = Counter()
    over = threading.Event()
    used = {"cpu": 0.0}

    def count(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        counts["queries"] += 1
        return execute(sql, params, many, context)

    def run() -> None:
        watcher = Watcher(installation(), settings.DATA_DIR)
        with connection.execute_wrapper(count):
            try:
                watcher._hold(False)
                until = time.monotonic() + _SETTLE_SECONDS
                while time.monotonic() < until:
                    watcher.turn()
                counts.clear()
                begin, until = time.thread_time(), time.monotonic() + seconds
                while time.monotonic() < until:
                    watcher.turn()
                used["cpu"] = time.thread_time() - begin
            finally:
                watcher.close()
                connection.close()
                over.set()

    with _counted_calls(counts):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    minute = 60 / seconds
    name = f"watcher, {number} running steps"
    yield Figure(measure=9, name=f"{name}: queries a minute", value=counts["queries"] * minute, unit="")
    yield Figure(measure=9, name=f"{name}: cluster calls a minute", value=counts["cluster"] * minute, unit="")
    yield Figure(measure=9, name=f"{name}: processor time a minute", value=used["cpu"] * minute * 1000, unit="ms")


# ---- the site as its processes --------------------------------------------------------------------------------------


def _transactions() -> int:
    from django.db import connection

    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()")
        row = cursor.fetchone()
    connection.close()
    return int(row[0]) if row else 0


def _all_processes(number: int, seconds: float, host: str, port: int, log: Path) -> Iterator[Figure]:
    with site.running(host, port, log) as running:
        time.sleep(_SETTLE_SECONDS)
        before, used = _transactions(), site_cpu_seconds(running.up_pid)
        time.sleep(seconds)
        # The statistics of a session arrive within a second of its end of work.
        transactions = _transactions() - before
        spent = {name: seconds - used[name] for name, seconds in site_cpu_seconds(running.up_pid).items()}
        named = site_processes(running.up_pid)
        memory = sum(map(pss_bytes, named["watcher"])) / 2**20
        heartbeat = _heartbeat_seconds(host, port, named["web"], number)
    minute = 60 / seconds
    name = f"whole site, {number} running steps"
    yield Figure(measure=9, name=f"{name}: transactions a minute", value=transactions * minute, unit="")
    for process, value in spent.items():
        yield Figure(measure=9, name=f"{name}: processor time of {process} a minute", value=value * minute, unit="s")
    yield Figure(measure=9, name=f"{name}: memory of watcher", value=memory, unit="MiB")
    name = f"{number} running steps: processor time of web for a heartbeat"
    yield Figure(measure=9, name=name, value=heartbeat * 1000, unit="ms")


def _heartbeat_seconds(host: str, port: int, web: Sequence[int], steps: int) -> float:
    """Processor time of the web process for one heartbeat, of some that are sent one after another."""
    from django.utils import timezone

    from executors.models import Attempt

    attempts = list(Attempt.objects.values_list("pk", flat=True)[:steps])
    connection = http.client.HTTPConnection(host, port, timeout=60)
    headers = {"Authorization": f"Bearer {_SESSION}", "Content-Type": "application/json"}
    body = json.dumps({"phase": "apply", "commitId": None, "peakMemoryBytes": 10**8, "cpuSeconds": 1.0})
    used = 0.0
    for number in range(_HEARTBEATS + _HEARTBEATS // 10):
        if number == _HEARTBEATS // 10:  # the first ones warm the process up
            used = cpu_seconds(web)
        path = f"/executor/v1/attempts/{attempts[number % len(attempts)]}/heartbeat"
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"a heartbeat was answered {answer.status}: {text[:300].decode(errors='replace')}")
    used = cpu_seconds(web) - used
    connection.close()
    Attempt.objects.filter(pk__in=attempts).update(heartbeat_at=timezone.now() + _HEARD)
    return used / _HEARTBEATS


if __name__ == "__main__":
    sys.exit(main())
