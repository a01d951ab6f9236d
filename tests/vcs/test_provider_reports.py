"""What each provider is sent for statuses and comments, and how its pull requests are read."""

from __future__ import annotations

from types import ModuleType
from typing import Any, cast

import pytest

from tests.vcs.recorded import Pages, RecordedApi
from vcs.providers.azure_devops import comments as azure_comments
from vcs.providers.azure_devops import pull_requests as azure_pull_requests
from vcs.providers.azure_devops import statuses as azure_statuses
from vcs.providers.base import Api, ApiError, PullRequest, Repository, State, Status
from vcs.providers.bitbucket import comments as bitbucket_comments
from vcs.providers.bitbucket import pull_requests as bitbucket_pull_requests
from vcs.providers.bitbucket import statuses as bitbucket_statuses
from vcs.providers.gitea import PROVIDER as GITEA
from vcs.providers.gitea import comments as gitea_comments
from vcs.providers.gitea import pull_requests as gitea_pull_requests
from vcs.providers.github import comments as github_comments
from vcs.providers.github import pull_requests as github_pull_requests
from vcs.providers.github import statuses as github_statuses
from vcs.providers.gitlab import comments as gitlab_comments
from vcs.providers.gitlab import pull_requests as gitlab_pull_requests
from vcs.providers.gitlab import statuses as gitlab_statuses

SHA, OLD, MERGED = "a" * 40, "b" * 40, "c" * 40
REPOSITORY = Repository("https://git.example/acme/net", "acme/net")
OF_AZURE = Repository("https://dev.azure.com/acme/infra/net", "acme/infra/net")
DEEP = Repository("https://gitlab.example/acme/infra/net", "acme/infra/net")
STATUS = Status(state=State.FAILURE, name="Terrakube - acme - net", description="Failed", url="https://site.example/1")
AZURE = "/acme/infra/_apis/git/repositories/net"
GITLAB = "/projects/acme%2Finfra%2Fnet"


def as_api(recorded: RecordedApi) -> Api:
    return cast(Api, recorded)


STATUSES: dict[str, tuple[Any, Repository, str, dict[str, Any]]] = {
    "github": (
        github_statuses,
        REPOSITORY,
        f"/repos/acme/net/statuses/{SHA}",
        {"state": "failure", "context": STATUS.name, "description": "Failed", "target_url": STATUS.url},
    ),
    "gitea": (
        GITEA.statuses,
        REPOSITORY,
        f"/repos/acme/net/statuses/{SHA}",
        {"state": "failure", "context": STATUS.name, "description": "Failed", "target_url": STATUS.url},
    ),
    "gitlab": (
        gitlab_statuses,
        DEEP,
        f"{GITLAB}/statuses/{SHA}",
        {"state": "failed", "name": STATUS.name, "description": "Failed", "target_url": STATUS.url},
    ),
    "bitbucket": (
        bitbucket_statuses,
        REPOSITORY,
        f"/repositories/acme/net/commit/{SHA}/statuses/build",
        {"key": STATUS.name, "name": STATUS.name, "state": "FAILED", "description": "Failed", "url": STATUS.url},
    ),
    "azure": (
        azure_statuses,
        OF_AZURE,
        f"{AZURE}/commits/{SHA}/statuses",
        {
            "state": "failed",
            "description": "Failed",
            "targetUrl": STATUS.url,
            "context": {"name": STATUS.name, "genre": "Terrakube"},
        },
    ),
}


@pytest.mark.parametrize("provider", STATUSES)
def test_a_status_is_sent_as_the_provider_takes_it(provider: str) -> None:
    module, repository, path, body = STATUSES[provider]
    api = RecordedApi({f"POST {path}": {}})
    module.send_status(as_api(api), repository, SHA, STATUS)
    [(method, asked, data, _query)] = api.asked
    assert (method, asked, data) == ("POST", path, body)


@pytest.mark.parametrize("provider", STATUSES)
@pytest.mark.parametrize("state", list(State))
def test_each_state_has_a_word_of_the_provider(provider: str, state: State) -> None:
    assert STATUSES[provider][0].STATES[state]


def test_gitlab_refuses_a_status_that_is_there_already_without_harm() -> None:
    path = f"{GITLAB}/statuses/{SHA}"
    refused = ApiError(400, "Cannot transition status via :run from :running")
    gitlab_statuses.send_status(as_api(RecordedApi({f"POST {path}": refused})), DEEP, SHA, STATUS)
    with pytest.raises(ApiError):
        gitlab_statuses.send_status(as_api(RecordedApi({f"POST {path}": ApiError(400, "bad")})), DEEP, SHA, STATUS)


def test_a_long_name_becomes_a_key_of_forty_characters_for_bitbucket() -> None:
    assert bitbucket_statuses.key_of("short") == "short"
    keys = {bitbucket_statuses.key_of("Terrakube - acme - " + "x" * 30 + end) for end in "ab"}
    assert len(keys) == 2
    assert {len(key) for key in keys} == {40}


MARK = "<!-- terrakube-site:workspace:1 -->"
TEXT = f"{MARK}\nbody"
COMMENTS: dict[str, tuple[ModuleType, Repository, dict[str, Any], str, tuple[str, Any], tuple[str, Any]]] = {
    "github": (
        github_comments,
        REPOSITORY,
        {
            "POST /repos/acme/net/issues/7/comments": {"id": 5},
            "PATCH /repos/acme/net/issues/comments/5": {},
            "GET /repos/acme/net/issues/7/comments": [
                Pages([{"id": number, "body": None} for number in range(120)] + [{"id": 5, "body": TEXT}])
            ],
        },
        "5",
        ("/repos/acme/net/issues/7/comments", {"body": TEXT}),
        ("/repos/acme/net/issues/comments/5", {"body": TEXT}),
    ),
    "gitea": (
        gitea_comments,
        REPOSITORY,
        {
            "POST /repos/acme/net/issues/7/comments": {"id": 5},
            "PATCH /repos/acme/net/issues/comments/5": {},
            "GET /repos/acme/net/issues/7/comments": [{"id": 4, "body": f"> {TEXT}"}, {"id": 5, "body": TEXT}],
        },
        "5",
        ("/repos/acme/net/issues/7/comments", {"body": TEXT}),
        ("/repos/acme/net/issues/comments/5", {"body": TEXT}),
    ),
    "gitlab": (
        gitlab_comments,
        DEEP,
        {
            f"POST {GITLAB}/merge_requests/7/notes": {"id": 5},
            f"PUT {GITLAB}/merge_requests/7/notes/5": {},
            f"GET {GITLAB}/merge_requests/7/notes": [
                Pages([{"id": 3, "body": TEXT, "system": True}, {"id": 5, "body": TEXT}])
            ],
        },
        "5",
        (f"{GITLAB}/merge_requests/7/notes", {"body": TEXT}),
        (f"{GITLAB}/merge_requests/7/notes/5", {"body": TEXT}),
    ),
    "bitbucket": (
        bitbucket_comments,
        REPOSITORY,
        {
            "POST /repositories/acme/net/pullrequests/7/comments": {"id": 5},
            "PUT /repositories/acme/net/pullrequests/7/comments/5": {},
            "GET /repositories/acme/net/pullrequests/7/comments": {
                "values": [{"id": 4, "deleted": True, "content": {"raw": TEXT}}, {"id": 5, "content": {"raw": TEXT}}]
            },
        },
        "5",
        ("/repositories/acme/net/pullrequests/7/comments", {"content": {"raw": TEXT}}),
        ("/repositories/acme/net/pullrequests/7/comments/5", {"content": {"raw": TEXT}}),
    ),
    "azure": (
        azure_comments,
        OF_AZURE,
        {
            f"POST {AZURE}/pullRequests/7/threads": {"id": 5},
            f"PATCH {AZURE}/pullRequests/7/threads/5/comments/1": {},
            f"GET {AZURE}/pullRequests/7/threads": {
                "value": [{"id": 4, "comments": []}, {"id": 5, "comments": [{"content": TEXT}]}]
            },
        },
        "5",
        (
            f"{AZURE}/pullRequests/7/threads",
            {"comments": [{"parentCommentId": 0, "content": TEXT, "commentType": 1}], "status": 4},
        ),
        (f"{AZURE}/pullRequests/7/threads/5/comments/1", {"content": TEXT}),
    ),
}


@pytest.mark.parametrize("provider", COMMENTS)
def test_a_comment_is_created_edited_and_found_again(provider: str) -> None:
    module, repository, answers, comment_id, created, edited = COMMENTS[provider]
    api = RecordedApi(answers)
    assert module.create_comment(as_api(api), repository, 7, TEXT) == comment_id
    module.edit_comment(as_api(api), repository, 7, comment_id, TEXT)
    assert [(path, data) for _method, path, data, _query in api.asked] == [created, edited]
    assert module.find_comment(as_api(api), repository, 7, MARK) == comment_id
    assert module.find_comment(as_api(api), repository, 7, "<!-- other -->") is None


REACTIONS = {
    "github": (github_comments, REPOSITORY, "/repos/acme/net/issues/comments/5/reactions", {"content": "-1"}),
    "gitea": (gitea_comments, REPOSITORY, "/repos/acme/net/issues/comments/5/reactions", {"content": "-1"}),
    "gitlab": (gitlab_comments, DEEP, f"{GITLAB}/merge_requests/7/notes/5/award_emoji", {"name": "x"}),
}


@pytest.mark.parametrize("provider", REACTIONS)
def test_a_refused_command_gets_a_reaction(provider: str) -> None:
    module, repository, path, body = REACTIONS[provider]
    api = RecordedApi({f"POST {path}": {}})
    module.acknowledge(as_api(api), repository, 7, "5", accepted=False)
    assert [(asked, data) for _method, asked, data, _query in api.asked] == [(path, body)]


@pytest.mark.parametrize("module", [bitbucket_comments, azure_comments], ids=["bitbucket", "azure"])
def test_a_provider_without_reactions_is_asked_nothing(module: ModuleType) -> None:
    api = RecordedApi()
    module.acknowledge(as_api(api), REPOSITORY, 7, "5", accepted=True)
    assert api.asked == []


# ---- pull requests --------------------------------------------------------------------------------------------------


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
