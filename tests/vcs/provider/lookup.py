"""Find what a path names in a repository; both dialects answer 404 for what is not there."""

from __future__ import annotations

from tests.vcs.provider.calls import Refused
from tests.vcs.provider.records import Comment, Hook, PullRequest, Repository


def pull_request_of(repository: Repository, number: str) -> PullRequest:
    """Return a pull request by its number. Raises Refused."""
    for one in repository.pull_requests:
        if str(one.number) == number:
            return one
    raise Refused(404, "Not Found")


def comment_of(repository: Repository, number: str) -> tuple[PullRequest, Comment]:
    """Return a comment and its pull request. Raises Refused."""
    for pull in repository.pull_requests:
        for one in pull.comments:
            if str(one.id) == number:
                return pull, one
    raise Refused(404, "Not Found")


def hook_of(repository: Repository, number: str) -> Hook:
    """Return a hook by its id. Raises Refused."""
    for one in repository.hooks:
        if str(one.id) == number:
            return one
    raise Refused(404, "Not Found")
