"""The figures of an installation by the chart: until its first step, each process's cold start, memory.

The chart is installed as the installation test does it, and this machine must be the node: what pods use is read from
its /proc. Times count from the start of a container's first process.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.figures import Figure, table
from bench.kube import own_namespace
from bench.processes import of_pod, pss_bytes
from tests.deploy.chart import CHART, NAME, RELEASE, Object
from tests.deploy.databases import fresh_database
from tests.deploy.installation import COMPONENTS, HELM_SECONDS, Gate, Installation, images, servers
from tests.spine.sources import git_server

_MIB = 2**20
_AT_ONCE = 10
_SCRIPT = """\
flow:
  - type: customScripts
    name: Script
    step: 100
    commands:
      - {command}
"""


def script(text: str) -> str:
    return _SCRIPT.format(command=json.dumps({"runtime": "BASH", "priority": 1, "before": True, "script": text}))


def started_at(pod: Object) -> float:
    """Return when the first process of a pod's container started, as a time of day."""
    boot = next(
        float(line.split()[1]) for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime")
    )
    starts: list[float] = []
    # What sets a container up is gone in a moment.
    while not starts:
        for pid in of_pod(pod["metadata"]["uid"]):
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                starts.append(boot + int(fields[19]) / os.sysconf("SC_CLK_TCK"))
    return min(starts)


def memory(installation: Installation, component: str) -> list[float]:
    """MiB of each pod of a component, by the proportional share of what its processes share."""
    return [sum(pss_bytes(pid) for pid in of_pod(uid)) / _MIB for uid in installation.pods(component)]


def memory_figures(installation: Installation, when: str) -> Iterator[Figure]:
    for component in COMPONENTS:
        for size in sorted(memory(installation, component), reverse=True):
            yield Figure(measure=8, name=f"memory of a {component} pod, {when}", value=size, unit="MiB")


class Bench:
    """One installation and what is measured of it."""

    def __init__(self, installation: Installation, repository: str) -> None:
        self.at = installation
        self.repository = repository
        self.organization = ""

    def first_step(self, database: str) -> Iterator[Figure]:
        """`helm install`, an administrator and a workspace, and a job, until its step runs."""
        begun = time.monotonic()
        self.at.install(database)
        installed = time.monotonic()
        seeded = json.loads(self.at.manage("seed_example", "--ephemeral"))
        self.organization = seeded["organization"]
        self.at.sign_in(seeded["user"])
        workspace = self.at.workspace(self.organization, self.repository)
        posted = time.monotonic()
        job = self.at.start(self.organization, workspace, script("true"))
        self._await(job, {"running", "completed"})
        claimed = time.monotonic()
        yield Figure(
            measure=7,
            name="helm install --wait, with the database's first migration",
            value=installed - begun,
            unit="s",
        )
        yield Figure(measure=7, name="first job posted → its step claimed", value=claimed - posted, unit="s")
        yield Figure(
            measure=7,
            name="helm install → first step claimed, people's commands included",
            value=claimed - begun,
            unit="s",
        )

    def _await(self, job: str, statuses: set[str], seconds: float = 120) -> None:
        until = time.monotonic() + seconds
        path = f"/api/v1/organization/{self.organization}/job/{job}"
        while self.at.call("GET", path)["attributes"]["status"] not in statuses:
            if time.monotonic() > until:
                raise SystemExit(f"job {job} is not {' or '.join(sorted(statuses))} after {seconds:.0f} s")
            time.sleep(0.05)

    def cold_starts(self, count: int) -> Iterator[Figure]:
        """Each kind of process: from the start of its container to its first work."""
        for component, measured, what in (
            ("web", self._web_start, "its first answer"),
            ("worker", self._worker_start, "a job that waited for it has a Kubernetes Job"),
            ("watcher", self._watcher_start, "it is the active one"),
        ):
            value = median(measured() for _ in range(count))
            yield Figure(measure=7, name=f"cold start of {component}: process started → {what}", value=value, unit="s")

    def _replace(self, component: str) -> None:
        self.at.kubectl("delete", "pods", "-l", f"app.kubernetes.io/component={component}")

    def _pod(self, component: str) -> Object:
        """Return the pod of a component as soon as its container has a process."""
        while True:
            answer = self.at.kubectl("get", "pods", "-l", f"app.kubernetes.io/component={component}", "-o", "json")
            pods: list[Object] = json.loads(answer)["items"]
            for pod in pods:
                if "deletionTimestamp" not in pod["metadata"] and of_pod(pod["metadata"]["uid"]):
                    return pod
            time.sleep(0.05)

    def _web_start(self) -> float:
        self._replace("web")
        while True:
            try:
                with urllib.request.urlopen(f"{self.at.address}/actuator/health/liveness", timeout=1):  # noqa: S310
                    answered = time.time()
                    return answered - started_at(self._pod("web"))
            except OSError:
                time.sleep(0.02)

    def _worker_start(self) -> float:
        self.at.kubectl("scale", f"deploy/{NAME}-worker", "--replicas=0")
        self.at.kubectl("wait", "--for=delete", "pods", "-l", "app.kubernetes.io/component=worker", "--timeout=90s")
        workspace = self.at.workspace(self.organization, self.repository)
        job = self.at.start(self.organization, workspace, script("true"))
        self.at.kubectl("scale", f"deploy/{NAME}-worker", "--replicas=1")
        started = started_at(self._pod("worker"))
        while not self.at.kubectl("get", "jobs", "-l", f"terrakube.io/job={job}", "-o", "name"):
            time.sleep(0.02)
        seen = time.time()
        self._await(job, {"completed"})
        return seen - started

    def _watcher_start(self) -> float:
        self.at.kubectl("scale", f"deploy/{NAME}-watcher", "--replicas=0")
        self.at.kubectl("wait", "--for=delete", "pods", "-l", "app.kubernetes.io/component=watcher", "--timeout=90s")
        self.at.kubectl("scale", f"deploy/{NAME}-watcher", "--replicas=1")
        pod = self._pod("watcher")
        self.at.kubectl("wait", "--for=condition=Ready", f"pod/{pod['metadata']['name']}", "--timeout=60s")
        while True:
            for line in self.at.kubectl("logs", pod["metadata"]["name"]).splitlines():
                if "is the active one" in line:
                    return datetime.fromisoformat(json.loads(line)["timestamp"]).timestamp() - started_at(pod)
            time.sleep(0.2)

    def at_rest(self, seconds: float) -> Iterator[Figure]:
        time.sleep(seconds)
        yield from memory_figures(self.at, "at rest")

    def memory_with_steps(self, count: int, host: str) -> Iterator[Figure]:
        gate = Gate(host)
        flow = script(gate.counting().replace("sleep 0.1", "sleep 2"))
        with ThreadPoolExecutor(4) as threads:
            made = list(threads.map(lambda _: self.at.workspace(self.organization, self.repository), range(count)))
            jobs: list[str] = []
            # Not all at once: what is measured is how it is with so many, not how these many start.
            for first in range(0, count, _AT_ONCE):
                some = made[first : first + _AT_ONCE]
                new = list(threads.map(lambda workspace: self.at.start(self.organization, workspace, flow), some))
                list(threads.map(lambda job: self._await(job, {"running"}, 300), new))
                jobs += new
                print(f"{len(jobs)} steps run (load {os.getloadavg()[0]:.1f})", flush=True)
            time.sleep(10)
            yield from memory_figures(self.at, f"{count} steps running")
            with gate.opened():
                list(threads.map(lambda job: self._await(job, {"completed"}, 600), jobs))


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/run installation", description=__doc__)
    parser.add_argument("--steps", type=int, default=100, help="steps that run at once (100); 0 for none")
    parser.add_argument("--count", type=int, default=3, help="cold starts of each process (3)")
    asked = parser.parse_args()
    host = os.environ["KUBE_HOST"]
    site = os.environ.get("BENCH_SITE_IMAGE") or os.environ.get("TEST_SITE_IMAGE", "terrakube-site:latest")
    executor = os.environ.get("BENCH_EXECUTOR_IMAGE") or os.environ.get(
        "TEST_EXECUTOR_IMAGE", "terrakube-executor:latest"
    )
    print(f"chart {CHART.name} of {RELEASE}, {site}, {executor}; {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    with (
        own_namespace(threads=2) as kube,
        fresh_database() as database,
        TemporaryDirectory() as folder,
        git_server(Path(folder), host, {}) as server,
    ):
        repository = server.repository("empty", {"main.tf": "# nothing\n"}).url
        bench = Bench(Installation(kube.namespace, host, images(site, executor), servers()), repository)
        parts: list[Callable[[], Iterator[Figure]]] = [
            lambda: bench.first_step(database),
            lambda: bench.at_rest(30),
            lambda: bench.cold_starts(asked.count),
            lambda: bench.memory_with_steps(asked.steps, host),
        ]
        for part in parts[: 4 if asked.steps else 3]:
            found = list(part())
            print(f"{table(found)}\n(load {os.getloadavg()[0]:.1f})", flush=True)
        bench.at.helm("uninstall", RELEASE, "--wait", "--timeout", f"{HELM_SECONDS}s")
    return 0


if __name__ == "__main__":
    # So that what was made is taken away.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    sys.exit(main())
