"""What the fake providers deliver, read as the site reads it: the signature over the bytes, and the event."""

from __future__ import annotations

import pytest

from tests.vcs.provider import Gitea, GitHub
from tests.vcs.provider.deliveries import Delivery
from tests.vcs.provider.records import Hook, Repository
from vcs.choices import EventKind
from vcs.providers import PROVIDERS
from vcs.providers.base import Event, Ignored, normalized

SECRET = "a-secret-of-this-hook-alone"


@pytest.fixture
def repository(provider: GitHub | Gitea) -> Repository:
    """Give acme/infra, whose hook hears of everything."""
    provider.deliveries.send = lambda delivery: (200, b"")
    made = provider.act.repository("acme/infra", {"main.tf": ""}, writers=("mia",))
    made.hooks.append(Hook("http://site.test/hook", SECRET, ["*"]))
    return made


def headers_of(delivery: Delivery) -> dict[str, str]:
    return {name.lower(): value for name, value in delivery.headers.items()}


def read(provider: GitHub | Gitea) -> list[Event]:
    """Return the events of all deliveries, oldest first, and forget these; each is signed."""
    modules = PROVIDERS[provider.dialect]
    assert modules.signature is not None
    assert modules.payloads is not None
    found: list[Event] = []
    for delivery in provider.deliveries.all:
        headers = headers_of(delivery)
        assert modules.signature.is_signed(headers, delivery.body, SECRET)
        assert modules.signature.delivery_id(headers)
        events = modules.payloads.read_events(headers, delivery.body)
        found += [event for event in events if not isinstance(event, Ignored)]
    provider.deliveries.all.clear()
    return found


@pytest.mark.parametrize("change", ["body", "secret", "header"])
def test_a_signature_is_of_the_bytes_and_the_secret(
    provider: GitHub | Gitea, repository: Repository, change: str
) -> None:
    provider.act.push(repository, "main", {"main.tf": "# <two>\n"}, by="mia")
    delivery, signature = provider.deliveries.all[-1], PROVIDERS[provider.dialect].signature
    assert signature is not None
    headers, body, secret = headers_of(delivery), delivery.body, SECRET
    assert signature.is_signed(headers, body, secret)
    if change == "body":
        # The same JSON, written in another way.
        body = body.replace(b'"ref":', b'"ref" :', 1)
    elif change == "secret":
        secret = "another"
    else:
        headers = {name: value for name, value in headers.items() if "signature" not in name}
    assert not signature.is_signed(headers, body, secret)


def test_a_push_is_read(provider: GitHub | Gitea, repository: Repository) -> None:
    before = repository.git.tip("main")
    after = provider.act.push(repository, "main", {"envs/new.tf": "", "main.tf": "# two\n"}, "Two\n\nmore", by="mia")
    (event,) = read(provider)
    assert (event.kind, event.branch, event.commit, event.before) == (EventKind.PUSH, "main", after, before)
    assert event.files == frozenset({"envs/new.tf", "main.tf"})
    assert (event.sender, event.sender_id) == ("mia", str(provider.person("mia").id))
    assert event.message.startswith("Two")
    assert normalized(provider.clone_url(repository)) in event.repository_urls


def test_a_push_of_more_commits_than_are_listed_has_unknown_files(gitea: Gitea) -> None:
    gitea.deliveries.send = lambda delivery: (200, b"")
    repository = gitea.act.repository("acme/infra", {"main.tf": ""}, writers=("mia",))
    before = repository.git.refs()
    for number in range(8):
        repository.git.commit("main", {f"{number}.tf": ""}, "Change", gitea.person("mia").author)
    repository.hooks.append(Hook("http://site.test/hook", SECRET, ["push"]))
    gitea.after_push(repository, before, gitea.person("mia"))
    gitea.deliveries.settle()
    (event,) = read(gitea)
    assert event.files is None


def test_a_pull_request_is_read_through_its_life(provider: GitHub | Gitea, repository: Repository) -> None:
    provider.act.push(repository, "more", {"more.tf": ""}, by="mia")
    pull = provider.act.open_pull_request(repository, "more", by="mia", title="More")
    second = provider.act.push(repository, "more", {"more.tf": "# two\n"}, by="mia")
    provider.act.close(pull, by="mia")
    provider.act.reopen(pull, by="mia")
    provider.act.merge(pull, by="mia")
    events = [event for event in read(provider) if event.kind == EventKind.PULL_REQUEST]
    assert [(event.action, event.merged) for event in events] == [
        ("opened", False),
        ("synchronize", False),
        ("closed", False),
        ("reopened", False),
        ("closed", True),
    ]
    assert {(event.pull_request, event.branch, event.target_branch, event.fork) for event in events} == {
        (1, "more", "main", False)
    }
    assert events[-1].commit == second
    assert events[0].message == "More"


def test_a_pull_request_of_a_fork_is_known_as_one(provider: GitHub | Gitea, repository: Repository) -> None:
    fork = provider.act.fork(repository, by="eve")
    provider.act.push(fork, "gift", {"gift.tf": ""}, by="eve")
    provider.act.open_pull_request(repository, "gift", by="eve", source=fork)
    (event,) = read(provider)
    assert (event.fork, event.sender) == (True, "eve")
    # The address of the fork is none by which its commits are found.
    assert normalized(provider.clone_url(fork)) not in event.repository_urls


def test_a_comment_is_read_and_an_edited_one_is_not(provider: GitHub | Gitea, repository: Repository) -> None:
    provider.act.push(repository, "more", {"more.tf": ""}, by="mia")
    pull = provider.act.open_pull_request(repository, "more", by="mia")
    provider.deliveries.all.clear()
    made = provider.act.comment(pull, "terrakube plan", by="mia")
    (event,) = read(provider)
    assert (event.kind, event.pull_request, event.comment) == (EventKind.COMMENT, 1, "terrakube plan")
    assert (event.comment_id, event.sender) == (str(made.id), "mia")
    provider.act.edit_comment(pull, made, "terrakube apply", by="mia")
    provider.act.review(pull, by="mia")
    assert [event for event in read(provider) if event.kind == EventKind.COMMENT] == []


def test_tags_and_releases_are_read_and_deletions_are_not(provider: GitHub | Gitea, repository: Repository) -> None:
    commit = provider.act.tag(repository, "v1", by="mia")
    tags = [event for event in read(provider) if event.kind == EventKind.TAG]
    assert {(event.branch, event.commit) for event in tags} == {("v1", commit)}
    provider.act.release(repository, "v1", by="mia")
    (release,) = read(provider)
    assert (release.kind, release.branch) == (EventKind.RELEASE, "v1")
    provider.act.push(repository, "more", {"more.tf": ""}, by="mia")
    provider.deliveries.all.clear()
    provider.act.delete_branch(repository, "more", by="mia")
    assert read(provider) == []
