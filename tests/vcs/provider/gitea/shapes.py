"""Gitea's JSON of the records, in answers and in deliveries alike (modules/structs of its source)."""

from __future__ import annotations

from typing import Any

from tests.vcs.provider.git_store import Commit
from tests.vcs.provider.provider import Provider
from tests.vcs.provider.records import Comment, Hook, Person, PullRequest, Reaction, Repository, Review, Status

_REVIEWS = {"APPROVED": "APPROVED", "CHANGES_REQUESTED": "REQUEST_CHANGES", "COMMENTED": "COMMENT"}


class Shapes:
    """The shapes, with the addresses of one provider in them."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def user(self, person: Person) -> dict[str, Any]:
        """An account."""
        return {
            "id": person.id,
            "login": person.login,
            "login_name": "",
            "full_name": "",
            "email": person.email,
            "username": person.login,
            "html_url": f"{self._provider.url}/{person.login}",
            "active": False,
        }

    def organization(self, person: Person) -> dict[str, Any]:
        """An organization."""
        return {"id": person.id, "name": person.login, "username": person.login, "full_name": person.login}

    def repository(self, one: Repository) -> dict[str, Any]:
        """A repository."""
        return {
            "id": one.id,
            "owner": self.user(one.owner),
            "name": one.name,
            "full_name": one.full_name,
            "description": "",
            "empty": False,
            "private": one.private,
            "fork": one.parent is not None,
            "parent": self.repository(one.parent) if one.parent else None,
            "html_url": self._provider.html_url(one),
            "url": f"{self._provider.api_url}/repos/{one.full_name}",
            "ssh_url": f"git@127.0.0.1:{one.full_name}.git",
            "clone_url": self._provider.clone_url(one),
            "default_branch": one.default_branch,
            "archived": False,
            "created_at": one.created_at,
            "has_pull_requests": True,
        }

    def commit(self, repository: Repository, one: Commit) -> dict[str, Any]:
        """A commit, as a push has it."""
        who = {"name": one.author, "email": one.email, "username": one.author}
        return {
            "id": one.sha,
            "message": f"{one.message}\n",
            "url": f"{self._provider.html_url(repository)}/commit/{one.sha}",
            "author": who,
            "committer": who,
            "verification": None,
            "timestamp": one.at,
            "added": list(one.added),
            "removed": list(one.removed),
            "modified": list(one.modified),
        }

    def api_commit(self, repository: Repository, one: Commit) -> dict[str, Any]:
        """A commit, as the API has it."""
        who = {"name": one.author, "email": one.email, "date": one.at}
        known = self._provider.people.get(one.author.lower())
        changes = [("added", one.added), ("modified", one.modified), ("deleted", one.removed)]
        return {
            "sha": one.sha,
            "created": one.at,
            "html_url": f"{self._provider.html_url(repository)}/commit/{one.sha}",
            "commit": {"author": who, "committer": who, "message": f"{one.message}\n", "tree": {"sha": one.tree}},
            "author": self.user(known) if known else None,
            "committer": self.user(known) if known else None,
            "files": [{"filename": name, "status": status} for status, names in changes for name in names],
        }

    def pull_request(self, one: PullRequest) -> dict[str, Any]:
        """A pull request."""
        html = f"{self._provider.html_url(one.repository)}/pulls/{one.number}"
        return {
            "id": one.id,
            "url": html,
            "number": one.number,
            "user": self.user(one.user),
            "title": one.title,
            "body": one.body,
            "labels": [],
            "milestone": None,
            "assignee": None,
            "assignees": None,
            "state": one.state,
            "draft": one.draft,
            "is_locked": False,
            "comments": len(one.comments),
            "html_url": html,
            "diff_url": f"{html}.diff",
            "patch_url": f"{html}.patch",
            "mergeable": one.mergeable,
            "merged": one.merged,
            "merged_at": one.closed_at if one.merged else None,
            "merge_commit_sha": one.merge_commit_sha,
            "merged_by": self.user(one.merged_by) if one.merged_by else None,
            "base": self._side(one.repository, one.base, one.base_sha, one.base),
            "head": self._side(one.source, one.branch, one.head_sha, f"refs/pull/{one.number}/head"),
            "merge_base": one.repository.git.merge_base(one.base_sha, one.head_sha),
            "created_at": one.created_at,
            "updated_at": one.updated_at,
            "closed_at": one.closed_at,
        }

    def _side(self, repository: Repository | None, branch: str, sha: str, without: str) -> dict[str, Any]:
        return {
            "label": branch if repository else without,
            "ref": branch if repository else without,
            "sha": sha,
            "repo_id": repository.id if repository else 0,
            "repo": self.repository(repository) if repository else None,
        }

    def file(self, name: str, kind: str) -> dict[str, Any]:
        """A file of a pull request."""
        status = {"A": "added", "D": "deleted"}.get(kind, "changed")
        return {"filename": name, "status": status, "additions": 1, "deletions": 1, "changes": 2}

    def issue(self, one: PullRequest) -> dict[str, Any]:
        """A pull request as the issue that its comments belong to."""
        html = f"{self._provider.html_url(one.repository)}/pulls/{one.number}"
        return {
            "id": one.id + 500_000,
            "url": f"{self._provider.api_url}/repos/{one.repository.full_name}/issues/{one.number}",
            "html_url": html,
            "number": one.number,
            "user": self.user(one.user),
            "title": one.title,
            "body": one.body,
            "state": one.state,
            "comments": len(one.comments),
            "pull_request": {"merged": one.merged, "merged_at": one.closed_at if one.merged else None},
            "repository": {"id": one.repository.id, "name": one.repository.name, "full_name": one.repository.full_name},
        }

    def comment(self, repository: Repository, pull: PullRequest, one: Comment) -> dict[str, Any]:
        """A comment."""
        html = f"{self._provider.html_url(repository)}/pulls/{pull.number}"
        return {
            "id": one.id,
            "html_url": f"{html}#issuecomment-{one.id}",
            "pull_request_url": html,
            "issue_url": "",
            "user": self.user(one.user),
            "original_author": "",
            "body": one.body,
            "created_at": one.created_at,
            "updated_at": one.updated_at,
        }

    def reaction(self, one: Reaction) -> dict[str, Any]:
        """A reaction."""
        return {"user": self.user(one.user), "content": one.content}

    def review(self, pull: PullRequest, one: Review) -> dict[str, Any]:
        """A review."""
        return {
            "id": one.id,
            "user": self.user(one.user),
            "state": _REVIEWS[one.state],
            "body": one.body,
            "commit_id": one.commit_id,
            "stale": one.commit_id != pull.head_sha,
            "official": pull.repository.right_of(one.user.login) in {"write", "admin"},
            "dismissed": one.dismissed,
            "submitted_at": one.submitted_at,
        }

    def status(self, repository: Repository, sha: str, one: Status) -> dict[str, Any]:
        """A commit status."""
        return {
            "id": one.id,
            "status": one.state,
            "target_url": one.target_url,
            "description": one.description,
            "url": f"{self._provider.api_url}/repos/{repository.full_name}/statuses/{sha}",
            "context": one.context,
            "creator": self.user(one.creator),
            "created_at": one.created_at,
            "updated_at": one.created_at,
        }

    def hook(self, one: Hook) -> dict[str, Any]:
        """A hook; its secret is not shown."""
        return {
            "id": one.id,
            "type": "gitea",
            "branch_filter": one.branch_filter,
            "config": {"content_type": "json", "url": one.url},
            "events": one.events,
            "authorization_header": "",
            "active": one.active,
            "created_at": one.created_at,
            "updated_at": one.created_at,
        }
