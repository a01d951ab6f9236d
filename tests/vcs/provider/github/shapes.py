"""GitHub's JSON of the records, in answers and in deliveries alike."""

from __future__ import annotations

from typing import Any

from tests.vcs.provider.git_store import Commit
from tests.vcs.provider.provider import Provider
from tests.vcs.provider.records import Comment, Hook, Person, PullRequest, Reaction, Repository, Review, Status

_MERGEABLE = {True: "clean", False: "dirty"}


class Shapes:
    """The shapes, with the addresses of one provider in them."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def _api(self, path: str) -> str:
        return f"{self._provider.api_url}{path}"

    def user(self, person: Person) -> dict[str, Any]:
        """An account."""
        return {
            "login": person.login,
            "id": person.id,
            "type": person.kind,
            "site_admin": False,
            "url": self._api(f"/users/{person.login}"),
            "html_url": f"{self._provider.url}/{person.login}",
        }

    def repository(self, one: Repository) -> dict[str, Any]:
        """A repository."""
        api = self._api(f"/repos/{one.full_name}")
        return {
            "id": one.id,
            "name": one.name,
            "full_name": one.full_name,
            "private": one.private,
            "visibility": "private" if one.private else "public",
            "owner": self.user(one.owner),
            "html_url": self._provider.html_url(one),
            "clone_url": self._provider.clone_url(one),
            "git_url": f"git://127.0.0.1/{one.full_name}.git",
            "ssh_url": f"git@127.0.0.1:{one.full_name}.git",
            "url": api,
            "hooks_url": f"{api}/hooks",
            "statuses_url": api + "/statuses/{sha}",
            "fork": one.parent is not None,
            "archived": False,
            "disabled": False,
            "default_branch": one.default_branch,
            "created_at": one.created_at,
        }

    def commit(self, repository: Repository, one: Commit) -> dict[str, Any]:
        """A commit, as a push has it."""
        who = {"name": one.author, "email": one.email, "username": one.author, "date": one.at}
        return {
            "id": one.sha,
            "tree_id": one.tree,
            "distinct": True,
            "message": one.message,
            "timestamp": one.at,
            "url": f"{self._provider.html_url(repository)}/commit/{one.sha}",
            "author": who,
            "committer": who,
            "added": list(one.added),
            "removed": list(one.removed),
            "modified": list(one.modified),
        }

    def api_commit(self, repository: Repository, one: Commit) -> dict[str, Any]:
        """A commit, as the API has it."""
        who = {"name": one.author, "email": one.email, "date": one.at}
        known = self._provider.people.get(one.author.lower())
        account = self.user(known) if known else None
        changes = [("added", one.added), ("modified", one.modified), ("removed", one.removed)]
        return {
            "sha": one.sha,
            "html_url": f"{self._provider.html_url(repository)}/commit/{one.sha}",
            "commit": {"author": who, "committer": who, "message": one.message, "tree": {"sha": one.tree}},
            "author": account,
            "committer": account,
            "files": [{"filename": name, "status": status} for status, names in changes for name in names],
        }

    def pull_request(self, one: PullRequest) -> dict[str, Any]:
        """A pull request."""
        api = self._api(f"/repos/{one.repository.full_name}/pulls/{one.number}")
        html = f"{self._provider.html_url(one.repository)}/pull/{one.number}"
        mergeable = one.mergeable if one.state == "open" else None
        state = "unknown" if mergeable is None else "behind" if mergeable and one.behind else _MERGEABLE[mergeable]
        return {
            "url": api,
            "id": one.id,
            "number": one.number,
            "html_url": html,
            "diff_url": f"{html}.diff",
            "issue_url": self._api(f"/repos/{one.repository.full_name}/issues/{one.number}"),
            "state": one.state,
            "locked": False,
            "title": one.title,
            "body": one.body or None,
            "draft": one.draft,
            "user": self.user(one.user),
            "author_association": "CONTRIBUTOR",
            "created_at": one.created_at,
            "updated_at": one.updated_at,
            "closed_at": one.closed_at,
            "merged_at": one.closed_at if one.merged else None,
            "merge_commit_sha": one.merge_commit_sha or self._merge_ref(one),
            "head": self._side(one.source_owner, one.source, one.branch, one.head_sha),
            "base": self._side(one.repository.owner, one.repository, one.base, one.base_sha),
            "merged": one.merged,
            "mergeable": mergeable,
            "mergeable_state": state,
            "merged_by": self.user(one.merged_by) if one.merged_by else None,
            "comments": len(one.comments),
            "commits": 1,
            "changed_files": len(one.files) if one.state == "open" else 1,
        }

    def _merge_ref(self, one: PullRequest) -> str | None:
        return one.repository.git.tip(f"refs/pull/{one.number}/merge") or None

    def _side(self, owner: Person, repository: Repository | None, branch: str, sha: str) -> dict[str, Any]:
        return {
            "label": f"{owner.login}:{branch}",
            "ref": branch,
            "sha": sha,
            "user": self.user(owner),
            "repo": self.repository(repository) if repository else None,
        }

    def file(self, name: str, kind: str) -> dict[str, Any]:
        """A file of a pull request."""
        status = {"A": "added", "D": "removed"}.get(kind, "modified")
        return {"sha": "0" * 40, "filename": name, "status": status, "additions": 1, "deletions": 1, "changes": 2}

    def issue(self, one: PullRequest) -> dict[str, Any]:
        """A pull request as the issue that its comments belong to."""
        api = self._api(f"/repos/{one.repository.full_name}")
        return {
            "url": f"{api}/issues/{one.number}",
            "id": one.id + 500_000,
            "number": one.number,
            "title": one.title,
            "user": self.user(one.user),
            "state": one.state,
            "locked": False,
            "comments": len(one.comments),
            "body": one.body or None,
            "html_url": f"{self._provider.html_url(one.repository)}/pull/{one.number}",
            "draft": one.draft,
            "pull_request": {
                "url": f"{api}/pulls/{one.number}",
                "html_url": f"{self._provider.html_url(one.repository)}/pull/{one.number}",
                "merged_at": one.closed_at if one.merged else None,
            },
        }

    def comment(self, repository: Repository, pull: PullRequest, one: Comment) -> dict[str, Any]:
        """A comment."""
        api = self._api(f"/repos/{repository.full_name}/issues")
        return {
            "url": f"{api}/comments/{one.id}",
            "html_url": f"{self._provider.html_url(repository)}/pull/{pull.number}#issuecomment-{one.id}",
            "issue_url": f"{api}/{pull.number}",
            "id": one.id,
            "user": self.user(one.user),
            "created_at": one.created_at,
            "updated_at": one.updated_at,
            "author_association": "NONE",
            "body": one.body,
        }

    def reaction(self, one: Reaction) -> dict[str, Any]:
        """A reaction."""
        return {"id": one.id, "user": self.user(one.user), "content": one.content}

    def review(self, repository: Repository, one: Review) -> dict[str, Any]:
        """A review, as the API has it; deliveries write its state in small letters."""
        state = "DISMISSED" if one.dismissed else one.state
        return {
            "id": one.id,
            "user": self.user(one.user),
            "body": one.body,
            "state": state,
            "commit_id": one.commit_id,
            "author_association": self._association(repository, one.user),
            "submitted_at": one.submitted_at,
        }

    def _association(self, repository: Repository, person: Person) -> str:
        if person is repository.owner:
            return "OWNER"
        return "COLLABORATOR" if person.login in repository.rights else "NONE"

    def status(self, repository: Repository, sha: str, one: Status) -> dict[str, Any]:
        """A commit status."""
        return {
            "url": self._api(f"/repos/{repository.full_name}/statuses/{sha}"),
            "id": one.id,
            "state": one.state,
            "description": one.description or None,
            "target_url": one.target_url or None,
            "context": one.context,
            "creator": self.user(one.creator),
            "created_at": one.created_at,
            "updated_at": one.created_at,
        }

    def hook(self, repository: Repository, one: Hook) -> dict[str, Any]:
        """A hook; its secret is not shown."""
        api = self._api(f"/repos/{repository.full_name}/hooks/{one.id}")
        return {
            "type": "Repository",
            "id": one.id,
            "name": "web",
            "active": one.active,
            "events": one.events,
            "config": {
                "content_type": "json",
                "insecure_ssl": one.insecure_ssl,
                "url": one.url,
                "secret": "********",
            },
            "created_at": one.created_at,
            "updated_at": one.created_at,
            "url": api,
            "ping_url": f"{api}/pings",
            "last_response": {"code": None, "status": "unused", "message": None},
        }
