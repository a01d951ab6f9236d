"""What a provider's modules offer: one protocol for each subject, so that a module is written and tried alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from vcs.providers.base.api import Api
from vcs.providers.base.events import Event, Ignored
from vcs.providers.base.grants import Grant
from vcs.providers.base.listings import Group, Page
from workspaces.connections.repositories import Repository
from workspaces.models import Vcs


class Tokens(Protocol):
    """``tokens``: how a connection's token is had, and how git and the API take it."""

    def git_user(self, vcs: Vcs, token: str) -> str:
        """Return the user name with which git takes the token as the password."""

    def api_headers(self, vcs: Vcs, token: str) -> Mapping[str, str]:
        """Return the headers of each request to the API."""

    def authorize_url(self, vcs: Vcs, redirect_uri: str, state: str) -> str:
        """Return the page at which a person lets the site in. Raises SetupError where there is none."""

    def exchange(self, vcs: Vcs, code: str, redirect_uri: str) -> Grant:
        """Return the token for a code of that page. Raises ApiError, OutgoingError and SetupError."""

    def can_renew(self, vcs: Vcs) -> bool:
        """Return whether the site can get another token by itself."""

    def renew(self, vcs: Vcs, redirect_uri: str) -> Grant:
        """Return another token; its old refresh token may be of no use now. Raises as ``exchange``."""


class Repositories(Protocol):
    """``repositories``: what a token reaches. Each raises ApiError and OutgoingError, and KeyError or TypeError for an
    answer that is none of the provider's.
    """

    def account_name(self, api: Api, vcs: Vcs) -> str:
        """Return whose token it is."""

    def find_repository(self, api: Api, repository: Repository) -> str:
        """Return a repository's name as the provider writes it."""

    def groups(self, api: Api, vcs: Vcs) -> list[Group]:
        """Return what repositories are grouped by."""

    def repositories(self, api: Api, vcs: Vcs, group: str, search: str, page: int) -> Page:
        """Return a page of a group's repositories; pages are counted from 1."""


class Signatures(Protocol):
    """``signature``: was a delivery sent by who knows the hook's secret?"""

    def is_signed(self, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        """Compare in constant time; ``headers`` have lower-case names."""

    def delivery_id(self, headers: Mapping[str, str]) -> str:
        """Return the id of a delivery, by which a repeated one is known; empty where headers have none."""


class Payloads(Protocol):
    """``payloads``: a delivery's body as events."""

    def read_events(self, headers: Mapping[str, str], body: bytes) -> Sequence[Event | Ignored]:
        """Return the events, or why they start nothing. Raises ValueError for a body that is no JSON object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSettings:
    """What a hook at the provider is to be; ``events`` are values of WebhookEventType."""

    url: str
    secret: str = field(repr=False)
    events: frozenset[str] = frozenset()
    comments: bool = False


class Hooks(Protocol):
    """``hooks``: a repository's hook at the provider. Each raises ApiError and OutgoingError.

    ``PERMISSION`` names what the connection needs for it, as a marked text.
    """

    PERMISSION: str

    def register(self, api: Api, repository: Repository, hook: HookSettings) -> str:
        """Return the hook's id at the provider."""

    def update(self, api: Api, repository: Repository, hook_id: str, hook: HookSettings) -> str:
        """Return the hook's id, which some providers change."""

    def remove(self, api: Api, repository: Repository, hook_id: str) -> None:
        """Remove the hook; it may be gone already."""


class State(StrEnum):
    """How a job stands with its commit."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A commit's status; ``name`` is what the provider tells statuses apart by."""

    state: State
    name: str
    description: str
    url: str


class Statuses(Protocol):
    """``statuses``. Raises ApiError and OutgoingError."""

    def send_status(self, api: Api, repository: Repository, commit: str, status: Status) -> None:
        """Set a commit's status."""


class Comments(Protocol):
    """``comments`` of pull requests. Each raises ApiError and OutgoingError."""

    def create_comment(self, api: Api, repository: Repository, number: int, text: str) -> str:
        """Return the comment's id."""

    def edit_comment(self, api: Api, repository: Repository, number: int, comment_id: str, text: str) -> None:
        """Replace a comment's text."""

    def find_comment(self, api: Api, repository: Repository, number: int, marker: str) -> str | None:
        """Return the id of the first comment that begins with a marker; None for none, or beyond the first thousand."""

    def acknowledge(self, api: Api, repository: Repository, number: int, comment_id: str, *, accepted: bool) -> None:
        """React to a command; nothing where the provider has no reactions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """A pull request as the provider says it is now; None in the last four: it does not say."""

    number: int
    title: str
    author: str
    branch: str
    target_branch: str
    commit: str
    fork: bool
    open: bool
    merged: bool
    approved: bool | None = None
    mergeable: bool | None = None
    up_to_date: bool | None = None
    merge_commit: str | None = None


class PullRequests(Protocol):
    """``pull_requests``. Each but the first raises ApiError and OutgoingError."""

    def head_ref(self, number: int) -> str:
        """Return the name in this repository for a pull request's commits, a fork's too; "" where there is none."""

    def get_pull_request(self, api: Api, repository: Repository, number: int) -> PullRequest:
        """Return the pull request."""

    def changed_files(self, api: Api, repository: Repository, number: int) -> frozenset[str] | None:
        """Return the paths that it changes; None if they are too many to be listed."""


class Pushes(Protocol):
    """``pushes``: what a push changed, where deliveries list no files. Raises ApiError and OutgoingError."""

    def pushed_files(self, api: Api, repository: Repository, before: str, commit: str) -> frozenset[str] | None:
        """Return the paths that differ between two full hashes of commits; None if they are too many to be listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One kind of provider: its name and its modules; None: it has nothing of the kind."""

    title: str
    tokens: Tokens
    repositories: Repositories
    signature: Signatures | None = None
    payloads: Payloads | None = None
    hooks: Hooks | None = None
    statuses: Statuses | None = None
    comments: Comments | None = None
    pull_requests: PullRequests | None = None
    pushes: Pushes | None = None
