"""The site's own processes are killed while it is busy."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection

from executors.health import heartbeats
from executors.supervision import title
from executors.watching.lock import ADVISORY_KEY
from tests.faults.marks import FAULT
from tests.faults.trial import DEFAULT_PATIENCE, Trial
from tests.spine.cluster import kill_container
from tests.spine.conftest import SiteMaker
from tests.spine.processes import MANAGE, Process, tree
from tests.spine.site import Site
from tests.spine.waiting import await_that
from workspaces.choices import FINAL_JOB, JobStatus
from workspaces.models import Job

pytestmark = FAULT

MANY = 20
DOWN_SECONDS = 4
FROZEN_SECONDS = heartbeats.STALE_SECONDS + 60


@pytest.fixture(scope="module")
def site(make_site: SiteMaker) -> Iterator[Site]:
    # How long a process takes to start again is the machine's affair.
    with make_site(optional_role=True, **DEFAULT_PATIENCE) as site:
        site.start()
        yield site


@pytest.mark.parametrize("name", ["worker", "watcher", "web"])
def test_a_process_killed_while_twenty_jobs_run_costs_none_of_them(trial: Trial, name: str) -> None:
    jobs = [trial.job(pause=0.3) for _ in range(MANY)]
    await_that(lambda: sum(trial.bell.count(str(job.pk)) for job in jobs) >= MANY // 4, "a quarter has begun")
    process: Process = getattr(trial.site, name)
    process.kill()
    trial.fault()
    time.sleep(DOWN_SECONDS)
    process.start()
    left = Job.objects.filter(pk__in=[job.pk for job in jobs]).exclude(status__in=FINAL_JOB)
    await_that(lambda: not left.exists(), f"all of {MANY} jobs have ended", 150)
    trial.clock.stop("all ended")
    for job in jobs:
        trial.assert_sound(job, marks=20)


# ---- two watchers ----------------------------------------------------------------------------------------------


def _lock_port() -> int | None:
    """From which port the active watcher's lock is held; None while there is none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT client_port FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE locktype = 'advisory' AND granted AND datname = current_database() AND classid = %s AND objid = %s",
            [ADVISORY_KEY >> 32, ADVISORY_KEY & 0xFFFFFFFF],
        )
        found = cursor.fetchone()
    return int(found[0]) if found else None


@pytest.fixture
def second_watcher(site: Site) -> Iterator[Process]:
    """A watcher that stands by."""
    await_that(_lock_port, "the first watcher is the active one", 30)
    # A log of its own, in which nothing is told of another test's.
    process = Process(f"second-watcher-{uuid4().hex[:6]}", [*MANAGE, "watch"], site.watcher.environ, site.folder)
    process.start()
    try:
        await_that(lambda: "this one stands by" in process.tail(), "the second watcher stands by", 30)
        yield process
    finally:
        process.end()


def test_a_second_watcher_goes_on_when_the_first_is_killed(trial: Trial, second_watcher: Process) -> None:
    job = trial.job("sleep 120")
    trial.await_rung(job)
    trial.site.watcher.kill()
    trial.fault()
    # Nobody else would say what became of this pod.
    kill_container(trial.cluster.pod_of(trial.attempt(job)))
    await_that(lambda: "This watcher is the active one" in second_watcher.tail(), "the second is active", 30)
    trial.clock.stop("fail-over")
    trial.ended(job, "killed")
    trial.assert_sound(job, status=JobStatus.FAILED, code="killed")
    trial.site.watcher.start()


@contextmanager
def dropped(*ports: int) -> Iterator[None]:
    """The packets of one TCP connection of this machine with itself are lost, in both directions."""
    rules = [
        ["-p", "tcp", "--sport", str(one), "--dport", str(other), "-j", "DROP"] for one, other in (ports, ports[::-1])
    ]
    for rule in rules:
        subprocess.run(["iptables", "-I", "INPUT", *rule], check=True)
    try:
        yield
    finally:
        for rule in rules:
            subprocess.run(["iptables", "-D", "INPUT", *rule], check=True)


@pytest.mark.node
def test_a_watcher_whose_locks_connection_is_dead_without_a_word_is_followed_by_another(
    trial: Trial, second_watcher: Process
) -> None:
    port = _lock_port()
    assert port is not None
    with dropped(port, int(connection.settings_dict["PORT"])):
        trial.fault()
        await_that(lambda: "This watcher is the active one" in second_watcher.tail(), "the second is active", 30)
        trial.clock.stop("fail-over")
        await_that(lambda: "The database failed" in trial.site.watcher.tail(), "the first has noticed", 15)
        trial.clock.stop("the first stands by")
        job = trial.job()
        trial.assert_sound(job, marks=20)


# ---- the frozen queue ------------------------------------------------------------------------------------------


@pytest.fixture
def supervisor(site: Site) -> Iterator[Process]:
    """The site as ``manage.py up`` runs it, which supervises its three processes."""
    for process in site.processes:
        process.stop()
    up = [*MANAGE, "up", "--host", site.host, "--port", str(site.port)]
    process = Process("up", up, site.environ, site.folder)
    process.start()
    try:
        await_that(
            lambda: heartbeats.heartbeat_age(heartbeats.WORKER) is not None and not _trouble(site),
            "the site is ready",
            60,
        )
        yield process
    finally:
        process.stop()
        site.start()


def _trouble(site: Site) -> dict[str, str]:
    """What readiness says of the site, by part."""
    try:
        with urllib.request.urlopen(f"{site.address}/actuator/health/readiness", timeout=5):  # noqa: S310
            return {}
    except urllib.error.HTTPError as error:
        if error.code != 503:
            raise
        parts = json.loads(error.read())["components"]
        return {name: part["details"]["reason"] for name, part in parts.items()}
    except OSError:
        return {"web": "does not answer"}


def _idle_worker(supervisor: Process) -> int:
    """The worker that waits on the queue, and so holds its lock: of what the task cluster started, the one in read."""
    for pid in tree(supervisor.pid):
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        if name == title("worker") and _system_call(pid) == _READ and len(tree(pid)) == 1:
            return pid
    raise AssertionError("no worker waits on the queue")


_READ = 0


def _system_call(pid: int) -> int:
    text = Path(f"/proc/{pid}/syscall").read_text().split()[0]
    return int(text) if text.isdecimal() else -1


def test_a_queue_that_froze_with_its_idle_worker_is_noticed_and_started_again(
    trial: Trial, supervisor: Process
) -> None:
    before = trial.job()
    trial.site.await_status(before, JobStatus.COMPLETED)
    time.sleep(2)
    os.kill(_idle_worker(supervisor), signal.SIGKILL)
    trial.fault()
    jobs = [trial.job() for _ in range(3)]
    await_that(lambda: "queue" in _trouble(trial.site), "readiness says that the queue stands still", FROZEN_SECONDS)
    trial.clock.stop("sentence")
    for job in jobs:
        trial.assert_sound(job, marks=20, seconds=FROZEN_SECONDS)
    trial.clock.stop("going on")
    assert "it is started again" in supervisor.tail()
