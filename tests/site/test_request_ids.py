"""Log lines can be brought together by the request, the job and the step that they are about."""

from __future__ import annotations

import json
import logging

import pytest
from django.test import Client
from structlog.contextvars import clear_contextvars

from executors import tasks
from executors.launching import launcher
from terrakube_site.logs import formatter
from tests.factories import PLAN_AND_APPLY, WorkspaceFactory
from workspaces.jobs import transitions
from workspaces.services import jobs


class Lines(logging.Handler):
    """What a collector gets."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(formatter("json"))
        self.lines: list[dict[str, object]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    # The last request of an earlier test says whom it was about until the next one begins.
    clear_contextvars()
    handler = Lines()
    logger = logging.getLogger("executors.spoken")
    monkeypatch.setattr(logger, "handlers", [handler])
    monkeypatch.setattr(logger, "level", logging.INFO)
    return handler


def test_the_answer_names_its_request(client: Client) -> None:
    first, second = (client.get("/actuator/health")["X-Request-ID"] for _ in range(2))
    assert first != second
    assert len(first) == 32


@pytest.mark.parametrize(
    ("given", "kept"), [("from-a-proxy-17", True), ("short", False), ("x" * 65, False), ("a b\tc d e f", False)]
)
def test_a_proxys_id_is_kept_when_it_is_one(client: Client, given: str, kept: bool) -> None:
    answered = client.get("/actuator/health", headers={"X-Request-ID": given})["X-Request-ID"]
    assert (answered == given) is kept


@pytest.mark.django_db
def test_a_tasks_lines_name_job_and_step(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    job = jobs.create_job(WorkspaceFactory.create(), by=None, tcl=PLAN_AND_APPLY)
    monkeypatch.setattr(
        launcher, "launch_attempt", lambda *launch: logging.getLogger("executors.spoken").info("Launching")
    )
    tasks.advance_job(job.pk)
    [line] = lines.lines
    step = job.steps.get(step_number=100)
    assert line["event"] == "Launching"
    assert (line["job"], line["step"]) == (job.pk, str(step.pk))


@pytest.mark.django_db
def test_nothing_of_one_task_is_left_for_the_next(lines: Lines) -> None:
    job = jobs.create_job(WorkspaceFactory.create(), by=None, tcl=PLAN_AND_APPLY)
    transitions.cancel(job.pk, by="someone")
    tasks.advance_job(job.pk)
    logging.getLogger("executors.spoken").info("Later")
    [line] = lines.lines
    assert "job" not in line
