"""A worker that is killed at any point of a launch: the step's commands run once all the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from executors.attempts import lifecycle
from executors.choices import AttemptState, EventKind
from executors.logs import store
from executors.models import Attempt, AttemptEvent
from tests.spine.bell import Bell
from tests.spine.cluster import Cluster, Object
from tests.spine.conftest import SiteMaker
from tests.spine.processes import PROJECT, tree
from tests.spine.site import Site, story
from tests.spine.waiting import await_that
from tests.support.patience import patient
from workspaces.choices import FINAL_JOB, JobStatus
from workspaces.models import Job

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.slow,
    pytest.mark.faults,
    pytest.mark.everyday,
    # Some thirty pods on one node.
    pytest.mark.timeout(patient(900)),
]

AT_ANY_TIME = 12
"""How many launches of each kind are killed by the clock, within calls of the database and the cluster too."""
LAUNCH_SECONDS = 0.1
ALL_SECONDS = 150
IN_CLUSTER = (
    "executors/launching/launcher.py",
    "executors/launching/kubernetes_job.py",
    "executors/cluster/",
    "executors/attempts/lifecycle/",
)
"""Where launches into the cluster are killed, which costs a pod each time; what comes before is the same for both."""

type Order = dict[str, Any]


@pytest.fixture(scope="module")
def site(make_site: SiteMaker) -> Iterator[Site]:
    """A site without worker and watcher, so that nobody but the test launches at first; it may create Secrets."""
    # Dozens of executors start at once on one machine. A slow one must not take them for lost, nor they its site.
    with make_site(optional_role=True, ExecutorOutageSeconds="600", ExecutorLostAfterSeconds="900") as site:
        site.start_web()
        yield site


class Killer:
    """Carries out launches in processes that are killed; see ``tests.spine.killed_launches``."""

    def __init__(self, site: Site) -> None:
        self._errors = site.folder / "killed_launches.log"
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.spine.killed_launches"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=site.worker.environ | {"DJANGO_SETTINGS_MODULE": "terrakube_site.settings"},
                cwd=PROJECT,
                text=True,
            )

    def carry_out(self, orders: Iterable[Order]) -> list[dict[str, Any]]:
        """Return what comes of each."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(list(orders)) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, self._errors.read_text(encoding="utf-8", errors="replace")
        outcomes: list[dict[str, Any]] = json.loads(answer)
        return outcomes

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def killer(site: Site) -> Iterator[Killer]:
    killer = Killer(site)
    yield killer
    killer.close()


def first_line(function: Callable[..., object]) -> str:
    """The place of the first line that a function runs."""
    code = function.__code__
    (number, *_) = (line for _, _, line in code.co_lines() if line is not None and line > code.co_firstlineno)
    return f"{code.co_filename.removeprefix(f'{PROJECT}/')}:{number}"


def points(outcome: dict[str, Any], wanted: Callable[[str], bool]) -> list[str]:
    """The first wanted line after each touch of the world outside; a kill at a line between two leaves the same."""
    found: dict[int, str] = {}
    for line, count in zip(outcome["lines"], outcome["touches"], strict=True):
        if wanted(line):
            found.setdefault(count, line)
    return list(found.values())


class Launches:
    """Jobs whose one step rings and leaves a mark in its log."""

    def __init__(self, site: Site, bell: Bell, *, afterwards: str = "true", **workspace: Any) -> None:
        self._site = site
        self._workspace = workspace
        self._flow = json.dumps(
            {
                "flow": [
                    {
                        "type": "customScripts",
                        "name": "Ring",
                        "step": 100,
                        "commands": [
                            {
                                "runtime": "BASH",
                                "priority": 1,
                                "script": f"echo mark; {bell.script('$jobId')}; {afterwards}",
                            }
                        ],
                    }
                ]
            }
        )
        self.jobs: list[Job] = []

    def job(self) -> Job:
        job = self._site.job(self._site.workspace(**self._workspace), self._flow)
        self.jobs.append(job)
        return job

    def advance(self, job: Job, **how: Any) -> Order:
        return {"task": "advance_job", "argument": job.pk, **how}

    def launch_again(self, job: Job, **how: Any) -> Order:
        return {"task": "launch_step", "argument": str(job.steps.get().pk), **how}

    def await_ends(self) -> None:
        """Let worker and watcher find what was left, with what was queued lost, and wait for the end of all jobs."""
        self._site.lose_tasks()
        self._site.worker.start()
        self._site.watcher.start()
        numbers = [job.pk for job in self.jobs]
        left = Job.objects.filter(pk__in=numbers).exclude(status__in=FINAL_JOB)
        await_that(lambda: not left.exists(), f"all of {len(numbers)} jobs have ended", ALL_SECONDS)

    def others(self, bell: Bell) -> list[str]:
        """The stories of the jobs that did not complete, or whose commands were not started exactly once."""
        return [story(job) for job in self.jobs if not _ran_once(job, bell)]

    def attempts(self) -> list[Attempt]:
        return list(Attempt.objects.filter(step__job__in=self.jobs).order_by("pk"))


class KilledLaunches(Launches):
    """Such jobs, and the ways in which their launches are killed."""

    def __init__(self, site: Site, killer: Killer, bell: Bell, *, afterwards: str = "true", **workspace: Any) -> None:
        super().__init__(site, bell, afterwards=afterwards, **workspace)
        self._carry_out = killer.carry_out

    def kill_at_each_point(self, touched: set[str], within: tuple[str, ...] = ("",), *, since: str = "") -> list[str]:
        """Kill one launch at each point in these files that an undisturbed one reaches; returns all lines it reaches.

        From the first line on that begins with ``since``. ``touched`` are kinds that must have been noticed, since
        what is not noticed makes no point.
        """
        (undisturbed,) = self._carry_out([self.advance(self.job())])
        found: list[str] = undisturbed["lines"]
        assert touched <= set(undisturbed["kinds"])
        first = next(number for number, line in enumerate(found) if line.startswith(since))
        places = points(undisturbed, lambda line: line in found[first:] and line.startswith(within))
        outcomes = self._carry_out([self.advance(self.job(), line=line) for line in places])
        assert [line for line, outcome in zip(places, outcomes, strict=True) if not outcome["killed"]] == []
        return found

    def kill_second_launches(self, after: str, known: list[str]) -> int:
        """Kill launches that find what a first one left which was killed at the line ``after``.

        At each point that is not ``known`` from a first launch; returns how many these are.
        """
        probe = self.job()
        self._carry_out([self.advance(probe, line=after)])
        (again,) = self._carry_out([self.launch_again(probe)])
        lines = points(again, lambda line: line not in known)
        jobs = [self.job() for _ in lines]
        first = self._carry_out([self.advance(job, line=after) for job in jobs])
        orders = [self.launch_again(job, line=line) for job, line in zip(jobs, lines, strict=True)]
        second = self._carry_out(orders)
        # Where the executor was quicker than its second launch, there was nothing left to launch.
        assert all(outcome["killed"] for outcome in first)
        return sum(outcome["killed"] for outcome in second)

    def kill_at_any_time(self) -> None:
        self._carry_out(
            [
                self.advance(self.job(), seconds=LAUNCH_SECONDS * (number + 1) / AT_ANY_TIME)
                for number in range(AT_ANY_TIME)
            ],
        )


def _ran_once(job: Job, bell: Bell) -> bool:
    job.refresh_from_db()
    lifecycle = list(Attempt.objects.filter(step__job=job))
    marks = sum(store.read_log(attempt).data.count(b"mark\n") for attempt in lifecycle)
    claims = AttemptEvent.objects.filter(attempt__step__job=job, kind=EventKind.CLAIMED).count()
    return (job.status, bell.count(str(job.pk)), marks, claims) == (JobStatus.COMPLETED, 1, 1, 1)


def _labelled(items: Iterable[Object]) -> list[str]:
    return sorted(item["metadata"]["labels"]["terrakube.io/attempt"] for item in items)


def _with_a_pod(cluster: Cluster) -> list[str]:
    """The Jobs that created a pod, each as often as it did."""
    created = [event for event in cluster.events() if event["reason"] == "SuccessfulCreate"]
    return sorted(event["involvedObject"]["name"] for event in created for _ in range(event.get("count") or 1))


@pytest.mark.timeout(patient(300), method="signal")
def test_a_worker_killed_at_any_point_of_a_launch_into_the_cluster_starts_commands_once(
    site: Site, killer: Killer, look: Callable[[Site], Cluster], bell: Bell
) -> None:
    cluster, launches = look(site), KilledLaunches(site, killer, bell)
    marking = first_line(lifecycle.mark_launched)
    lines = launches.kill_at_each_point(
        {"database", "cluster"}, IN_CLUSTER, since="executors/launching/kubernetes_job.py"
    )
    assert marking in lines
    assert launches.kill_second_launches(marking, lines)
    launches.kill_at_any_time()

    begun = {str(attempt.pk) for attempt in launches.attempts()}
    made, hidden = set(_labelled(cluster.jobs())), set(_labelled(cluster.secrets()))
    # Launches were cut off before the attempt, before its Job, before the Secret and after it.
    assert len(begun) < len(launches.jobs)
    assert hidden < made < begun

    launches.await_ends()
    assert launches.others(bell) == []
    # One Job and one pod for each attempt. By their events: on a busy node, the site deletes the Job of a late attempt.
    expected = sorted(attempt.job_name for attempt in launches.attempts())
    # Events are written beside the pods, and a busy controller is behind with them.
    await_that(lambda: len(_with_a_pod(cluster)) >= len(expected), "each pod has its event")
    assert _with_a_pod(cluster) == expected


@pytest.mark.timeout(patient(300), method="signal")
def test_a_worker_killed_at_any_point_of_a_launch_on_this_machine_starts_commands_once(
    site: Site, killer: Killer, bell: Bell
) -> None:
    for process in (site.worker, site.watcher):
        process.end()
    launches = KilledLaunches(site, killer, bell, on_cluster=False)
    marking = first_line(lifecycle.mark_launched)
    lines = launches.kill_at_each_point({"database", "file", "fcntl.flock", "subprocess.Popen"})
    assert marking in lines
    launches.kill_second_launches(marking, lines)
    launches.kill_at_any_time()
    launches.await_ends()
    assert launches.others(bell) == []


def test_an_executor_that_outlives_its_launcher_is_seen_to_die(site: Site, killer: Killer, bell: Bell) -> None:
    for process in (site.worker, site.watcher):
        process.end()
    launches = KilledLaunches(site, killer, bell, afterwards="sleep 60", on_cluster=False)
    job = launches.job()
    killer.carry_out([launches.advance(job, line=first_line(lifecycle.mark_launched))])
    bell.await_ring(str(job.pk))
    (attempt,) = launches.attempts()
    assert (attempt.state, attempt.host) == (AttemptState.CLAIMED, "")
    for pid in tree(int((site.folder / "executor" / str(attempt.pk) / "pid").read_text())):
        os.kill(pid, signal.SIGKILL)
    site.watcher.start()
    site.await_status(job, JobStatus.FAILED)
    assert job.steps.get().reason_code == "process-ended", story(job)
    assert bell.count(str(job.pk)) == 1
