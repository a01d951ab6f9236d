"""Files beside a plan, as the site has them: kept encrypted, given to the apply, shown to the people who approve."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from executors.attempts import lifecycle
from executors.attempts.tokens import claim_token
from executors.choices import ExecutorKind
from executors.installation.settings import installation
from executors.models import Attempt
from tests.api.client import Api, token_of
from tests.factories import PLAN_AND_APPLY, TeamFactory, UserFactory, WorkspaceFactory
from workspaces.jobs import transitions
from workspaces.models import Job, SavedPlan
from workspaces.services import jobs

pytestmark = pytest.mark.django_db
SESSION = "s" * 43
DIGEST = "0123456789abcdef" * 4
STRANGE = "<script>alert(1)</script>\u202e.zip"
LISTED = {
    "digest": DIGEST,
    "archived": True,
    "count": 1500,
    "bytes": 20 * 2**20,
    "files": [{"path": "build/f.zip", "size": 2**20}, {"path": STRANGE, "size": 3}],
    "removedCount": 2,
    "removed": ["old.zip"],
}


class Executor:
    """An executor of one attempt, which has claimed it."""

    def __init__(self, step_id: Any) -> None:
        attempt = lifecycle.open_attempt(step_id, executor=ExecutorKind.LOCAL)
        assert attempt is not None
        lifecycle.mark_launched(attempt, host="here")
        self.attempt: Attempt = attempt
        self.claim: dict[str, Any] = self.call("post", "claim", {"session": SESSION}, claim_token(attempt)).json()

    def call(self, method: str, path: str, body: Any = b"", token: str = SESSION) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        address = f"/executor/v1/attempts/{self.attempt.pk}/{path}"
        return Client().generic(
            method.upper(), address, data, "application/octet-stream", headers={"Authorization": f"Bearer {token}"}
        )


@pytest.fixture
def job() -> Job:
    return jobs.create_job(WorkspaceFactory.create(), by=None, tcl=PLAN_AND_APPLY)


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def planning(job: Job) -> Executor:
    executor = Executor(transitions.advance(job.pk))
    assert executor.call("put", "plan-file", b"plan").status_code == 200
    return executor


@pytest.fixture
def applying(job: Job) -> Callable[[Executor], Executor]:
    """Ends the plan and gives the executor of the apply."""

    def go_on(planning: Executor) -> Executor:
        said = {"outcome": "succeeded", "exitCode": 2, "changes": True}
        assert planning.call("post", "result", said).status_code == 200
        step_id = transitions.advance(job.pk)
        assert step_id is not None
        return Executor(step_id)

    return go_on


def test_the_apply_gets_archive_and_digest_of_the_plan(planning: Executor, applying: Callable[..., Executor]) -> None:
    assert planning.claim["maxPlanFilesBytes"] == 100 * 2**20
    assert (planning.claim["hasPlanFiles"], planning.claim["planDigest"]) == (False, "")
    assert planning.call("put", "plan-files", b"archive").status_code == 200
    assert planning.call("put", "plan-manifest", LISTED).status_code == 200
    apply = applying(planning)
    assert (apply.claim["hasPlan"], apply.claim["hasPlanFiles"], apply.claim["planDigest"]) == (True, True, DIGEST)
    assert apply.call("get", "plan-files").content == b"archive"


def test_that_there_was_an_archive_is_known_when_it_is_gone(
    planning: Executor, applying: Callable[..., Executor]
) -> None:
    planning.call("put", "plan-files", b"archive")
    planning.call("put", "plan-manifest", LISTED)
    SavedPlan.objects.update(files=None)
    apply = applying(planning)
    assert apply.claim["hasPlanFiles"] is True
    assert apply.call("get", "plan-files").status_code == 404


def test_what_an_earlier_attempt_left_is_not_taken_for_what_this_one_made(
    planning: Executor, applying: Callable[..., Executor]
) -> None:
    planning.call("put", "plan-files", b"of an earlier attempt")
    nothing = {**LISTED, "archived": False, "count": 0, "bytes": 0, "files": [], "removedCount": 0, "removed": []}
    assert planning.call("put", "plan-manifest", nothing).status_code == 200
    apply = applying(planning)
    assert (apply.claim["hasPlanFiles"], apply.claim["planDigest"]) == (False, DIGEST)
    assert apply.call("get", "plan-files").status_code == 404


def test_archive_and_list_are_encrypted_where_they_lie(planning: Executor) -> None:
    planning.call("put", "plan-files", b"archive" * 100)
    planning.call("put", "plan-manifest", LISTED)
    with connection.cursor() as cursor:
        cursor.execute("SELECT files, file_list FROM workspaces_savedplan")
        stored = [bytes(value) for value in cursor.fetchone()]
    assert all(value.startswith(b"gAAAA") for value in stored)
    assert b"archive" not in stored[0]
    assert b"f.zip" not in stored[1]


def test_an_archive_far_above_the_limit_is_not_taken(planning: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ExecutorMaxPlanFilesMiB", "1")
    monkeypatch.setattr("executors.reporting.files._ARCHIVE_BYTES", 0)
    installation.cache_clear()
    assert planning.call("put", "plan-files", b"x" * 2**20).status_code == 200
    assert planning.call("put", "plan-files", b"x" * 2 * 2**20).status_code == 413
    installation.cache_clear()


@pytest.mark.parametrize(
    "wrong",
    [
        {"digest": None}, {"digest": "short"}, {"digest": DIGEST.upper()}, {"archived": 1}, {"count": -1},
        {"count": 2**70}, {"count": 1.5}, {"count": True}, {"count": 1}, {"bytes": float("inf")}, {"bytes": None},
        {"files": None}, {"files": {}}, {"files": [1]}, {"files": [{"path": "a"}]}, {"files": [{"path": 1, "size": 1}]},
        {"files": [{"path": "", "size": 1}]}, {"files": [{"path": "a", "size": 2**70}]},
        {"files": [{"path": "a" * 9000, "size": 1}]}, {"files": [{"path": "a", "size": 1}] * 1001},
        {"removed": [None]}, {"removed": "a"}, {"removedCount": 0},
    ],
)  # fmt: skip
def test_a_list_that_is_none_is_refused_and_nothing_is_kept(planning: Executor, wrong: dict[str, Any]) -> None:
    answer = planning.call("put", "plan-manifest", {**LISTED, **wrong})
    assert answer.status_code == 400
    detail = answer.json()["errors"][0]["detail"]
    # What no JSON of ours may hold is refused before its members are looked at.
    assert next(iter(wrong)) in detail or detail.startswith("The body is not valid JSON: it holds")
    assert SavedPlan.objects.values_list("digest", "file_list").get() == ("", None)


@pytest.mark.parametrize("has_json", [True, False])
def test_who_approves_sees_the_files(admin: Client, planning: Executor, job: Job, has_json: bool) -> None:
    if has_json:
        planning.call("put", "plan-json", b'{"resource_changes": []}')
    before = admin.get(reverse("runs:live", args=[job.pk])).json()["results"]
    planning.call("put", "plan-manifest", LISTED)
    assert admin.get(reverse("runs:live", args=[job.pk])).json()["results"] != before
    for address in (reverse("runs:results", args=[job.pk]), reverse("admin:workspaces_job_change", args=[job.pk])):
        text = admin.get(address).content.decode()
        for part in ("1500 files, 20.0", "build/f.zip", "and 1498 more files", "old.zip", "and 1 more removed"):
            assert part in text, part
        assert STRANGE not in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;&lt;U+202E&gt;.zip" in text


def test_a_plan_that_made_nothing_shows_no_files(admin: Client, planning: Executor, job: Job) -> None:
    planning.call("put", "plan-json", b'{"resource_changes": []}')
    nothing = {**LISTED, "archived": False, "count": 0, "bytes": 0, "files": [], "removedCount": 0, "removed": []}
    planning.call("put", "plan-manifest", nothing)
    assert "plan-files" not in admin.get(reverse("runs:results", args=[job.pk])).content.decode()


def test_the_list_is_had_by_rest_for_those_who_see_the_job(planning: Executor, job: Job) -> None:
    TeamFactory.create(organization=job.organization, name="PLANNERS", plan_job=True)
    path = f"/tfoutput/v1/organization/{job.organization_id}/job/{job.pk}/step/{planning.attempt.step_id}/files"
    planners = Api(token_of("PLANNERS"), prefix="")
    assert json.loads(planners.get(path).content)["count"] == 0
    planning.call("put", "plan-manifest", LISTED)
    answer = planners.get(path)
    assert answer.status_code == 200
    assert json.loads(answer.content) == {
        key: value for key, value in LISTED.items() if key not in {"digest", "archived"}
    }
    assert Api(token_of("OTHERS"), prefix="").get(path).status_code == 404
    assert Api(prefix="").get(path).status_code == 401
    other = job.steps.exclude(pk=planning.attempt.step_id).first()
    assert other is not None
    assert planners.get(path.replace(str(planning.attempt.step_id), str(other.pk))).status_code == 404
