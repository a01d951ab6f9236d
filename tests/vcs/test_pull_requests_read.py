"""How the pull requests of each provider are read: who approved them, whether they are of a fork, their files."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vcs.recorded import AZURE, DEEP, GITLAB, MERGED, OF_AZURE, OLD, REPOSITORY, SHA, Pages, RecordedApi, as_api
from vcs.providers.azure_devops import pull_requests as azure_pull_requests
from vcs.providers.base import ApiError, PullRequest
from vcs.providers.bitbucket import pull_requests as bitbucket_pull_requests
from vcs.providers.gitea import pull_requests as gitea_pull_requests
from vcs.providers.github import pull_requests as github_pull_requests
from vcs.providers.gitlab import pull_requests as gitlab_pull_requests


def github_pull(**changes: Any) -> dict[str, Any]:
    found = {
        "title": "More nets",
        "state": "open",
        "merged": False,
        "mergeable": True,
        "merge_commit_sha": MERGED,
        "user": {"login": "ann"},
        "head": {"sha": SHA, "ref": "nets", "repo": {"id": 1}, "repo_id": 1},
        "base": {"ref": "main", "repo": {"id": 1}, "repo_id": 1},
    }
    return {**found, **changes}


def review(login: str, state: str, commit: str = SHA, **more: Any) -> dict[str, Any]:
    return {"user": {"login": login}, "state": state, "commit_id": commit, "official": True, **more}


def read_github(pull: dict[str, Any], reviews: list[dict[str, Any]], behind: int = 0) -> PullRequest:
    api = RecordedApi(
        {
            "GET /repos/acme/net/pulls/7": pull,
            "GET /repos/acme/net/pulls/7/reviews": [Pages(reviews)],
            f"GET /repos/acme/net/compare/main...{SHA}": {"behind_by": behind},
            "GET /repos/acme/net/collaborators/bob/permission": {"permission": "write"},
        }
    )
    return github_pull_requests.get_pull_request(as_api(api), REPOSITORY, 7)


def read_gitea(pull: dict[str, Any], reviews: list[dict[str, Any]], behind: int = 0) -> PullRequest:
    api = RecordedApi(
        {
            "GET /repos/acme/net/pulls/7": pull,
            "GET /repos/acme/net/pulls/7/reviews": [Pages(reviews, 50)],
            f"GET /repos/acme/net/compare/{SHA}...main": {"total_commits": behind},
        }
    )
    return gitea_pull_requests.get_pull_request(as_api(api), REPOSITORY, 7)


@pytest.mark.parametrize("read", [read_github, read_gitea], ids=["github", "gitea"])
def test_a_pull_request_of_github_and_gitea_is_read(read: Any) -> None:
    found = read(github_pull(), [review("bob", "APPROVED")])
    assert found == PullRequest(
        number=7,
        title="More nets",
        author="ann",
        branch="nets",
        target_branch="main",
        commit=SHA,
        fork=False,
        open=True,
        merged=False,
        approved=True,
        mergeable=True,
        up_to_date=True,
        merge_commit=None,
    )
    assert read(github_pull(), [], behind=2).up_to_date is False
    merged = read(github_pull(state="closed", merged=True), [])
    assert (merged.open, merged.merged, merged.merge_commit, merged.up_to_date) == (False, True, MERGED, None)


FORKS: dict[str, dict[str, Any]] = {
    "other-repository": {"head": {"sha": SHA, "ref": "nets", "repo": {"id": 2}, "repo_id": 2}},
    "deleted-fork": {"head": {"sha": SHA, "ref": "nets", "repo": None, "repo_id": 0}},
    "nothing-said": {"head": {"sha": SHA, "ref": "nets"}, "base": {"ref": "main"}},
}


@pytest.mark.parametrize("read", [read_github, read_gitea], ids=["github", "gitea"])
@pytest.mark.parametrize("case", FORKS)
def test_what_is_not_proved_to_be_of_the_repository_is_a_fork(case: str, read: Any) -> None:
    assert read(github_pull(**FORKS[case]), []).fork is True


REVIEWS = {
    "nobody": ([], False),
    "one": ([review("bob", "APPROVED")], True),
    "author-alone": ([review("ann", "APPROVED")], False),
    "older-commit": ([review("bob", "APPROVED", OLD)], False),
    "taken-back": ([review("bob", "APPROVED"), review("bob", "{changes}")], False),
    "approved-after": ([review("bob", "{changes}"), review("bob", "APPROVED")], True),
    "another-objects": ([review("bob", "APPROVED"), review("eve", "{changes}")], False),
    "comment-after": ([review("bob", "APPROVED"), review("bob", "COMMENTED")], True),
}


@pytest.mark.parametrize(
    ("module", "word"),
    [(github_pull_requests, "CHANGES_REQUESTED"), (gitea_pull_requests, "REQUEST_CHANGES")],
    ids=["github", "gitea"],
)
@pytest.mark.parametrize("case", REVIEWS)
def test_a_pull_request_is_approved_by_others_and_for_its_newest_commit(case: str, module: Any, word: str) -> None:
    reviews, approved = REVIEWS[case]
    given = [{**row, "state": row["state"].replace("{changes}", word)} for row in reviews]
    assert module.is_approved(given, author="ann", commit=SHA) is approved


def test_a_dismissed_or_stale_review_approves_nothing() -> None:
    dismissed = [review("bob", "APPROVED"), review("bob", "DISMISSED")]
    assert github_pull_requests.is_approved(dismissed, author="ann", commit=SHA) is False
    for mark in ("dismissed", "stale"):
        given = [{**review("bob", "APPROVED"), mark: True}]
        assert gitea_pull_requests.is_approved(given, author="ann", commit=SHA) is False


def gitlab_request(**changes: Any) -> dict[str, Any]:
    found = {
        "title": "More nets",
        "state": "opened",
        "author": {"username": "ann"},
        "source_branch": "nets",
        "target_branch": "main",
        "sha": SHA,
        "source_project_id": 1,
        "target_project_id": 1,
        "detailed_merge_status": "mergeable",
        "diverged_commits_count": 0,
        "merge_commit_sha": None,
    }
    return {**found, **changes}


def read_gitlab(request: dict[str, Any], approvals: Any) -> PullRequest:
    path = f"{GITLAB}/merge_requests/7"
    api = RecordedApi({f"GET {path}": request, f"GET {path}/approvals": approvals})
    return gitlab_pull_requests.get_pull_request(as_api(api), DEEP, 7)


APPROVED_BY_BOB = {"approved_by": [{"user": {"username": "bob"}}], "approvals_left": 0}


def test_a_merge_request_of_gitlab_is_read() -> None:
    found = read_gitlab(gitlab_request(), APPROVED_BY_BOB)
    assert (found.author, found.branch, found.target_branch, found.commit) == ("ann", "nets", "main", SHA)
    assert (found.fork, found.open, found.approved, found.mergeable, found.up_to_date) == (
        False,
        True,
        True,
        True,
        True,
    )
    assert read_gitlab(gitlab_request(source_project_id=2), APPROVED_BY_BOB).fork is True
    assert read_gitlab(gitlab_request(source_project_id=None), APPROVED_BY_BOB).fork is True
    assert read_gitlab(gitlab_request(detailed_merge_status="checking"), APPROVED_BY_BOB).mergeable is None
    assert read_gitlab(gitlab_request(detailed_merge_status="conflict"), APPROVED_BY_BOB).mergeable is False
    assert read_gitlab(gitlab_request(diverged_commits_count=3), APPROVED_BY_BOB).up_to_date is False
    assert read_gitlab(gitlab_request(), {"approved_by": [{"user": {"username": "ann"}}]}).approved is False
    assert read_gitlab(gitlab_request(), {**APPROVED_BY_BOB, "approvals_left": 1}).approved is False
    assert read_gitlab(gitlab_request(), ApiError(403, "no")).approved is None
    merged = read_gitlab(gitlab_request(state="merged", merge_commit_sha=MERGED), APPROVED_BY_BOB)
    assert (merged.open, merged.merged, merged.merge_commit) == (False, True, MERGED)


def bitbucket_request(**changes: Any) -> dict[str, Any]:
    found = {
        "title": "More nets",
        "state": "OPEN",
        "author": {"account_id": "ann"},
        "source": {
            "branch": {"name": "nets"},
            "commit": {"hash": SHA[:12]},
            "repository": {"full_name": "acme/net"},
        },
        "destination": {"branch": {"name": "main"}, "repository": {"full_name": "acme/net"}},
        "participants": [{"user": {"account_id": "bob"}, "approved": True, "state": "approved"}],
    }
    return {**found, **changes}


def read_bitbucket(request: dict[str, Any]) -> PullRequest:
    api = RecordedApi(
        {
            "GET /repositories/acme/net/pullrequests/7": request,
            f"GET /repositories/acme/net/commit/{SHA[:12]}": {"hash": SHA},
            f"GET /repositories/acme/net/commit/{MERGED[:12]}": {"hash": MERGED},
        }
    )
    return bitbucket_pull_requests.get_pull_request(as_api(api), REPOSITORY, 7)


def test_a_pull_request_of_bitbucket_is_read() -> None:
    found = read_bitbucket(bitbucket_request())
    assert (found.author, found.branch, found.target_branch, found.commit) == ("ann", "nets", "main", SHA)
    assert (found.fork, found.open, found.approved, found.mergeable) == (False, True, True, None)
    objects = [*bitbucket_request()["participants"], {"user": {"account_id": "eve"}, "state": "changes_requested"}]
    assert read_bitbucket(bitbucket_request(participants=objects)).approved is False
    own = [{"user": {"account_id": "ann"}, "approved": True}]
    assert read_bitbucket(bitbucket_request(participants=own)).approved is False
    gone = {**bitbucket_request()["source"], "repository": None}
    assert read_bitbucket(bitbucket_request(source=gone)).fork is True
    merged = read_bitbucket(bitbucket_request(state="MERGED", merge_commit={"hash": MERGED[:12]}))
    assert (merged.merged, merged.merge_commit) == (True, MERGED)


def azure_request(**changes: Any) -> dict[str, Any]:
    found = {
        "title": "More nets",
        "status": "active",
        "createdBy": {"id": "1", "uniqueName": "ann@acme.example"},
        "sourceRefName": "refs/heads/nets",
        "targetRefName": "refs/heads/main",
        "lastMergeSourceCommit": {"commitId": SHA},
        "mergeStatus": "succeeded",
        "reviewers": [{"id": "2", "vote": 10}],
    }
    return {**found, **changes}


def read_azure(request: dict[str, Any]) -> PullRequest:
    api = RecordedApi({f"GET {AZURE}/pullRequests/7": request})
    return azure_pull_requests.get_pull_request(as_api(api), OF_AZURE, 7)


def test_a_pull_request_of_azure_devops_is_read() -> None:
    found = read_azure(azure_request())
    assert (found.author, found.branch, found.target_branch) == ("ann@acme.example", "nets", "main")
    assert (found.commit, found.fork, found.open, found.approved, found.mergeable) == (SHA, False, True, True, True)
    assert read_azure(azure_request(forkSource={"name": "x"})).fork is True
    assert read_azure(azure_request(mergeStatus="queued")).mergeable is None
    assert read_azure(azure_request(mergeStatus="conflicts")).mergeable is False
    assert read_azure(azure_request(reviewers=[{"id": "1", "vote": 10}])).approved is False
    assert read_azure(azure_request(reviewers=[{"id": "2", "vote": 10}, {"id": "3", "vote": -10}])).approved is False
    missing = [{"id": "2", "vote": 10}, {"id": "3", "vote": 0, "isRequired": True}]
    assert read_azure(azure_request(reviewers=missing)).approved is False
    merged = read_azure(azure_request(status="completed", lastMergeCommit={"commitId": MERGED}))
    assert (merged.open, merged.merged, merged.merge_commit) == (False, True, MERGED)


# ---- files ----------------------------------------------------------------------------------------------------------


def test_the_files_of_a_pull_request_are_all_read() -> None:
    rows = [{"filename": f"a/{number}.tf"} for number in range(130)]
    rows.append({"filename": "b/new.tf", "previous_filename": "b/old.tf"})
    api = RecordedApi({"GET /repos/acme/net/pulls/7/files": [Pages(rows)]})
    files = github_pull_requests.changed_files(as_api(api), REPOSITORY, 7)
    assert files is not None
    assert len(files) == 132
    assert {"b/new.tf", "b/old.tf"} <= files
    api = RecordedApi({"GET /repos/acme/net/pulls/7/files": [Pages(rows, 50)]})
    assert gitea_pull_requests.changed_files(as_api(api), REPOSITORY, 7) == files
    path = f"{GITLAB}/merge_requests/7/diffs"
    api = RecordedApi({f"GET {path}": [Pages([{"new_path": "b.tf", "old_path": "a.tf"}])]})
    assert gitlab_pull_requests.changed_files(as_api(api), DEEP, 7) == frozenset({"a.tf", "b.tf"})
    path = "/repositories/acme/net/pullrequests/7/diffstat"
    api = RecordedApi(
        {f"GET {path}": {"values": [{"old": {"path": "a.tf"}, "new": None}, {"old": None, "new": {"path": "b.tf"}}]}}
    )
    assert bitbucket_pull_requests.changed_files(as_api(api), REPOSITORY, 7) == frozenset({"a.tf", "b.tf"})
    path = f"{AZURE}/pullRequests/7/iterations"
    changes = {"changeEntries": [{"item": {"path": "/b.tf"}, "sourceServerItem": "/a.tf"}]}
    api = RecordedApi({f"GET {path}": {"value": [{"id": 1}, {"id": 2}]}, f"GET {path}/2/changes": changes})
    assert azure_pull_requests.changed_files(as_api(api), OF_AZURE, 7) == frozenset({"a.tf", "b.tf"})


def test_too_many_files_are_not_known() -> None:
    rows = [{"filename": f"a/{number}.tf"} for number in range(3001)]
    api = RecordedApi({"GET /repos/acme/net/pulls/7/files": [Pages(rows)]})
    assert github_pull_requests.changed_files(as_api(api), REPOSITORY, 7) is None


def test_a_fork_is_fetched_from_the_repository_itself_where_the_provider_has_a_name_for_it() -> None:
    assert github_pull_requests.head_ref(7) == gitea_pull_requests.head_ref(7) == "refs/pull/7/head"
    assert gitlab_pull_requests.head_ref(7) == "refs/merge-requests/7/head"
    assert azure_pull_requests.head_ref(7) == "refs/pull/7/merge"
    assert bitbucket_pull_requests.head_ref(7) == ""
