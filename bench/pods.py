"""Measures 4 and 6: jobs whose pods do run, on a node that is this machine."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from bench.figures import Figure, median
from bench.kube import Kube, bare_manifest
from bench.processes import ExecutorRuns, Run
from bench.rest import Rest
from executors.models import Attempt
from workspaces.choices import FINAL_JOB, JobStatus
from workspaces.models import Job

_JOB_SECONDS = 120.0
_MIB = 2**20


def run_jobs(count: int, rest: Rest, workspace: str, runs: ExecutorRuns) -> list[float]:
    """Run jobs one after another; returns the seconds of each from its POST to completed. Raises RuntimeError."""
    taken = []
    for number in range(count + 1):
        rest.connect()
        begin = time.perf_counter()
        job = rest.start_job(workspace)
        status = _await_end(job)
        end = time.perf_counter()
        if status != JobStatus.COMPLETED:
            reason = Job.objects.values_list("reason", flat=True).get(pk=job)
            raise RuntimeError(f"job {job} ended {status}: {reason}")
        runs.await_quiet(_JOB_SECONDS)
        if number:  # the first one warms the site and the node up
            taken.append(end - begin)
        else:
            runs.runs.clear()
    return taken


def _await_end(job: int) -> str:
    until = time.monotonic() + _JOB_SECONDS
    while time.monotonic() < until:
        status = Job.objects.values_list("status", flat=True).get(pk=job)
        if status in FINAL_JOB:
            return status
        time.sleep(0.01)
    raise RuntimeError(f"job {job} has not ended in {_JOB_SECONDS:.0f} s")


def executor_figures(runs: Sequence[Run]) -> Iterator[Figure]:
    """Measure 4, from the clocks of this machine: the kernel's for the process, the site's for the calls."""
    to_claim, to_end, peaks = [], [], []
    for run in runs:
        attempt = Attempt.objects.get(pk=run.attempt_url.rpartition("/")[2])
        to_claim.append(_seconds(attempt.claimed_at) - run.started)
        to_end.append(run.ended - _seconds(attempt.ended_at))
        peaks.append(run.peak / _MIB)
    of = f"p50 of {len(peaks)}"
    yield Figure(measure=4, name=f"container started → first call, {of}", value=median(to_claim), unit="s", aim=0.4)
    yield Figure(measure=4, name=f"last call → process gone, {of}", value=median(to_end), unit="s", aim=0.2)
    yield Figure(measure=4, name="peak memory of the executor alone, largest", value=max(peaks), unit="MiB", aim=45)


def _seconds(at: datetime | None) -> float:
    if at is None:
        raise RuntimeError("an attempt of the measure was not claimed or has not ended")
    return at.timestamp()


def bare_pods(count: int, kube: Kube, manifest: dict[str, Any]) -> list[float]:
    """Seconds of the same Job with a container that ends at once, from its creation until the cluster says it is done.

    Twice in a row, as a plan and an apply are.
    """
    return [sum(_bare_pod(kube, manifest, f"pod-{number}-{half}") for half in "ab") for number in range(count)]


def _bare_pod(kube: Kube, manifest: dict[str, Any], name: str) -> float:
    body = bare_manifest(manifest, name)
    container = body["spec"]["template"]["spec"]["containers"][0]
    container.update(command=["/usr/bin/python3", "-I", "-c", "pass"], env=[])
    begin = time.perf_counter()
    kube.create(body)
    until = time.monotonic() + _JOB_SECONDS
    while time.monotonic() < until:
        if kube.read(name)["status"].get("succeeded"):
            return time.perf_counter() - begin
        time.sleep(0.01)
    raise RuntimeError(f"bare Job {name} has not ended in {_JOB_SECONDS:.0f} s")


def whole_figures(taken: Sequence[float], bare: Sequence[float]) -> Iterator[Figure]:
    """Measure 6; the bare thing beside it is two Jobs whose containers end at once."""
    name = f"POST plan-and-apply job → completed through two pods, p50 of {len(taken)}"
    yield Figure(measure=6, name=name, value=median(taken), unit="s", aim=3, bare=median(bare) if bare else None)
