"""What the modules of GitHub and Gitea send to a provider that checks each call."""

from __future__ import annotations

import pytest

from tests.vcs.provider import Gitea, GitHub
from vcs.providers import gitea as gitea_modules
from vcs.providers import github as github_modules
from vcs.providers.base import Api, ApiError, Repository, State, Status

MODULES = {"GITHUB": github_modules, "GITEA": gitea_modules}
STATUS = Status(state=State.PENDING, name="Terrakube - acme - app", description="Queued", url="http://site.test/run")


@pytest.fixture
def repository(provider: GitHub | Gitea) -> Repository:
    """Give acme/infra, whose branch ``more`` has a pull request of mia's."""
    made = provider.act.repository("acme/infra", {"main.tf": "", "old.tf": ""}, writers=("mia", "rob", "bot"))
    provider.act.push(made, "more", {"envs/more.tf": "# more\n", "old.tf": None}, by="mia")
    provider.act.open_pull_request(made, "more", by="mia", title="More")
    return Repository(provider.clone_url(made), "acme/infra")


def api_of(provider: GitHub | Gitea, login: str = "bot") -> Api:
    headers = {"Authorization": f"Bearer {provider.personal_token(login)}"}
    if provider.dialect == "GITHUB":
        headers |= {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
    return Api(url=provider.api_url, headers=headers)


def test_statuses_arrive_with_their_state(provider: GitHub | Gitea, repository: Repository) -> None:
    pull = provider.repositories[0].pull_requests[0]
    modules, api = MODULES[provider.dialect], api_of(provider)
    for state in State:
        status = Status(state=state, name=STATUS.name, description=STATUS.description, url=STATUS.url)
        modules.statuses.send_status(api, repository, pull.head_sha, status)
    kept = provider.repositories[0].statuses[pull.head_sha]
    assert [one.state for one in kept] == ["pending", "pending", "success", "failure", "failure", "error"]
    assert {(one.context, one.target_url) for one in kept} == {(STATUS.name, STATUS.url)}


def test_a_comment_is_created_found_by_its_marker_and_edited(provider: GitHub | Gitea, repository: Repository) -> None:
    pull = provider.repositories[0].pull_requests[0]
    comments, api = MODULES[provider.dialect].comments, api_of(provider)
    for number in range(3):
        provider.act.comment(pull, f"talk {number}", by="mia")
    assert comments.find_comment(api, repository, 1, "<!-- mark -->") is None
    made = comments.create_comment(api, repository, 1, "<!-- mark -->\nfirst")
    assert comments.find_comment(api, repository, 1, "<!-- mark -->") == made
    comments.edit_comment(api, repository, 1, made, "<!-- mark -->\nsecond")
    comments.acknowledge(api, repository, 1, made, accepted=False)
    assert pull.comments[-1].bodies == ["<!-- mark -->\nfirst", "<!-- mark -->\nsecond"]
    assert [one.content for one in pull.comments[-1].reactions] == ["-1"]


def test_a_pull_request_is_read_as_it_is_now(provider: GitHub | Gitea, repository: Repository) -> None:
    pull_requests, api = MODULES[provider.dialect].pull_requests, api_of(provider)
    pull = provider.repositories[0].pull_requests[0]
    found = pull_requests.get_pull_request(api, repository, 1)
    assert (found.author, found.branch, found.target_branch, found.commit) == ("mia", "more", "main", pull.head_sha)
    assert (found.open, found.merged, found.fork) == (True, False, False)
    assert (found.approved, found.mergeable, found.up_to_date) == (False, True, True)
    assert pull_requests.changed_files(api, repository, 1) == {"envs/more.tf", "old.tf"}

    provider.act.review(pull, by="rob")
    provider.act.push(provider.repositories[0], "main", {"other.tf": ""}, by="rob")
    found = pull_requests.get_pull_request(api, repository, 1)
    assert (found.approved, found.mergeable, found.up_to_date) == (True, True, False)

    provider.act.push(provider.repositories[0], "more", {"main.tf": "# theirs\n"}, by="mia")
    provider.act.push(provider.repositories[0], "main", {"main.tf": "# ours\n"}, by="rob")
    found = pull_requests.get_pull_request(api, repository, 1)
    assert (found.approved, found.mergeable) == (False, False), "an approval is one of a commit"


def test_a_merged_pull_request_says_so(provider: GitHub | Gitea, repository: Repository) -> None:
    merged = provider.act.merge(provider.repositories[0].pull_requests[0], by="mia")
    found = MODULES[provider.dialect].pull_requests.get_pull_request(api_of(provider), repository, 1)
    assert (found.open, found.merged, found.merge_commit) == (False, True, merged)


@pytest.mark.parametrize("gone", [False, True], ids=["there", "deleted"])
def test_a_fork_is_known_as_one(provider: GitHub | Gitea, repository: Repository, gone: bool) -> None:
    base = provider.repositories[0]
    fork = provider.act.fork(base, by="eve")
    provider.act.push(fork, "gift", {"gift.tf": ""}, by="eve")
    provider.act.open_pull_request(base, "gift", by="eve", source=fork)
    if gone:
        provider.act.delete_fork(fork)
    assert MODULES[provider.dialect].pull_requests.get_pull_request(api_of(provider), repository, 2).fork


def test_the_approval_of_one_who_may_only_read_does_not_count(provider: GitHub | Gitea, repository: Repository) -> None:
    """Whoever reads a public repository may approve at the provider, and so could an author's second account."""
    base = provider.repositories[0]
    base.private = False
    provider.act.review(base.pull_requests[0], by="eve")
    assert not MODULES[provider.dialect].pull_requests.get_pull_request(api_of(provider), repository, 1).approved


def test_a_rate_limit_names_when_to_come_again(provider: GitHub | Gitea, repository: Repository) -> None:
    provider.faults.limit_rate("statuses", seconds=7)
    commit = provider.repositories[0].pull_requests[0].head_sha
    with pytest.raises(ApiError) as refused:
        MODULES[provider.dialect].statuses.send_status(api_of(provider), repository, commit, STATUS)
    assert (refused.value.status, refused.value.retry_after) == (429, 7)


def test_a_renamed_repository_is_not_followed_with_the_token(provider: GitHub | Gitea, repository: Repository) -> None:
    provider.act.rename(provider.repositories[0], "platform")
    with pytest.raises(ApiError) as refused:
        MODULES[provider.dialect].pull_requests.get_pull_request(api_of(provider), repository, 1)
    assert refused.value.status in {301, 307}
    assert refused.value.location
