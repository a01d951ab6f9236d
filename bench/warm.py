"""Starts of steps cold and in warm pods, beside the start of a bare pod: `bench/run warm`.

Times are of this machine's clock. A claim's time is the site's, which is on this machine too.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import figures, site
from bench.figures import Figure, median, percentile
from bench.kube import Kube, bare_manifest, own_namespace
from bench.program import run

_WAIT_SECONDS = 120.0
_BARE_AIM = 1.5
"""Longest cold start, in starts of a bare pod."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/run warm", description=__doc__)
    parser.add_argument("--count", type=int, default=60, help="warm starts (60)")
    parser.add_argument("--cold", type=int, default=20, help="cold starts, and starts of a bare pod (20)")
    parser.add_argument("--whole", type=int, default=10, help="plan-and-apply jobs in warm pods (10)")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures there too")
    parser.add_argument("--rows", action="store_true", help="print them as rows for docs/performance.md too")
    parser.add_argument("--terraform", metavar="VERSION", default="1.11.4", help="version in the executor's image")
    asked = parser.parse_args()
    host = os.environ.get("KUBE_HOST")
    if not host or not os.environ.get("KUBECONFIG"):
        print("bench: KUBECONFIG and KUBE_HOST must be set: pods have to reach the site", file=sys.stderr)
        return 2
    image = os.environ.get("BENCH_EXECUTOR_IMAGE") or os.environ.get("TEST_EXECUTOR_IMAGE", "terrakube-executor:latest")
    found: list[Figure] = []
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"cpus: {os.cpu_count()}  load: {load}  image: {image}", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="terrakube-bench.") as folder,
        site.own_database() as database,
        own_namespace(4) as kube,
    ):
        port = site.free_port(host)
        os.environ.update(
            site.settings(
                folder=Path(folder), database=database, host=host, port=port, namespace=kube.namespace, image=image
            )
        )
        log = Path(folder) / "site.log"
        try:
            found += _measure(asked, kube, host, port, log)
        except Exception:
            sys.stderr.write(log.read_text(errors="replace")[-4000:])
            raise
    print(figures.table(found), flush=True)
    if asked.rows:
        print(f"\n{figures.markdown(found)}\n")
    if asked.json:
        figures.write_json(asked.json, {"load": load, "image": image}, found)
    return 0


def _measure(asked: argparse.Namespace, kube: Kube, host: str, port: int, log: Path) -> Iterator[Figure]:
    import django

    # Pods of a pool that fills up take the processors that a cold start beside them waits for.
    os.environ["ExecutorWarmPods"] = "0"
    with site.running(host, port, log) as running:
        django.setup()
        # Only now the settings are known and the models can be imported.
        from bench.rest import Rest
        from bench.seed import make_records
        from executors.preview.expected_job import expected_job
        from workspaces.models import Workspace

        records = make_records(waiting=0, version=asked.terraform)
        starts = Starts(Rest(running.address, records), records.running)
        manifest = expected_job(Workspace.objects.get(pk=records.running))
        bare = [_bare_start(kube, manifest, f"bare-{number}", host) for number in range(asked.cold + 1)][1:]
        starts.run(1, warm=False)
        cold = starts.run(asked.cold, warm=False).to_claim
        yield from _starts("POST → claimed, cold", cold, bare, aim=_BARE_AIM * median(bare) * 1000)
    os.environ["ExecutorWarmPods"] = "4"
    with site.running(host, port, log):
        beside = starts.run(asked.cold, warm=False).to_claim
        yield from _starts("POST → claimed, cold while a pool fills up", beside, bare)
        warm = starts.run(asked.count, warm=True)
        yield from _starts("POST → claimed, warm", warm.to_claim, bare, aim=100, last_aim=400)
        whole = starts.run(asked.whole, warm=True, await_apply=True).whole
        name = f"POST plan-and-apply job → completed in warm pods, p50 of {len(whole)}"
        yield Figure(measure=10, name=name, value=median(whole), unit="s", aim=1.2, bare=2 * median(bare))


def _starts(
    name: str, taken: Sequence[float], bare: Sequence[float], *, aim: float | None = None, last_aim: float | None = None
) -> Iterator[Figure]:
    for share, text in ((0.5, "p50"), (0.9, "p90"), (0.99, "p99")):
        yield Figure(
            measure=10,
            name=f"{name}, {text} of {len(taken)}",
            value=percentile(taken, share) * 1000,
            unit="ms",
            aim=aim if share == 0.5 else last_aim if share == 0.99 else None,
            bare=percentile(bare, share) * 1000,
        )


class Taken:
    """Seconds from the POST of each job: to the claim of its plan, and to its end."""

    def __init__(self) -> None:
        self.to_claim: list[float] = []
        self.whole: list[float] = []


class Starts:
    """Runs plan-and-apply jobs of one workspace, one after another."""

    def __init__(self, rest: Any, workspace: str) -> None:
        self._rest = rest
        self._workspace = workspace

    def run(self, count: int, *, warm: bool, await_apply: bool = False) -> Taken:
        """Run jobs whose plan starts warm or cold; a job that started the other way is left out and repeated.

        With ``await_apply`` a pod must wait for the apply too.
        """
        from executors.models import Attempt

        taken = Taken()
        while len(taken.whole) < count:
            self._await_pods(warm=warm, applies=await_apply)
            self._rest.connect()
            begun = time.time()
            job = self._rest.start_job(self._workspace)
            ended = self._await_end(job)
            plan, *others = Attempt.objects.filter(step__job=job).order_by("step__step_number", "number")
            if plan.started_warm != warm or (await_apply and not all(one.started_warm for one in others)):
                continue
            if plan.claimed_at is None:
                raise RuntimeError(f"job {job} was not claimed")
            taken.to_claim.append(plan.claimed_at.timestamp() - begun)
            taken.whole.append(ended - begun)
        return taken

    def _await_pods(self, *, warm: bool, applies: bool) -> None:
        """Wait until a warm pod waits for each step; for cold starts, make none wait."""
        from executors.choices import WarmState
        from executors.models import WarmPod
        from executors.warm import records

        waiting = WarmPod.objects.filter(state=WarmState.WAITING)
        if not warm:
            records.end_pods(WarmPod.objects.all())
            return
        shapes = 2 if applies else 1
        _await(lambda: waiting.values("shape").distinct().count() >= shapes, "warm pods wait")

    @staticmethod
    def _await_end(job: int) -> float:
        from workspaces.choices import FINAL_JOB, JobStatus
        from workspaces.models import Job

        def ended() -> str | None:
            status: str = Job.objects.values_list("status", flat=True).get(pk=job)
            return status if status in FINAL_JOB else None

        status = _await(ended, f"job {job} ends")
        end = time.time()
        if status != JobStatus.COMPLETED:
            raise RuntimeError(f"job {job} ended {status}: {Job.objects.get(pk=job).reason}")
        return end


def _await[T](condition: Callable[[], T], what: str) -> T:
    until = time.monotonic() + _WAIT_SECONDS
    while not (found := condition()):
        if time.monotonic() > until:
            raise RuntimeError(f"waited {_WAIT_SECONDS:.0f} s until {what}")
        time.sleep(0.01)
    return found


def _bare_start(kube: Kube, manifest: dict[str, Any], name: str, host: str) -> float:
    """Seconds from the creation of the same Job until the first line of its program has run, which connects to us."""
    body = bare_manifest(manifest, name)
    with socket.create_server((host, 0)) as listener:
        listener.settimeout(_WAIT_SECONDS)
        port = listener.getsockname()[1]
        program = f"import socket; socket.create_connection(({host!r}, {port}))"
        container = body["spec"]["template"]["spec"]["containers"][0]
        container.update(command=["/usr/bin/python3", "-I", "-c", program], env=[])
        begin = time.perf_counter()
        kube.create(body)
        listener.accept()[0].close()
        return time.perf_counter() - begin


if __name__ == "__main__":
    run(main)
