"""A worker that is frozen (SIGSTOP) at any statement of a launch: others go on, and commands run once all the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from tests.spine.bell import Bell
from tests.spine.conftest import SiteMaker
from tests.spine.processes import PROJECT
from tests.spine.site import Site, story
from tests.spine.test_killed_launch import Launches
from tests.spine.waiting import await_that
from tests.support.rest import an_administrators_token, cancel, organizations
from workspaces.choices import FINAL_JOB, JobStatus
from workspaces.models import Job, StateLock

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.slow,
    pytest.mark.faults,
    pytest.mark.timeout(600, method="signal"),
]

OTHERS = 4
LIMIT = "ExecutorMaxRunningSteps"
ADVISORY = "pg_advisory_xact_lock"


@contextmanager
def a_site(make_site: SiteMaker, **environ: str) -> Iterator[Site]:
    """A site whose worker and watcher are not started yet, so that nobody but the test launches at first."""
    with make_site(optional_role=True, **environ) as site:
        site.start_web()
        yield site


class Frozen:
    """Workers that are frozen at their statements."""

    def __init__(self, site: Site, orders: Sequence[dict[str, Any]]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.spine.frozen_launches"],
            env=site.worker.environ | {"DJANGO_SETTINGS_MODULE": "terrakube_site.settings"},
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._say(json.dumps(list(orders)))
        self.numbers: list[int] = self._hear()["frozen"]

    def go_on(self) -> list[dict[str, Any]]:
        """Let them wake up; what became of each."""
        self._say("")
        found: list[dict[str, Any]] = self._hear()
        # Its pipes are closed with it.
        self._process.communicate()
        assert self._process.returncode == 0
        return found

    def _say(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text + "\n")
        self._process.stdin.flush()

    def _hear(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the frozen workers ended"
        return json.loads(line)


def locks_held() -> int:
    """How many transactions of this database hold a lock of a row or an advisory one, and do nothing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in trans%'"
        )
        return int(cursor.fetchone()[0])


def await_ends(jobs: Sequence[Job], seconds: float = 150) -> None:
    left = Job.objects.filter(pk__in=[job.pk for job in jobs]).exclude(status__in=FINAL_JOB)
    await_that(lambda: not left.exists(), f"all of {len(jobs)} jobs have ended", seconds)


def assert_once(launches: Launches, bell: Bell) -> None:
    assert launches.others(bell) == []
    assert not StateLock.objects.exists()


def test_a_worker_frozen_at_any_statement_of_a_launch_holds_up_nobody_and_starts_commands_once(
    make_site: SiteMaker, bell: Bell
) -> None:
    with a_site(make_site) as site:
        launches = Launches(site, bell)
        (undisturbed,) = Frozen(site, [launches.advance(launches.job(), statement=0)]).go_on()
        statements = undisturbed["statements"]
        assert any("create_namespaced_job" in text for text in statements), statements
        orders = [launches.advance(launches.job(), statement=n) for n in range(1, len(statements) + 1)]
        frozen = Frozen(site, orders)
        assert len(frozen.numbers) == len(orders), "each is frozen at a statement of its own"
        others = Launches(site, bell)
        for _ in range(OTHERS):
            others.job()
        # All others complete, while every one of these workers is frozen still.
        others.await_ends()
        assert_once(others, bell)
        await_that(lambda: locks_held() == 0, "no frozen worker has a lock any more", 60)
        # What they had begun is done by others, too.
        await_ends(launches.jobs)
        outcomes = frozen.go_on()
        # Those whose transaction was cut off failed, and launched nothing after it.
        cut_off = [number for number, found in enumerate(outcomes) if found["failed"]]
        assert cut_off
        for number in cut_off:
            afterwards = outcomes[number]["statements"][orders[number]["statement"] :]
            assert not any("create_namespaced_job" in text for text in afterwards), afterwards
        assert_once(launches, bell)


@pytest.mark.everyday
def test_a_worker_frozen_with_the_installations_lock_holds_up_nobody(make_site: SiteMaker, bell: Bell) -> None:
    with a_site(make_site, **{LIMIT: "3"}) as site:
        launches = Launches(site, bell)
        frozen = Frozen(site, [launches.advance(launches.job(), statement=ADVISORY)])
        assert frozen.numbers == [0]
        assert locks_held() == 1
        others = Launches(site, bell)
        for _ in range(OTHERS):
            others.job()
        others.await_ends()
        assert_once(others, bell)
        await_ends(launches.jobs)
        (outcome,) = frozen.go_on()
        assert outcome["failed"]
        assert "create_namespaced_job" not in " ".join(outcome["statements"])
        assert_once(launches, bell)


def test_whoever_cancels_a_job_that_a_frozen_worker_holds_is_answered_and_nobody_else_waits(
    make_site: SiteMaker, bell: Bell
) -> None:
    """Twenty of them do not use up the connections of the site."""
    with a_site(make_site, TERRAKUBE_DATABASE_IDLE_SECONDS="40") as site:
        launches = Launches(site, bell)
        job = launches.job()
        frozen = Frozen(site, [launches.advance(job, statement="UPDATE")])
        assert frozen.numbers == [0]
        token = an_administrators_token()
        with ThreadPoolExecutor(20) as pool:
            answers = [pool.submit(cancel, site.address, job, token) for _ in range(20)]
            # Others are served meanwhile.
            assert [organizations(site.address, token) for _ in range(5)] == [200] * 5
            statuses = {answer.result() for answer in answers}
        assert statuses == {503}
        assert locks_held() == 1
        frozen.go_on()
        site.worker.start()
        site.watcher.start()
        site.await_status(job, JobStatus.COMPLETED, seconds=120)
        assert bell.count(str(job.pk)) == 1, story(job)
