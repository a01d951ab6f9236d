"""What a process of the site waits for in its database, and what is said when it has waited long enough."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection, connections, transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from executors.attempts import lifecycle
from executors.choices import ExecutorKind
from terrakube_site import busy
from terrakube_site.database.connection import database
from terrakube_site.database.errors import is_passing
from terrakube_site.database.limits import is_serving, limited
from terrakube_site.env import SettingError
from terrakube_site.site_settings import DATABASE_URL
from tests.api.client import Api, token_of
from tests.executors.reporter import Executor
from tests.factories import PLAN_AND_APPLY, WorkspaceFactory
from tests.support.patience import patient
from workspaces.choices import JobStatus
from workspaces.jobs import transitions
from workspaces.models import Job
from workspaces.services.jobs import create_job

POSTGRES = {DATABASE_URL.name: "postgresql://u@db.example.com/terrakube"}
SHORT = "200ms"


@pytest.mark.parametrize(
    ("arguments", "serving"),
    [
        (["/srv/manage.py", "qcluster"], True),
        (["manage.py", "watch"], True),
        (["manage.py", "up"], True),
        (["/usr/bin/uvicorn", "terrakube_site.asgi:application"], True),
        (["manage.py", "migrate"], False),
        (["manage.py", "check_invariants"], False),
        (["manage.py"], False),
    ],
)
def test_only_processes_of_the_site_have_limits(arguments: list[str], serving: bool) -> None:
    assert is_serving(arguments) is serving


def test_a_process_of_the_site_waits_for_seconds_and_a_command_as_long_as_it_takes() -> None:
    serving = limited(database(POSTGRES, Path()), POSTGRES, serving=True)["OPTIONS"]
    command = limited(database(POSTGRES, Path()), POSTGRES, serving=False)["OPTIONS"]
    for limit in ("lock_timeout=5000", "statement_timeout=60000", "idle_in_transaction_session_timeout=10000"):
        assert f"-c {limit}" in serving["options"]
    assert "options" not in command
    assert command["keepalives_idle"] == serving["keepalives_idle"] == 10
    assert (command["connect_timeout"], command["tcp_user_timeout"]) == (10, 30_000)


def test_each_limit_can_be_set_and_taken_away() -> None:
    names = ("LOCK", "STATEMENT", "IDLE")
    own = POSTGRES | {"TERRAKUBE_DATABASE_LOCK_SECONDS": "2", "TERRAKUBE_DATABASE_IDLE_SECONDS": "0"}
    options = limited(database(own, Path()), own, serving=True)["OPTIONS"]["options"]
    assert "lock_timeout=2000" in options
    assert "idle_in_transaction" not in options
    none = POSTGRES | {f"TERRAKUBE_DATABASE_{name}_SECONDS": "0" for name in names}
    assert "options" not in limited(database(none, Path()), none, serving=True)["OPTIONS"]
    wrong = POSTGRES | {"TERRAKUBE_DATABASE_LOCK_SECONDS": "soon"}
    with pytest.raises(SettingError, match="TERRAKUBE_DATABASE_LOCK_SECONDS"):
        limited(database(wrong, Path()), wrong, serving=True)


def test_sqlite_waits_for_its_one_writer_for_seconds() -> None:
    assert limited(database({}, Path()), {}, serving=True)["OPTIONS"]["timeout"] == 10
    assert limited(database({}, Path()), {}, serving=False)["OPTIONS"]["timeout"] == 20


# ---- what is answered -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a_page_and_a_program_are_told_when_to_try_again(accept: str, rf: RequestFactory) -> None:
    request = rf.get("/somewhere", headers={"Accept": accept})

    def view(request: HttpRequest) -> HttpResponse:
        raise OperationalError("database is locked")

    answer = busy.DatabaseBusy(view).process_exception(request, OperationalError("database is locked"))
    assert answer is not None
    assert (answer.status_code, answer["Retry-After"]) == (503, "3")
    assert b"Another request is changing the same record" in answer.content


def test_a_mistake_of_ours_stays_one(rf: RequestFactory) -> None:
    middleware = busy.DatabaseBusy(lambda request: HttpResponse())
    assert middleware.process_exception(rf.get("/"), OperationalError("no such table: workspaces_job")) is None
    assert middleware.process_exception(rf.get("/"), ValueError("x")) is None


@contextmanager
def held(job: Job) -> Iterator[None]:
    """Somebody else has the row of a job, as a frozen worker has it."""
    taken, over = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                Job.objects.select_for_update().get(pk=job.pk)
                taken.set()
                over.wait(patient(60))
        finally:
            connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    assert taken.wait(patient(20))
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{SHORT}'")
        yield
    finally:
        over.set()
        thread.join()
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '5s'")


@pytest.fixture
def job() -> Job:
    return create_job(WorkspaceFactory.create(), by=None, tcl=PLAN_AND_APPLY)


def _cancel_by_rest(job: Job, executor: Executor) -> HttpResponse:
    admin = Api(token_of("TERRAKUBE_ADMIN"))
    return admin.patch(f"organization/{job.organization_id}/job/{job.pk}", "job", {"status": "cancelled"})


def _cancel_on_the_page(job: Job, executor: Executor) -> Any:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.filter(username="root").first() or User.objects.create_superuser("root"))
    address = f"/admin/workspaces/job/{job.pk}/cancel/"
    return client.post(address, headers={"Accept": "text/html"})


def _claim(job: Job, executor: Executor) -> HttpResponse:
    return executor.claim()


@pytest.mark.parametrize("ask", [_cancel_by_rest, _cancel_on_the_page, _claim])
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_lock_that_is_not_had_is_answered_503_at_every_door(
    job: Job, ask: Callable[[Job, Executor], HttpResponse]
) -> None:
    step_id = transitions.advance(job.pk)
    assert step_id is not None
    attempt = lifecycle.open_attempt(step_id, executor=ExecutorKind.LOCAL)
    assert attempt is not None
    executor = Executor(attempt)
    with held(job):
        answer = ask(job, executor)
    assert answer.status_code == 503, answer.content[:500]
    assert answer["Retry-After"] == "3"
    assert b"Another request is changing the same record" in answer.content
    job.refresh_from_db()
    assert job.status == JobStatus.QUEUE
    # Nothing of it was done, and the same request goes well now.
    assert ask(job, executor).status_code in (200, 204, 302)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_transaction_in_which_nothing_happens_is_cut_off_and_its_locks_are_free(job: Job) -> None:
    failed: list[BaseException] = []
    locked, cut_off = threading.Event(), threading.Event()

    def freeze() -> None:
        try:
            with transaction.atomic():
                Job.objects.select_for_update().get(pk=job.pk)
                with connection.cursor() as cursor:
                    cursor.execute("SET idle_in_transaction_session_timeout = '300ms'")
                locked.set()
                cut_off.wait(patient(60))
                Job.objects.filter(pk=job.pk).update(reason="written by whoever froze")
        except BaseException as error:
            failed.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=freeze)
    thread.start()
    assert locked.wait(patient(20))
    # The server frees the lock; this waits for it no longer than its own limit allows.
    assert transitions.cancel(job.pk, by="somebody")
    cut_off.set()
    thread.join()
    job.refresh_from_db()
    assert (job.status, job.reason) == (JobStatus.CANCELLED, "Cancelled by somebody")
    (error,) = failed
    assert is_passing(error), error


def test_the_shape_for_programs_is_the_apis(rf: RequestFactory) -> None:
    answer = busy.answer(rf.get("/api/v1/organization"), OperationalError("database is locked"))
    assert set(json.loads(answer.content)) == {"errors"}
