"""What the doctor finds of the site itself, and how it tells it."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from executors import cluster, tasks
from executors.doctor.report import Finding, State, as_document, as_text, failed, passed
from executors.doctor.site import clock, site
from executors.health import heartbeats
from executors.models import Beat, CheckRun
from executors.terrakube import storage
from tests.factories import VariableFactory, WorkspaceFactory
from workspaces.encryption import _cipher_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    # The client package reads KUBECONFIG when it is imported.
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", f"{tmp_path}/none")
    cluster.forget()


@pytest.fixture(autouse=True)
def own_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that are not made at the first start, which beside PostgreSQL is worth a finding."""
    monkeypatch.setattr("django.conf.settings.KEYS", settings.KEYS._replace(generated=frozenset()))


def rows() -> dict[str, Finding]:
    return {finding.name: finding for finding in site()}


def test_a_site_whose_processes_live_is_healthy() -> None:
    heartbeats.write_heartbeat(heartbeats.WORKER)
    heartbeats.write_heartbeat(heartbeats.WATCHER)
    VariableFactory.create()
    found = rows()
    assert {name for name, one in found.items() if one.state is State.FAIL} == set()
    assert found["keys"].detail.endswith("read and written (2 checked)")
    assert found["queue"].state is State.PASS
    assert found["storage"].state is State.UNUSED


def test_a_queue_that_stands_still_is_named_with_what_to_do() -> None:
    Beat.objects.create(name=heartbeats.WORKER, at=timezone.now() - dt.timedelta(minutes=10))
    found = rows()
    assert found["queue"].state is State.FAIL
    seconds = re.search(r"(\d+) s ago", found["queue"].detail)
    assert seconds, found["queue"].detail
    assert int(seconds[1]) >= 600
    assert "manage.py qcluster" in found["queue"].fix
    assert found["watcher"].detail == "It has never sent a heartbeat"


def test_a_key_that_was_taken_away_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    VariableFactory.create()
    monkeypatch.setattr("django.conf.settings.ENCRYPTION_KEYS", ("bW9yZSB0aGFuIHRoaXJ0eSB0d28gYnl0ZXMgb2Yga2U=",))
    found = rows()["keys"]
    assert found.state is State.FAIL
    assert "its key is not among the installation's keys" in found.detail
    assert "TERRAKUBE_ENCRYPTION_KEYS" in found.fix
    _cipher_of.cache_clear()


def test_a_storage_that_cannot_be_written_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("StorageType", "LOCAL")
    for folder, state in ((f"{tmp_path}/there", State.PASS), ("/proc/nowhere", State.FAIL)):
        monkeypatch.setenv("TERRAKUBE_LOCAL_STORAGE", folder)
        storage.forget()
        assert rows()["storage"].state is state
    monkeypatch.delenv("StorageType")
    storage.forget()


@pytest.mark.parametrize(
    ("ahead", "took", "state"), [(0.2, 0.1, "pass"), (-4, 0, "pass"), (9, 1, "fail"), (-9, 1, "fail")]
)
def test_clocks_may_be_a_few_seconds_apart(ahead: float, took: float, state: str) -> None:
    assert clock("Site", "clock", ahead, took).state == state


def test_the_command_ends_with_one_when_something_failed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("cluster_check", "--json")
    assert ended.value.code == 1
    document = json.loads(capsys.readouterr().out)
    assert document["healthy"] is False
    assert {"subject", "name", "state", "detail", "fix"} == set(document["findings"][0])
    heartbeats.write_heartbeat(heartbeats.WORKER)
    heartbeats.write_heartbeat(heartbeats.WATCHER)
    call_command("cluster_check", "--no-pod")
    text = capsys.readouterr().out
    assert "NOT USED  Cluster: API server" in text


def test_a_table_has_the_fix_below_what_failed() -> None:
    found = [passed("A", "one", "fine"), failed("B", "two", "bad", "Mend it.")]
    assert as_text(found).splitlines() == [
        "PASS      A: one  fine",
        "FAIL      B: two  bad",
        "          Fix: Mend it.",
    ]
    assert as_document(found)["healthy"] is False
    assert as_document(found[:1])["healthy"] is True


def test_the_page_asks_in_the_background_and_shows_the_newest_run(
    admin: Client, sign_in: Callable[..., Client], django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    address = reverse("admin:executors_checkrun_changelist")
    assert "has not been checked yet" in admin.get(address).content.decode()
    assert admin.post(address).status_code == 302
    run = CheckRun.objects.get()
    assert run.asked_by == "root@site.example"
    # A second press while it goes on starts no other.
    admin.post(address)
    assert CheckRun.objects.count() == 1
    assert 'data-again="5"' in admin.get(address).content.decode()
    tasks.run_check(run.pk)
    run.refresh_from_db()
    assert run.finished_at is not None
    page = admin.get(address).content.decode()
    assert "data-again" not in page
    assert "has never sent a heartbeat" in page
    assert "manage.py qcluster" in page
    own = reverse("admin:executors_checkrun_change", args=[run.pk])
    assert "has never sent a heartbeat" in admin.get(own).content.decode()
    assert "{&quot;" not in admin.get(own).content.decode(), "what is kept is not shown as it is kept"
    member = sign_in(WorkspaceFactory.create().organization, manage_workspace=True)
    assert member.get(address).status_code == 403
    assert member.get(own).status_code == 403
    assert member.post(address).status_code == 403
