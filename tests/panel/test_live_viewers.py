"""Many who watch one job cost no more statements than one, and each sees what they may see."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from executors.models import Attempt
from executors.runs import live_answers, live_page, viewers
from tests.factories import WorkspaceFactory
from tests.panel.test_job_page import claim, finish, launch, start
from workspaces.models import Access, Job, Organization, Team, Workspace

pytestmark = pytest.mark.django_db
SignIn = Callable[..., Client]
VIEWERS = 50


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


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Make the check of the viewers due, which it is not by the clock."""
    known = viewers.Viewers()
    monkeypatch.setattr(viewers, "CHECK_SECONDS", 1e9)
    for module in (viewers, live_page, live_answers):
        monkeypatch.setattr(module, "viewers", known)

    def make_due() -> None:
        known._checked_at = known._claimed_at = float("-inf")

    known._checked_at = 0
    return make_due


def ask(client: Client, job: Job, version: str = "") -> tuple[int, dict[str, str]]:
    response = client.get(reverse("runs:live", args=[job.pk]), {"version": version})
    return response.status_code, response.json() if response.status_code == 200 else {}


def statements(do: Callable[[], object]) -> list[str]:
    with CaptureQueriesContext(connection) as found:
        do()
    return [query["sql"] for query in found]


def test_many_viewers_cost_no_more_statements_than_one(
    attempt: Attempt, workspace: Workspace, sign_in: SignIn, old: list[bool], check: Callable[[], None]
) -> None:
    job = attempt.step.job
    first = sign_in(workspace.organization, role="read")
    version = ask(first, job)[1]["version"]
    old[0] = True
    check()
    of_one = statements(lambda: ask(first, job, version))
    clients = [first, *(sign_in(workspace.organization, role="read") for _ in range(VIEWERS - 1))]
    assert {ask(client, job)[1]["version"] for client in clients} == {version}
    assert statements(lambda: [ask(client, job, version) for client in clients]) == []
    old[0] = True
    check()
    of_all = statements(lambda: [ask(client, job, version) for client in clients])
    assert len(of_one) == len(of_all)
    assert 0 < len(of_one) < 18

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


def _sign_out(client: Client, workspace: Workspace) -> None:
    client.logout()


def _leave_the_group(client: Client, workspace: Workspace) -> None:
    Group.objects.all().delete()


def _lose_the_team(client: Client, workspace: Workspace) -> None:
    Team.objects.filter(organization=workspace.organization).delete()


def _lock_the_account(client: Client, workspace: Workspace) -> None:
    User.objects.update(is_active=False)


def _change_the_password(client: Client, workspace: Workspace) -> None:
    User.objects.update(password="another")


def _disable_the_organization(client: Client, workspace: Workspace) -> None:
    Organization.objects.update(disabled=True)


@pytest.mark.parametrize(
    ("lose", "status"),
    [
        pytest.param(_sign_out, 401, id="signed-out"),
        pytest.param(_lock_the_account, 401, id="account-locked"),
        pytest.param(_change_the_password, 401, id="password-changed"),
        pytest.param(_leave_the_group, 404, id="group-left"),
        pytest.param(_lose_the_team, 404, id="team-gone"),
        pytest.param(_disable_the_organization, 404, id="organization-disabled"),
    ],
)
def test_a_viewer_who_signs_out_or_may_no_longer_see_the_job_is_refused_at_the_next_check(
    attempt: Attempt,
    workspace: Workspace,
    sign_in: SignIn,
    check: Callable[[], None],
    lose: Callable[[Client, Workspace], None],
    status: int,
) -> None:
    job = attempt.step.job
    client = sign_in(workspace.organization, role="read")
    version = ask(client, job)[1]["version"]
    check()
    assert ask(client, job, version)[0] == 204
    cookies = dict(client.cookies)
    lose(client, workspace)
    client.cookies.update(cookies)
    check()
    assert ask(client, job, version)[0] == status


def test_a_right_that_is_given_or_taken_is_seen_at_the_next_check(
    attempt: Attempt, workspace: Workspace, sign_in: SignIn, check: Callable[[], None]
) -> None:
    job = attempt.step.job
    client = sign_in(workspace.organization, role="read")
    reading = ask(client, job)[1]
    assert "Cancel the job" not in reading["head"]
    group = Group.objects.get()
    access = Access.objects.create(workspace=workspace, name=group.name, role="admin")
    assert ask(client, job, reading["version"])[0] == 204
    check()
    with_button = ask(client, job, reading["version"])[1]
    assert "Cancel the job" in with_button["head"]
    access.delete()
    check()
    assert "Cancel the job" not in ask(client, job, with_button["version"])[1]["head"]


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


class Browser:
    """Asks as a browser does, through what answers from memory; counts what came through to Django."""

    def __init__(self, client: Client) -> None:
        self.client, self.through = client, 0
        self._application = live_answers.answered_from_memory(self._django)

    async def _django(self, scope: Any, receive: Any, send: Any) -> None:
        self.through += 1
        target = f"{scope['path']}?{scope['query_string'].decode()}"
        response = await sync_to_async(self.client.get)(target)
        headers = [(name.encode(), value.encode()) for name, value in response.items()]
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": response.content})

    def ask(self, job: Job, version: str) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body."""
        cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in self.client.cookies.items())
        scope = {
            "type": "http",
            "method": "GET",
            "path": reverse("runs:live", args=[job.pk]),
            "query_string": f"version={version}".encode(),
            "headers": [(b"cookie", cookies.encode())],
        }
        sent: list[Mapping[str, Any]] = []

        async def send(message: Mapping[str, Any]) -> None:
            sent.append(message)

        async def receive() -> Mapping[str, Any]:
            return {"type": "http.request"}

        async_to_sync(self._application)(scope, receive, send)
        headers = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], headers, sent[1]["body"]


def test_what_is_at_hand_is_answered_before_django(
    attempt: Attempt,
    workspace: Workspace,
    sign_in: SignIn,
    old: list[bool],
    check: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_answers, "_heads", {})
    job = attempt.step.job
    one, other = (Browser(sign_in(workspace.organization, role="admin")) for _ in range(2))
    version = ""
    for browser in (one, other):
        # A page has its token for forms.
        browser.client.get(reverse("admin:workspaces_job_change", args=[job.pk]))
        version = ask(browser.client, job)[1]["version"]
        browser.ask(job, "0" * 16)
    through = [one.through, other.through]
    assert one.ask(job, version)[0] == 204, "Django says it once"
    for browser in (one, other):
        status, headers, body = browser.ask(job, version)
        assert (status, body) == (204, b"")
        assert headers["cache-control"].startswith("max-age=0")
    assert [one.through, other.through] == [through[0] + 1, through[1]]

    of_django = one.client.get(reverse("runs:live", args=[job.pk]), {"version": "0" * 16})
    status, headers, body = one.ask(job, "0" * 16)
    assert (status, one.through) == (200, through[0] + 1)
    token = re.compile(rb'csrfmiddlewaretoken\\" value=\\"([A-Za-z0-9]+)')
    assert token.sub(b"", body) == token.sub(b"", of_django.content)
    assert len(set(token.findall(body))) == 1
    assert headers.keys() == {name.lower() for name in of_django.headers} - {"set-cookie"}
    form = {"csrfmiddlewaretoken": token.findall(body)[0].decode()}
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = one.client.cookies
    assert strict.post(reverse("admin:workspaces_job_cancel", args=[job.pk]), form).status_code == 302


def test_one_of_those_who_ask_reads_anew_and_the_others_do_not_wait(
    attempt: Attempt, workspace: Workspace, sign_in: SignIn, check: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = attempt.step.job
    browsers = [Browser(sign_in(workspace.organization, role="read")) for _ in range(3)]
    version = ""
    for browser in browsers:
        version = ask(browser.client, job)[1]["version"]
    assert browsers[0].ask(job, version)[0] == 204
    monkeypatch.setattr(live_page, "SHARED_SECONDS", 0.0)
    monkeypatch.setattr(live_page, "_LATEST_SECONDS", 1e9)
    shared = live_page._jobs[job.pk, "en"]
    reading = shared.reading
    shared.claimed_at = 1e18
    assert [browser.ask(job, version)[0] for browser in browsers[1:]] == [204, 204]
    assert (browsers[1].through, shared.reading) == (0, reading), "another is reading"
    shared.claimed_at = 0.0
    claim(attempt)
    assert browsers[1].ask(job, version)[0] == 200
    assert browsers[1].through == 1
    check()
    browsers[2].client.logout()
    assert browsers[2].ask(job, version)[0] == 401


def test_a_stranger_is_not_answered_from_memory(
    attempt: Attempt, workspace: Workspace, sign_in: SignIn, check: Callable[[], None]
) -> None:
    job = attempt.step.job
    browser = Browser(sign_in(workspace.organization, role="read"))
    version = ask(browser.client, job)[1]["version"]
    assert browser.ask(job, version)[0] == 204
    assert Browser(Client()).ask(job, version)[0] == 401
    stranger = Browser(sign_in(WorkspaceFactory.create().organization, role="admin"))
    assert stranger.ask(job, version)[0] == 404
    assert browser.ask(job, "unknown")[0] == 200, "no version that a page was told"
    assert json.loads(browser.ask(job, "")[2])["version"] == version


def test_a_long_choice_of_a_language_is_not_kept(
    attempt: Attempt, workspace: Workspace, sign_in: SignIn, check: Callable[[], None]
) -> None:
    job = attempt.step.job
    client = sign_in(workspace.organization, role="read")
    version = ask(client, job)[1]["version"]
    viewer = viewers.viewers.known(client.session.session_key or "", job.pk)
    assert viewer is not None
    for header, kept in (("de," + "x" * 256, 1), ("de", 2)):
        client.get(reverse("runs:live", args=[job.pk]), {"version": version}, headers={"accept-language": header})
        assert len(viewer.languages) == kept


def test_web_processes_agree_on_the_version_of_what_they_show(
    attempt: Attempt, workspace: Workspace, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = attempt.step.job
    client = sign_in(workspace.organization, role="admin")
    found = ask(client, job)[1]
    assert "csrfmiddlewaretoken" in found["head"]
    monkeypatch.setattr(live_page, "_TOKEN", "0" * 32)
    monkeypatch.setattr(live_page, "_jobs", live_page._Recent())
    assert ask(client, job)[1]["version"] == found["version"]
