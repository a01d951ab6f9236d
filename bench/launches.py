"""Measures 1 to 3: how soon a Kubernetes Job exists, with pods that never start."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.figures import Figure, median, percentile
from bench.kube import JobWatch, Kube, bare_manifest, job_name
from bench.processes import site_cpu_seconds
from bench.rest import Rest
from executors.agent.api import Api
from executors.agent.claim import make_claim
from executors.contract.job_data import decode

THREADS = 16
_PLAN, _APPLY = 100, 200


class BareJobs:
    """Creates the same Job as the site does, without the site."""

    def __init__(self, kube: Kube, watch: JobWatch, manifest: dict[str, Any]) -> None:
        self._kube = kube
        self._watch = watch
        self._manifest = manifest
        self._numbers = iter(range(1_000_000))

    def create_one(self) -> float:
        """Seconds from the call until the watch saw it; it is deleted then."""
        name = f"bare-{next(self._numbers)}"
        begin = time.perf_counter()
        self._kube.create(bare_manifest(self._manifest, name))
        taken = self._watch.await_added(name) - begin
        self._kube.delete(name)
        return taken

    def create_many(self, count: int) -> float:
        """Seconds until the last of so many, created from as many threads as the measure has, was seen."""
        names = [f"bare-{next(self._numbers)}" for _ in range(count)]
        bodies = [bare_manifest(self._manifest, name) for name in names]
        return burst(
            bodies,
            self._kube.create,
            connect=self._kube.read_namespace,
            seen=lambda: [self._watch.await_added(name) for name in names],
        )


def burst[T](
    items: Sequence[T],
    do: Callable[[T], object],
    *,
    connect: Callable[[], object],
    seen: Callable[[], list[float]],
) -> float:
    """Seconds until the last thing was seen that came of doing something with each item from THREADS threads.

    ``connect`` is called in each of them before the clock starts.
    """
    with ThreadPoolExecutor(THREADS) as threads:
        gate = threading.Barrier(THREADS + 1)

        def prepare() -> None:
            connect()
            gate.wait()

        first = [threads.submit(prepare) for _ in range(THREADS)]
        gate.wait()
        [future.result() for future in first]
        begin = time.perf_counter()
        done = list(threads.map(do, items))
        assert len(done) == len(items)  # noqa: S101 - what failed has raised
        return max(seen()) - begin


def _in_ms(measure: int, name: str, taken: Sequence[float], bare: Sequence[float], times: float) -> Iterator[Figure]:
    # ``times`` the bare one is the aim: as good on any machine.
    aim = times * median(bare) * 1000
    # The fastest shows what the machine can do while nothing else runs on it.
    for share, text in ((0.5, "p50"), (0.95, "p95"), (0.0, "fastest")):
        yield Figure(
            measure=measure,
            name=f"{name}, {text} of {len(taken)}",
            value=percentile(taken, share) * 1000,
            unit="ms",
            aim=aim if share == 0.5 else None,
            bare=percentile(bare, share) * 1000,
        )


def post_to_job(count: int, rest: Rest, watch: JobWatch, bare: BareJobs, workspaces: Sequence[str]) -> Iterator[Figure]:
    """Measure 1. Each job is cancelled afterwards, and the next one waits until nothing of it is left."""
    taken, bare_taken = [], []
    rest.connect()
    for number in range(count + 3):
        begin = time.perf_counter()
        job = rest.start_job(workspaces[number % len(workspaces)])
        seen = watch.await_added(job_name(job, _PLAN)) - begin
        rest.cancel_job(job)
        watch.await_deleted(job_name(job, _PLAN))
        bare_seen = bare.create_one()
        if number >= 3:  # the first ones warm the site and our connections up
            taken.append(seen)
            bare_taken.append(bare_seen)
    yield from _in_ms(1, "POST job → Kubernetes Job exists", taken, bare_taken, times=3)


def result_to_job(
    count: int, rest: Rest, watch: JobWatch, kube: Kube, bare: BareJobs, workspaces: Sequence[str]
) -> Iterator[Figure]:
    """Measure 2, by an executor that claims and reports as ours does, and runs nothing."""
    taken, bare_taken = [], []
    rest.connect()
    for number in range(count + 3):
        job = rest.start_job(workspaces[number % len(workspaces)])
        plan, apply = job_name(job, _PLAN), job_name(job, _APPLY)
        watch.await_added(plan)
        executor = _claim(kube.job_data(plan))
        executor.call("PUT", "/plan-file", b"plan" * 1024)
        begin = time.perf_counter()
        _succeed(executor, changes=True)
        seen = watch.await_added(apply) - begin
        executor.close()
        last = _claim(kube.job_data(apply))
        _succeed(last, changes=None)
        last.close()
        for name in (plan, apply):
            kube.delete(name)
        bare_seen = bare.create_one()
        if number >= 3:
            taken.append(seen)
            bare_taken.append(bare_seen)
    yield from _in_ms(2, "step reported done → next step's Job exists", taken, bare_taken, times=2.5)


def _claim(job_data: str) -> Api:
    payload = decode(job_data)
    api = Api(payload.attempt_url or "", payload.attempt_token or "", None, {})
    make_claim(api, seconds=10, pause=time.sleep)
    api.post_json("/heartbeat", {"phase": "plan", "commitId": None})
    return api


def _succeed(api: Api, *, changes: bool | None) -> None:
    result = {"outcome": "succeeded", "exitCode": 0, "changes": changes, "reason": "", "message": "", "logSize": 0}
    api.post_json("/result", {**result, "peakMemoryBytes": None, "cpuSeconds": None})


def hundred_at_once(
    times: int, rest: Rest, watch: JobWatch, kube: Kube, bare: BareJobs, workspaces: Sequence[str], up_pid: int
) -> Iterator[Figure]:
    """Measure 3, the median of several bursts, each beside a burst of bare creates; and the processor time of each job.

    ``up_pid`` is the process of `manage.py up`. What else the machine does blurs times, and processor time less.
    """
    taken, bare_taken = [], []
    used: dict[str, list[float]] = {"web": [], "worker": []}
    for _ in range(times):
        bare_taken.append(bare.create_many(len(workspaces)))
        kube.delete_all()
        time.sleep(2)
        jobs: list[int] = []

        def start(workspace: str, jobs: list[int] = jobs) -> None:
            jobs.append(rest.start_job(workspace))

        def seen(jobs: list[int] = jobs) -> list[float]:
            return [watch.await_added(job_name(job, _PLAN)) for job in jobs]

        before = site_cpu_seconds(up_pid)
        taken.append(burst(workspaces, start, connect=rest.connect, seen=seen))
        # The last one's Secret is still to be made, and its launch to be written down.
        time.sleep(0.5)
        after = site_cpu_seconds(up_pid)
        for name, seconds in used.items():
            seconds.append(after[name] - before[name])
        rest.connect()
        for job in jobs:
            rest.cancel_job(job)
        for job in jobs:
            watch.await_deleted(job_name(job, _PLAN))
        time.sleep(2)
    count = len(workspaces)
    text = f"{count} jobs on {count} workspaces at once"
    last, bare_last = median(taken), median(bare_taken)
    yield Figure(measure=3, name=f"{text}: last Job exists", value=last, unit="s", aim=6 * bare_last, bare=bare_last)
    yield Figure(measure=3, name=f"{text}: rate", value=count / last, unit="Jobs/s", bare=count / bare_last)
    for name, seconds in used.items():
        yield Figure(
            measure=3, name=f"processor time of {name} for a job", value=median(seconds) / count * 1000, unit="ms"
        )
