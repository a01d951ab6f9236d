"""A backup as docs/kubernetes.md describes it, restored into another database, where an installation goes on."""

from __future__ import annotations

import datetime as dt
import json
import zlib
from pathlib import Path

import psycopg
import pytest
from django.utils import timezone

from executors.attempts import lifecycle
from executors.choices import ExecutorKind
from executors.models import Attempt
from tests.deploy.backups import dump, restore
from tests.deploy.databases import fresh_database
from tests.spine.site import NO_NAMESPACE, Site, database_url
from tests.spine.waiting import await_that
from workspaces.choices import Category
from workspaces.encryption import decrypt
from workspaces.jobs import transitions
from workspaces.services.state import write_state
from workspaces.services.workspaces import set_variable

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

PASSWORD = "a-password-that-is-nowhere-else"
SCRIPT = """\
flow:
  - type: customScripts
    name: Script
    step: 100
    commands:
      - {runtime: BASH, priority: 1, before: true, script: "echo restored"}
"""
STATE = {
    "version": 4,
    "terraform_version": "1.11.4",
    "serial": 7,
    "lineage": "a-lineage",
    "outputs": {},
    "resources": [],
}


def rows(address: str, query: str, *parameters: object) -> list[tuple[object, ...]]:
    with psycopg.connect(address, autocommit=True) as connection:
        return connection.execute(query.encode(), parameters).fetchall()


@pytest.mark.django_db(transaction=True)
def test_an_installation_goes_on_from_a_restored_backup(tmp_path: Path) -> None:
    with fresh_database() as restored:
        environ = {"TERRAKUBE_DATABASE_URL": restored, "ExecutorLocal": "yes", "KUBECONFIG": ""}
        with Site(tmp_path, "127.0.0.1", environ, namespace=NO_NAMESPACE).at_hand() as site:
            workspace = site.workspace(on_cluster=False)
            set_variable(workspace, by=None, key="TOKEN", value=PASSWORD, category=Category.ENV, sensitive=True)
            # One job whose executor ran when the backup was made, and one that nobody had taken up.
            running = site.job(workspace, SCRIPT)
            transitions.advance(running.pk)
            step = running.steps.get()
            attempt = lifecycle.open_attempt(step.pk, executor=ExecutorKind.LOCAL)
            assert attempt is not None
            lifecycle.mark_launched(attempt, host="the-old-machine", process_id=4711)
            lifecycle.claim_attempt(attempt, "s" * 43)
            write_state(running, json.dumps(STATE).encode())
            hours_ago = timezone.now() - dt.timedelta(hours=2)
            Attempt.objects.update(
                created_at=hours_ago, launched_at=hours_ago, claimed_at=hours_ago, heartbeat_at=hours_ago
            )
            pending = site.job(site.workspace(on_cluster=False), SCRIPT)
            site.lose_tasks()

            dump(database_url(), tmp_path)
            restore(restored, tmp_path)

            (value,) = rows(restored, "SELECT value FROM workspaces_variable WHERE key = 'TOKEN'")
            assert PASSWORD not in str(value[0])
            assert decrypt(str(value[0]).encode()).decode() == PASSWORD
            (state,) = rows(restored, "SELECT content FROM workspaces_stateversion")
            assert isinstance(state[0], bytes)
            assert json.loads(zlib.decompress(decrypt(state[0]))) == STATE

            site.start()

            def ended() -> dict[object, tuple[object, ...]] | None:
                found = {row[0]: row[1:] for row in rows(restored, "SELECT id, status, reason FROM workspaces_job")}
                return found if all(status in ("completed", "failed") for status, _ in found.values()) else None

            jobs = await_that(ended, "all jobs have ended", 90)
            assert jobs[pending.pk][0] == "completed"
            assert jobs[running.pk][0] == "failed"
            assert "sent no heartbeat" in str(jobs[running.pk][1])
