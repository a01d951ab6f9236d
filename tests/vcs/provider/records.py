"""What a provider keeps, as plain records; the two dialects show them each in its own way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from tests.vcs.provider.git_store import GitStore

_ids: Iterator[int] = count(1001)


def next_id() -> int:
    """Return a number that no other record of this process has."""
    return next(_ids)


def now() -> str:
    """Return the time as both dialects write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(eq=False)
class Person:
    """An account; ``kind`` is User, Bot or Organization."""

    login: str
    kind: str = "User"
    id: int = field(default_factory=next_id)

    @property
    def email(self) -> str:
        """Return an address that is nobody's."""
        return f"{self.login}@example.org"

    @property
    def author(self) -> tuple[str, str]:
        """Return name and address as git has them."""
        return self.login, self.email


@dataclass(eq=False)
class Hook:
    """A hook of a repository, as it was registered."""

    url: str
    secret: str
    events: list[str]
    active: bool = True
    insecure_ssl: str = "0"
    branch_filter: str = "*"
    id: int = field(default_factory=next_id)
    created_at: str = field(default_factory=now)


@dataclass(eq=False)
class Reaction:
    """What somebody showed under a comment."""

    content: str
    user: Person
    id: int = field(default_factory=next_id)


@dataclass(eq=False)
class Comment:
    """A comment on a pull request; ``bodies`` are all texts that it ever had, the present one last."""

    user: Person
    bodies: list[str]
    reactions: list[Reaction] = field(default_factory=list)
    id: int = field(default_factory=next_id)
    created_at: str = field(default_factory=now)
    updated_at: str = field(default_factory=now)

    @property
    def body(self) -> str:
        """Return the text that it has now."""
        return self.bodies[-1]


@dataclass(eq=False)
class Review:
    """A review of a pull request at a commit; ``state`` is APPROVED, CHANGES_REQUESTED or COMMENTED."""

    user: Person
    state: str
    commit_id: str
    body: str = ""
    dismissed: bool = False
    id: int = field(default_factory=next_id)
    submitted_at: str = field(default_factory=now)


@dataclass(eq=False)
class Status:
    """A commit status, as it was posted."""

    state: str
    context: str
    description: str
    target_url: str
    creator: Person
    id: int = field(default_factory=next_id)
    created_at: str = field(default_factory=now)


@dataclass(eq=False)
class Repository:
    """A repository, its hooks and who may do what in it: ``admin``, ``write`` or ``read``."""

    owner: Person
    name: str
    git: GitStore
    private: bool = True
    parent: Repository | None = None
    default_branch: str = "main"
    rights: dict[str, str] = field(default_factory=dict)
    hooks: list[Hook] = field(default_factory=list)
    statuses: dict[str, list[Status]] = field(default_factory=dict)
    pull_requests: list[PullRequest] = field(default_factory=list)
    id: int = field(default_factory=next_id)
    created_at: str = field(default_factory=now)

    @property
    def full_name(self) -> str:
        """Return OWNER/NAME."""
        return f"{self.owner.login}/{self.name}"

    def right_of(self, login: str) -> str:
        """Return admin, write, read or none."""
        if login == self.owner.login:
            return "admin"
        return self.rights.get(login, "none" if self.private else "read")

    def latest_statuses(self, sha: str) -> dict[str, Status]:
        """Return the newest status of each context of a commit."""
        return {status.context: status for status in self.statuses.get(sha, [])}


@dataclass(eq=False)
class PullRequest:
    """A pull request to ``repository`` from a branch of ``source``, which is a fork or the same; None once deleted."""

    repository: Repository
    number: int
    title: str
    user: Person
    source: Repository | None
    branch: str
    base: str
    head_sha: str
    source_owner: Person
    body: str = ""
    draft: bool = False
    state: str = "open"
    merged: bool = False
    merged_by: Person | None = None
    merge_commit_sha: str | None = None
    comments: list[Comment] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    id: int = field(default_factory=next_id)
    created_at: str = field(default_factory=now)
    updated_at: str = field(default_factory=now)
    closed_at: str | None = None

    @property
    def base_sha(self) -> str:
        """Return the tip of the branch that it wants to be merged into."""
        return self.repository.git.tip(f"refs/heads/{self.base}")

    @property
    def mergeable(self) -> bool:
        """Tell whether it is open and merges without conflict."""
        return self.state == "open" and self.repository.git.merged_tree(self.base_sha, self.head_sha) is not None

    @property
    def behind(self) -> bool:
        """Tell whether the base has commits that the head has not."""
        return not self.repository.git.contains(self.head_sha, self.base_sha)

    @property
    def files(self) -> dict[str, str]:
        """Return the paths that it changes, each with git's letter."""
        git = self.repository.git
        return git.changed(git.merge_base(self.base_sha, self.head_sha), self.head_sha)

    @property
    def approved_by(self) -> list[str]:
        """Return who approves it, by each one's newest verdict."""
        newest = {one.user.login: one for one in self.reviews if one.state != "COMMENTED" and not one.dismissed}
        return [login for login, one in newest.items() if one.state == "APPROVED"]
