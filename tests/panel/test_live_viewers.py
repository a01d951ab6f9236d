"""Many who watch one job cost no more statements than one, and each sees what they may see."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from executors.models import Attempt
from executors.runs import live_page
from tests.factories import WorkspaceFactory
from tests.panel.test_job_page import claim, finish, launch, start
from workspaces.models import Job, Team, Workspace

pytestmark = pytest.mark.django_db
SignIn = Callable[..., Client]
VIEWERS = 20


@pytest.fixture
def attempt(workspace: Workspace) -> Attempt:
    return launch(start(workspace))


@pytest.fixture
def old(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether the shared reading is too old, for the next to ask; then it is new again."""
    found = [False]

    def is_old(_: live_page.Reading) -> bool:
        before, found[0] = found[0], False
        return before

    monkeypatch.setattr(live_page, "_is_old", is_old)
    return found


def ask(client: Client, job: Job, version: str = "") -> tuple[int, dict[str, str]]:
    response = client.get(reverse("runs:live", args=[job.pk]), {"version": version})
    return response.status_code, response.json() if response.status_code == 200 else {}


def statements(do: Callable[[], object]) -> list[str]:
    with CaptureQueriesContext(connection) as found:
        do()
    return [query["sql"] for query in found]


def test_many_viewers_cost_no_more_statements_than_one(
    attempt: Attempt, workspace: Workspace, sign_in: SignIn, old: list[bool]
) -> None:
    job = attempt.step.job
    clients = [sign_in(workspace.organization, role="read") for _ in range(VIEWERS)]
    versions = {ask(client, job)[1]["version"] for client in clients}
    assert len(versions) == 1
    version = versions.pop()
    assert statements(lambda: [ask(client, job, version) for client in clients]) == []
    old[0] = True
    of_one = statements(lambda: ask(clients[0], job, version))
    old[0] = True
    of_all = statements(lambda: [ask(client, job, version) for client in clients])
    assert 0 < len(of_one) == len(of_all) < 12

    claim(attempt)
    old[0] = True
    answers: list[tuple[int, dict[str, str]]] = []
    changed = statements(lambda: answers.extend(ask(client, job, version) for client in clients))
    assert {status for status, _ in answers} == {200}
    assert {parts["title"] for _, parts in answers} == {f"Running · job {job.pk}"}
    assert len(changed) < 12


def test_each_viewer_has_the_buttons_they_may_press_with_their_own_token(
    attempt: Attempt, workspace: Workspace, sign_in: SignIn, old: list[bool]
) -> None:
    job = attempt.step.job
    heads = [
        ask(sign_in(workspace.organization, role=role), job)[1]["head"] for role in ("read", "admin", "admin", "read")
    ]
    assert ["Cancel the job" in head for head in heads] == [False, True, True, False]
    tokens = [re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', head) for head in heads]
    assert tokens[0] == tokens[3] == []
    assert len({*tokens[1], *tokens[2]}) == 2
    assert live_page._TOKEN not in "".join(heads)


def test_a_viewer_who_signs_out_or_may_no_longer_see_the_job_is_refused(
    attempt: Attempt, workspace: Workspace, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = attempt.step.job
    one, other = (sign_in(workspace.organization, role="read") for _ in range(2))
    version = ask(one, job)[1]["version"]
    assert ask(other, job, version)[0] == 204
    one.logout()
    assert ask(one, job, version)[0] == 401
    Team.objects.filter(organization=workspace.organization).delete()
    assert ask(other, job)[0] == 404, "a page that is opened again is looked up at once"
    monkeypatch.setattr(live_page, "RECHECK_SECONDS", 0)
    assert ask(other, job, version)[0] == 404


def test_someone_without_the_right_is_not_served_from_what_others_read(
    attempt: Attempt, workspace: Workspace, sign_in: SignIn
) -> None:
    job = attempt.step.job
    version = ask(sign_in(workspace.organization, role="read"), job)[1]["version"]
    assert ask(sign_in(WorkspaceFactory.create().organization, role="admin"), job, version)[0] == 404
    assert ask(Client(), job, version)[0] == 401


def test_a_page_that_is_opened_after_a_change_shows_it_at_once(
    attempt: Attempt, workspace: Workspace, admin: Client, old: list[bool]
) -> None:
    job = attempt.step.job
    version = ask(admin, job)[1]["version"]
    claim(attempt)
    assert ask(admin, job, version)[0] == 204, "the others learn it with the next reading"
    assert ask(admin, job)[1]["title"] == f"Running · job {job.pk}"
    assert ask(admin, job, version)[1]["title"] == f"Running · job {job.pk}"
    finish(attempt)
    User.objects.update(is_active=False)
    assert ask(admin, job)[0] == 401
