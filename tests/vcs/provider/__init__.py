"""A fake provider for the tests of connections, hooks and pull requests, in two dialects.

It serves real git over HTTP, keeps pull requests, reviews, statuses, comments and hooks, sends signed deliveries, and
checks each call: method, address, headers, token, and the fields that are sent.

    with GitHub(tmp_path).checked() as github:
        repository = github.act.repository("acme/infra", {"main.tf": ""}, writers=("mia",))
        ...
        pull = github.act.open_pull_request(repository, "more", by="mia")
"""

from tests.vcs.provider.gitea import Gitea
from tests.vcs.provider.github import GitHub
from tests.vcs.provider.provider import Provider

__all__ = ["GitHub", "Gitea", "Provider"]
