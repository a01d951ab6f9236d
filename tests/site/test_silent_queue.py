"""A queue that accepts a connection and never answers, one that is full, and one whose table is locked."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.http import HttpResponse
from django.test import Client
from django_q.brokers.redis_broker import Redis
from django_q.conf import Conf
from django_q.models import OrmQ

from executors.health import heartbeats
from executors.watching.lost_tasks import Requeue
from tests.api.client import Api, token_of
from tests.factories import TemplateFactory, WorkspaceFactory
from tests.support.loopback import Listener, wake
from tests.support.patience import patient
from workspaces.choices import JobStatus
from workspaces.models import Job, Workspace
from workspaces.task_queue import client, trouble
from workspaces.task_queue import sender as queue_sender
from workspaces.task_queue.sender import QueueSilent, Sender

pytestmark = pytest.mark.django_db(transaction=True)


class SilentServer:
    """Accepts every connection; says nothing, or refuses what is written as a full Redis does."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: bytes = b""
        self._open: list[tuple[socket.socket, threading.Thread]] = []
        self._listener = Listener(self._take)
        self.port = self._listener.port

    def _take(self, one: socket.socket) -> None:
        reader = threading.Thread(target=self._read, args=(one,), daemon=True)
        self._open.append((one, reader))
        reader.start()

    def _read(self, one: socket.socket) -> None:
        try:
            while data := one.recv(65536):
                self.asked += data.count(b"RPUSH")
                if self.answer:
                    # Each command of the client's greeting is answered with its own error, which it puts up with.
                    one.sendall(self.answer * max(1, data.count(b"*")))
        except OSError:
            return

    def close(self) -> None:
        self._listener.close()
        for one, reader in self._open:
            wake(one)
            reader.join()
            one.close()


@pytest.fixture
def server() -> Iterator[SilentServer]:
    made = SilentServer()
    yield made
    made.close()


@pytest.fixture
def redis(server: SilentServer, monkeypatch: pytest.MonkeyPatch) -> Redis:
    """The broker of this process, whose Redis is that server."""
    monkeypatch.setattr(Conf, "REDIS", {"host": "127.0.0.1", "port": server.port})
    broker = Redis("test")
    trouble.shorten_timeouts(broker, queue_sender.DEADLINE_SECONDS)
    monkeypatch.setattr(client, "cached_broker", lambda: broker)
    monkeypatch.setattr(client, "_sender", Sender())
    return broker


@pytest.fixture
def workspace() -> Workspace:
    made: Workspace = WorkspaceFactory.create()
    TemplateFactory.create(organization=made.organization, name="Plan")
    return made


def post_job(workspace: Workspace) -> Any:
    admin = Api(token_of("TERRAKUBE_ADMIN"))
    template = workspace.organization.templates.get()
    answer = admin.post(
        f"organization/{workspace.organization_id}/job",
        "job",
        {"templateReference": str(template.pk)},
        {"workspace": ("workspace", workspace.pk)},
    )
    assert answer.status_code == 201, answer.content
    return Job.objects.get(pk=json.loads(answer.content)["data"]["id"])


def readiness() -> tuple[HttpResponse, dict[str, Any]]:
    answer = Client().get("/actuator/health/readiness")
    return answer, json.loads(answer.content).get("components", {})  # type: ignore[return-value]


@pytest.mark.usefixtures("redis")
def test_a_job_is_created_although_the_queue_never_answers_and_says_so(
    workspace: Workspace, server: SilentServer
) -> None:
    job = post_job(workspace)
    assert (job.status, job.reason_code) == (JobStatus.PENDING, trouble.CODE)
    assert job.reason.startswith("The task queue has taken no tasks since 20")
    asked = server.asked
    # Nobody waits for the same silence again.
    second = post_job(workspace)
    assert second.reason_code == trouble.CODE
    assert server.asked == asked
    answer, found = readiness()
    assert answer.status_code == 503
    assert found["queue"]["details"]["reason"].startswith("The queue has taken no tasks since 20")


@pytest.mark.usefixtures("redis")
def test_a_full_queue_is_said_on_the_job(workspace: Workspace, server: SilentServer) -> None:
    server.answer = b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"
    job = post_job(workspace)
    assert (job.status, job.reason_code) == (JobStatus.PENDING, trouble.CODE)


def test_when_the_queue_answers_again_it_is_used_again(
    redis: Redis, workspace: Workspace, server: SilentServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    post_job(workspace)
    assert client.silent_since() is not None
    monkeypatch.setattr(queue_sender, "PAUSE_SECONDS", 0.0)
    client._sender._retry_at = 0.0
    taken: list[bytes] = []
    monkeypatch.setattr(redis, "enqueue", taken.append)
    job = post_job(workspace)
    assert (len(taken), job.reason, client.silent_since()) == (1, "", None)


@pytest.mark.usefixtures("redis")
def test_the_watcher_waits_for_no_queue(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked, entered = threading.Event(), threading.Event()

    def never(*task: object, **options: object) -> None:
        entered.set()
        blocked.wait(patient(60))

    monkeypatch.setattr(client, "_waits", False)
    monkeypatch.setattr("workspaces.task_queue.client.tasks.async_task", never)
    job = post_job(workspace)
    assert entered.wait(patient(20))
    requeue = Requeue()
    for number in range(50):
        requeue("advance_job", number)
    # All of this came back while the first of them is with the queue still.
    assert not blocked.is_set()
    assert job.status == JobStatus.PENDING
    blocked.set()


def test_the_sweep_says_on_jobs_that_the_queue_takes_nothing(
    workspace: Workspace, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job.objects.get(pk=post_job(workspace).pk)
    Job.objects.filter(pk=job.pk).update(reason="", reason_code="")
    Requeue()("advance_job", job.pk)
    job.refresh_from_db()
    assert job.reason_code == trouble.CODE


def test_what_the_watcher_finds_is_told_by_every_process() -> None:
    call_command("flush", verbosity=0, interactive=False)
    heartbeats.write_heartbeat(heartbeats.WATCHER)
    heartbeats.write_heartbeat(heartbeats.WORKER)
    assert readiness()[0].status_code == 200
    with pytest.raises(QueueSilent):
        _silent_sender().send(lambda: None, wait=True)
    heartbeats.store_queue_silence(_silent_sender().silent_since)
    answer, found = readiness()
    assert (answer.status_code, set(found)) == (503, {"queue"})
    heartbeats.store_queue_silence(None)
    assert readiness()[0].status_code == 200


def _silent_sender() -> Sender:
    sender = Sender()
    sender._failed()
    return sender


@pytest.mark.postgres
def test_a_locked_table_of_tasks_does_not_hold_up_a_request(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue of the embedded default lies in the database."""
    from django_q.brokers.orm import ORM

    monkeypatch.setattr(Conf, "ORM", "default")
    broker = ORM("test")
    monkeypatch.setattr(client, "cached_broker", lambda: broker)
    monkeypatch.setattr(client, "_sender", Sender())
    taken, over = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"LOCK TABLE {OrmQ._meta.db_table} IN ACCESS EXCLUSIVE MODE")
                taken.set()
                over.wait(patient(60))
        finally:
            connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert taken.wait(patient(20))
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = 0")
        job = post_job(workspace)
    finally:
        over.set()
        thread.join()
    assert (job.status, job.reason_code) == (JobStatus.PENDING, trouble.CODE)
    client._sender._retry_at = 0.0
    assert post_job(workspace).reason == ""
    assert OrmQ.objects.count() == 1
