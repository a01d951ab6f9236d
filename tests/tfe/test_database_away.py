"""What a terminal is answered while the database does not answer: nothing that ends its run."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from django.test import Client

from tfe.runs import logs
from tfe.runs.log_address import log_address
from tfe.runs.status import Phase
from workspaces.flows import PLAN_DESTROY
from workspaces.models import Workspace
from workspaces.services.jobs import create_job

pytestmark = pytest.mark.django_db


def away(*_arguments: object) -> None:
    # In SQLite's words, which mean the same on every database.
    raise OperationalError("database is locked")


def broken(*_arguments: object) -> None:
    raise OperationalError("no such table: job")


@pytest.fixture
def path(workspace: Workspace) -> str:
    """Where a terminal reads the log of a plan."""
    return "/" + log_address(create_job(workspace, by=None, tcl=PLAN_DESTROY).pk, Phase.PLAN).split("/", 3)[3]


def test_a_log_has_nothing_more_for_now(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Client().get(path).content == logs.START
    monkeypatch.setattr(logs, "_source", away)
    response = Client().get(path, {"offset": 1})
    assert (response.status_code, response.content) == (200, b"")
    assert response["Cache-Control"] == "no-store"


def test_a_log_that_a_terminal_begins_to_read_has_begun(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the mark the clients take the second empty answer and the end of the run for the end of the log."""
    monkeypatch.setattr(logs, "_source", away)
    assert Client().get(path).content == logs.START
    assert Client().get(f"{path}x").status_code == 404


def test_an_error_of_the_site_is_none_of_these(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_source", broken)
    assert Client(raise_request_exception=False).get(path).status_code == 500
