"""What each provider is sent for statuses and comments."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from tests.vcs.recorded import AZURE, DEEP, GITLAB, OF_AZURE, REPOSITORY, SHA, Pages, RecordedApi, as_api
from vcs.providers.azure_devops import comments as azure_comments
from vcs.providers.azure_devops import statuses as azure_statuses
from vcs.providers.base import ApiError, Repository, State, Status
from vcs.providers.bitbucket import comments as bitbucket_comments
from vcs.providers.bitbucket import statuses as bitbucket_statuses
from vcs.providers.gitea import PROVIDER as GITEA
from vcs.providers.gitea import comments as gitea_comments
from vcs.providers.github import comments as github_comments
from vcs.providers.github import statuses as github_statuses
from vcs.providers.gitlab import comments as gitlab_comments
from vcs.providers.gitlab import statuses as gitlab_statuses

STATUS = Status(state=State.FAILURE, name="Terrakube - acme - net", description="Failed", url="https://site.example/1")


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
