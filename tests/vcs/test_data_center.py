"""What Bitbucket Data Center is sent for statuses and comments, and how its pull requests are read."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tests.vcs.recorded import RecordedApi
from vcs.providers.base import Api, Repository, State, Status
from vcs.providers.bitbucket import comments, pull_requests, statuses

SHA, OLD, MERGED = "a" * 40, "b" * 40, "c" * 40
REPOSITORY = Repository("https://git.example/scm/ac/net.git", "scm/ac/net")
BASE = "/projects/ac/repos/net"
PULL = f"{BASE}/pull-requests/7"
MARK = "[terrakube-site]: # (workspace:1)"


def center(answers: dict[str, Any]) -> RecordedApi:
    return RecordedApi(answers, url="https://git.example/rest/api/1.0")


def as_api(recorded: RecordedApi) -> Api:
    return cast(Api, recorded)


@pytest.mark.parametrize("state", list(State))
def test_a_status_is_a_build_of_the_commit(state: State) -> None:
    api = center({f"POST {BASE}/commits/{SHA}/builds": None})
    status = Status(state=state, name="Terrakube", description="Planned", url="https://site.example/1")
    statuses.send_status(as_api(api), REPOSITORY, SHA, status)
    [(_method, _path, body, _query)] = api.asked
    assert body["state"] in {"SUCCESSFUL", "FAILED", "INPROGRESS"}
    assert (body["key"], body["name"], body["url"]) == ("Terrakube", "Terrakube", "https://site.example/1")


def test_a_comment_is_created_found_and_changed_from_its_newest_version() -> None:
    api = center(
        {
            f"POST {PULL}/comments": {"id": 5},
            f"GET {PULL}/comments/5": {"id": 5, "version": 3},
            f"PUT {PULL}/comments/5": {},
            f"GET {PULL}/activities": {
                "isLastPage": True,
                "values": [
                    {"action": "COMMENTED", "comment": {"id": 4, "text": f"> {MARK}"}},
                    {"action": "APPROVED"},
                    {"action": "COMMENTED", "comment": {"id": 5, "text": f"{MARK}\nold"}},
                ],
            },
        }
    )
    assert comments.create_comment(as_api(api), REPOSITORY, 7, "text") == "5"
    assert comments.find_comment(as_api(api), REPOSITORY, 7, MARK) == "5"
    assert comments.find_comment(as_api(api), REPOSITORY, 7, "[other]") is None
    comments.edit_comment(as_api(api), REPOSITORY, 7, "5", "new")
    sent = [(method, data) for method, _path, data, _query in api.asked if data is not None]
    assert sent == [("POST", {"text": "text"}), ("PUT", {"text": "new", "version": 3})]


def request(**changes: Any) -> dict[str, Any]:
    found = {
        "title": "More nets",
        "state": "OPEN",
        "author": {"user": {"name": "ann"}},
        "fromRef": {"displayId": "nets", "latestCommit": SHA, "repository": {"id": 1}},
        "toRef": {"displayId": "main", "repository": {"id": 1}},
        "reviewers": [{"user": {"name": "bob"}, "status": "APPROVED", "lastReviewedCommit": SHA}],
    }
    return {**found, **changes}


def read(pull: dict[str, Any], *, can_merge: bool = True) -> Any:
    api = center({f"GET {PULL}": pull, f"GET {PULL}/merge": {"canMerge": can_merge, "conflicted": not can_merge}})
    return pull_requests.get_pull_request(as_api(api), REPOSITORY, 7)


def test_a_pull_request_is_read() -> None:
    found = read(request())
    assert (found.author, found.branch, found.target_branch, found.commit) == ("ann", "nets", "main", SHA)
    assert (found.open, found.merged, found.fork, found.approved, found.mergeable) == (True, False, False, True, True)
    assert read(request(), can_merge=False).mergeable is False
    merged = read(request(state="MERGED", properties={"mergeCommit": {"id": MERGED}}))
    assert (merged.open, merged.merged, merged.merge_commit, merged.mergeable) == (False, True, MERGED, None)


FORKS: dict[str, Any] = {
    "other": {"displayId": "nets", "latestCommit": SHA, "repository": {"id": 2}},
    "deleted": {"displayId": "nets", "latestCommit": SHA, "repository": None},
    "nothing-said": {"displayId": "nets", "latestCommit": SHA},
}


@pytest.mark.parametrize("case", FORKS)
def test_what_is_not_proved_to_be_of_the_repository_is_a_fork(case: str) -> None:
    assert read(request(fromRef=FORKS[case])).fork is True


REVIEWS: dict[str, tuple[list[dict[str, Any]], bool]] = {
    "nobody": ([], False),
    "author": ([{"user": {"name": "ann"}, "status": "APPROVED"}], False),
    "older-commit": ([{"user": {"name": "bob"}, "status": "APPROVED", "lastReviewedCommit": OLD}], False),
    "objection": (
        [{"user": {"name": "bob"}, "status": "APPROVED"}, {"user": {"name": "eve"}, "status": "NEEDS_WORK"}],
        False,
    ),
    "not-yet": ([{"user": {"name": "bob"}, "status": "UNAPPROVED"}], False),
}


@pytest.mark.parametrize("case", REVIEWS)
def test_only_others_approve_and_only_the_newest_commit(case: str) -> None:
    reviewers, approved = REVIEWS[case]
    assert read(request(reviewers=reviewers)).approved is approved


def test_changed_files_are_listed_with_old_names() -> None:
    rows = [{"path": {"toString": "a.tf"}, "srcPath": {"toString": "old.tf"}}, {"path": {"toString": "b.tf"}}]
    api = center({f"GET {PULL}/changes": {"values": rows, "isLastPage": True}})
    assert pull_requests.changed_files(as_api(api), REPOSITORY, 7) == frozenset({"a.tf", "old.tf", "b.tf"})
