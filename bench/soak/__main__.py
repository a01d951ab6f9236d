"""Run the soak, and say whether everything holds in the end."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from bench import site
from bench.kube import Kube, ObjectWatch, own_namespace
from bench.program import run

_DRAIN_SECONDS = 600.0
_MUST_BE_NONE = ("violations", "unfinished", "begunTwice", "wrongInHistory", "leftInCluster")
_ENVIRONMENT = {
    "ExecutorHeartbeatSeconds": "2",
    "ExecutorLostAfterSeconds": "60",
    "ExecutorOutageSeconds": "30",
    "ExecutorEphemeralGraceSeconds": "5",
    "ExecutorEphemeralStartTimeoutSeconds": "240",
    "ExecutorEphemeralTtlSeconds": "60",
}


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run soak", description=__doc__)
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--workspaces", type=int, default=100)
    parser.add_argument("--organizations", type=int, default=10)
    parser.add_argument("--pod-workspaces", type=int, default=40, help="workspaces whose steps run in pods (40)")
    parser.add_argument("--seconds", type=float, default=900, help="how long things are killed (900)")
    parser.add_argument("--pause", type=float, nargs=2, default=(3.0, 8.0), help="between two kills (3 to 8 s)")
    parser.add_argument("--steps", type=int, default=12, help="most steps at once (12)")
    parser.add_argument("--step-seconds", type=float, default=1.0, help="how long a step's script runs (1)")
    parser.add_argument("--warm-pods", type=int, default=6, help="ExecutorWarmPods of the site, 0: no pool (6)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--keep-log", type=Path, help="where to keep what the processes wrote")
    return parser.parse_args()


class _Bell:
    """Hears the commands of each step begin."""

    def __init__(self, host: str, ring: Callable[[str], None]) -> None:

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                for line in self.rfile:
                    ring(line.decode(errors="replace").strip())

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 128

        self._server = Server((host, 0), Handler)
        self.address = (host, int(self._server.server_address[1]))

    @contextmanager
    def serving(self) -> Iterator[_Bell]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


def main() -> int:
    asked = _asked()
    with_pods = bool(asked.pod_workspaces and os.environ.get("KUBECONFIG") and os.environ.get("KUBE_HOST"))
    if asked.pod_workspaces and not with_pods:
        print("soak: KUBECONFIG or KUBE_HOST is not set: no step runs in a pod", file=sys.stderr)
        asked.pod_workspaces = 0
    host = os.environ.get("KUBE_HOST", "127.0.0.1")
    image = os.environ.get("BENCH_EXECUTOR_IMAGE") or os.environ.get("TEST_EXECUTOR_IMAGE", "terrakube-executor:latest")
    with (
        tempfile.TemporaryDirectory(prefix="terrakube-soak.") as folder,
        site.own_database() as database,
        own_namespace(4) if with_pods else nullcontext() as kube,
    ):
        namespace = kube.namespace if kube is not None else "soak"
        port = site.free_port(host)
        os.environ.update(
            site.settings(
                folder=Path(folder), database=database, host=host, port=port, namespace=namespace, image=image
            )
        )
        os.environ.update(_ENVIRONMENT | {"ExecutorMaxRunningSteps": str(asked.steps)})
        os.environ["ExecutorWarmPods"] = str(asked.warm_pods)
        # Half of the pods have another manifest.
        os.environ["ExecutorWarmPodsOfAShape"] = str(max(1, asked.warm_pods // 2))
        if not with_pods:
            os.environ.pop("AzBuilderApiUrl", None)
        log = asked.keep_log or Path(folder) / "site.log"
        try:
            found = _soak(asked, host, port, kube, log)
        except BaseException:
            if log.exists():
                sys.stderr.write(log.read_text(errors="replace")[-4000:])
            raise
    print(json.dumps(found, indent=2))
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2) + "\n")
    return (
        1
        if any(found[name] for name in ("violations", "unfinished", "begunTwice", "wrongInHistory", "leftInCluster"))
        else 0
    )


def _soak(asked: argparse.Namespace, host: str, port: int, kube: Kube | None, log: Path) -> dict[str, Any]:
    import django

    django.setup()
    # Only now the settings are known and the models can be imported.
    from bench.soak.kills import Killer
    from bench.soak.left import left_in_cluster
    from bench.soak.processes import running
    from bench.soak.records import make_jobs, make_workspaces
    from bench.soak.seen import Seen
    from executors.choices import ExecutorKind
    from executors.models import Attempt
    from workspaces.models import Job, Step

    begin = time.monotonic()
    seen = Seen()
    watch = None if kube is None else ObjectWatch(kube.core.list_namespaced_pod, kube.namespace, seen.pod_changed)
    with running(host, port, log) as processes, _Bell(host, seen.ring).serving() as bell:
        workspaces = make_workspaces(
            asked.workspaces, organizations=asked.organizations, on_cluster=asked.pod_workspaces, seed=asked.seed
        )
        print(f"soak: {len(workspaces)} workspaces made, {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
        killer = Killer(processes, kube, asked.seed)
        kills = threading.Thread(target=killer.run, args=(asked.seconds, tuple(asked.pause)))
        kills.start()
        most = 0
        # All at once would be a burst, and the later kills would find nothing to kill.
        pause = 0.7 * asked.seconds / asked.jobs
        for job in make_jobs(workspaces, asked.jobs, bell.address, asked.step_seconds):
            most = max(most, Step.objects.in_executor().count())
            seen.look()
            if job.pk % 50 == 0:
                print(f"soak: {job.pk} jobs made, {most} steps at once at most", file=sys.stderr, flush=True)
            time.sleep(pause)
        kills.join()
        killed_until = time.monotonic()
        until = killed_until + _DRAIN_SECONDS
        while time.monotonic() < until:
            most = max(most, Step.objects.in_executor().count())
            seen.look()
            if not Job.objects.unfinished().exists() and not Attempt.objects.filter(cleaned_at=None).exists():
                break
            time.sleep(1)
        drained = time.monotonic() - killed_until
        left = [] if kube is None else left_in_cluster(kube)
        checked = _check()
        seen.look()
        if watch is not None:
            watch.close()
        number_seen, wrong = seen.violations()
        rung = seen.rung
        twice = [step for step, count in rung.items() if count > 1]
        statuses = Counter(Job.objects.values_list("status", flat=True))
        outcomes = Counter(Attempt.objects.values_list("executor", "outcome"))
        in_pods = Attempt.objects.filter(executor=ExecutorKind.KUBERNETES, launched_at__isnull=False)
        codes = Counter(Step.objects.exclude(reason_code="").values_list("reason_code", flat=True))
        return {
            "jobs": sum(statuses.values()),
            "statuses": dict(statuses),
            "reasons": dict(codes.most_common()),
            "attempts": {f"{kind} {outcome}": number for (kind, outcome), number in outcomes.items()},
            "startsInPods": {
                "warm": in_pods.filter(started_warm=True).count(),
                "cold": in_pods.filter(started_warm=False).count(),
            },
            "warmPods": len(seen.warm_pods),
            "stepsBegun": len(rung),
            "begunTwice": twice,
            "kills": dict(killer.done),
            "mostStepsAtOnce": most,
            "limit": asked.steps,
            "unfinished": Job.objects.unfinished().count(),
            "seconds": round(time.monotonic() - begin),
            "drainedAfterLastKillSeconds": round(drained),
            "eventsSeen": number_seen,
            "wrongInHistory": wrong,
            "leftInCluster": left,
            "violations": checked["violations"],
            "invariants": {row["name"]: row["result"] for row in checked["invariants"]},
            "violated": [row for row in checked["invariants"] if row["violations"]],
        }


def _check() -> dict[str, Any]:
    """What ``manage.py check_invariants`` says, as an operator would ask it."""
    command = [sys.executable, str(site.PROJECT / "manage.py"), "check_invariants", "--json"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode not in (0, 1) or not answer.stdout.strip():
        raise RuntimeError(f"check_invariants ended with {answer.returncode}: {answer.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


if __name__ == "__main__":
    run(main, ended_by=(signal.SIGTERM, signal.SIGINT))
