"""Links to commits and pull requests at each provider."""

from __future__ import annotations

import pytest

from workspaces.connections.web_pages import commit_page, pull_request_page


@pytest.mark.parametrize(
    ("source", "kind", "commit", "pull_request"),
    [
        ("https://github.com/Acme/Net.git", "GITHUB", "/Acme/Net/commit/abc", "/Acme/Net/pull/7"),
        ("git@gitlab.com:a/b/c.git", None, "/a/b/c/-/commit/abc", "/a/b/c/-/merge_requests/7"),
        ("https://x@bitbucket.org/a/b", "BITBUCKET", "/a/b/commits/abc", "/a/b/pull-requests/7"),
        ("git@ssh.dev.azure.com:v3/o/p/r", "AZURE_SP_MI", "/o/p/_git/r/commit/abc", "/o/p/_git/r/pullrequest/7"),
        ("http://git.example:3000/a/b.git", "GITEA", "/a/b/commit/abc", "/a/b/pulls/7"),
    ],
)
def test_each_provider_has_its_own_addresses(source: str, kind: str | None, commit: str, pull_request: str) -> None:
    assert commit_page(source, kind, "abc").endswith(commit)
    assert pull_request_page(source, kind, 7).endswith(pull_request)


def test_a_self_managed_host_keeps_its_scheme_and_port() -> None:
    assert commit_page("http://git.example:3000/a/b.git", "GITEA", "abc") == "http://git.example:3000/a/b/commit/abc"
    assert commit_page("ssh://git@git.example:2222/a/b.git", "GITLAB", "abc") == (
        "https://git.example/a/b/-/commit/abc"
    )


@pytest.mark.parametrize("source", ["", "empty", "https://unknown.example/a/b", "javascript:alert(1)//x/y"])
def test_what_is_no_known_repository_has_no_page(source: str) -> None:
    assert commit_page(source, None, "abc") == ""
    assert pull_request_page(source, "PUBLIC", 7) == ""


def test_names_are_quoted() -> None:
    assert commit_page('https://github.com/a/"><b', "GITHUB", "../x") == (
        "https://github.com/a/%22%3E%3Cb/commit/..%2Fx"
    )
