"""Who watches jobs on this web process, and whether they still may: looked up for all of them together.

What a viewer sees of a job, and may decide, follows from few records: their session, account and groups, the teams of
the organization, and accesses to the workspace and its project. Every ``CHECK_SECONDS`` these are read for all viewers
with a fixed number of statements. Where any of them is no longer what it was when a page was opened, that viewer is
forgotten: the page is looked up in full when it asks again, and a log that is streamed to it ends.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import DatabaseError
from django.utils import timezone

from terrakube_site.database.threads import run_in_thread
from workspaces.actors import groups_of
from workspaces.models import Job, Organization, Workspace
from workspaces.permissions import SharedRights, rights
from workspaces.roles import Rights

logger = logging.getLogger(__name__)
CHECK_SECONDS = 2.0
"""How often it is looked up whether the viewers of this process still may see what they watch."""
TRUSTED_SECONDS = 10.0
"""For how long viewers are served without a check, where the database does not answer."""
_IDLE_SECONDS = 60.0
"""After which a page that asks no more is forgotten; one of a finished job asks every 15 seconds."""
_MOST_VIEWERS = 5000

Flags = tuple[tuple[str, Any], ...]
"""The decisions that are open to a viewer, by name, and the comments that they may delete."""
Key = tuple[str, int]
"""The key of a session, and of a job."""


@dataclass(frozen=True, slots=True)
class _Place:
    """What of a job's place decides who sees it."""

    organization_id: UUID
    workspace_id: UUID
    project_id: UUID | None
    deleted: bool
    disabled: bool

    @classmethod
    def of(cls, workspace: Workspace, organization: Organization) -> _Place:
        return cls(organization.pk, workspace.pk, workspace.project_id, workspace.deleted, organization.disabled)


@dataclass(frozen=True, slots=True)
class Standing:
    """A viewer's rights on a job's workspace, and what they follow from, as they were looked up."""

    user: Any
    own: Rights
    account: tuple[Any, ...]
    groups: frozenset[str]
    place: _Place


@dataclass(slots=True, eq=False)
class Viewer:
    """Someone with an open page of a job."""

    key: Key
    standing: Standing
    looked_up_at: float
    """By the monotonic clock."""
    asked_at: float
    streams: int = 0
    forgotten: bool = False
    stamp: tuple[Any, ...] = ()
    """What the flags hang on, beside the standing."""
    flags: Flags = ()
    languages: dict[tuple[str, str], str] = field(default_factory=dict)
    """The language of the page, by the cookie and the header that chose it."""

    @contextmanager
    def streaming(self) -> Iterator[None]:
        """Keep the viewer known while a log is streamed to their page."""
        self.streams += 1
        try:
            yield
        finally:
            self.streams -= 1


_ACCOUNT = ("is_active", "is_superuser", "password", "username", "email")


class Viewers:
    """The viewers of one process; its threads and its event loop share them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[Key, Viewer] = OrderedDict()
        self._checked_at = self._claimed_at = float("-inf")

    def join(self, session_key: str, user: Any, job: Job) -> Viewer:
        """Note that a user who may see a job opens its page; its workspace and organization are loaded."""
        looked_up_at = time.monotonic()
        standing = Standing(
            user=user,
            own=rights(user, job.organization, job.workspace),
            account=tuple(getattr(user, name) for name in _ACCOUNT),
            groups=_groups(user),
            place=_Place.of(job.workspace, job.organization),
        )
        key = (session_key, job.pk)
        with self._lock:
            viewer = self._known.get(key)
            if viewer is None:
                viewer = Viewer(key, standing, looked_up_at, looked_up_at)
                # Without a session there is nothing to know them by again.
                if session_key:
                    self._known[key] = viewer
            elif viewer.standing != standing:
                viewer.standing, viewer.stamp = standing, ()
            viewer.looked_up_at = viewer.asked_at = looked_up_at
            if session_key:
                self._known.move_to_end(key)
            while len(self._known) > _MOST_VIEWERS:
                self._known.popitem(last=False)[1].forgotten = True
        return viewer

    def known(self, session_key: str, job_id: int) -> Viewer | None:
        """Return who asked for the same job a moment ago and still may see it, without a statement; else None."""
        viewer = self._known.get((session_key, job_id))
        if viewer is None or not self.is_trusted(viewer):
            return None
        viewer.asked_at = time.monotonic()
        return viewer

    def is_trusted(self, viewer: Viewer) -> bool:
        """Return whether the last check, which is not long ago, found nothing against a viewer."""
        checked_at = max(self._checked_at, viewer.looked_up_at)
        return not viewer.forgotten and time.monotonic() - checked_at < CHECK_SECONDS + TRUSTED_SECONDS

    def is_check_due(self) -> bool:
        """Return whether nobody makes the check that is due."""
        return time.monotonic() - max(self._checked_at, self._claimed_at) >= CHECK_SECONDS

    def claim_check(self) -> bool:
        """Return whether the caller is to make the check that is due; the others go on by the last one meanwhile."""
        with self._lock:
            due = self.is_check_due()
            if due:
                self._claimed_at = time.monotonic()
            return due

    def check(self) -> None:
        """Forget the viewers whose standing changed, and those who ask no more. Raises DatabaseError."""
        began = time.monotonic()
        with self._lock:
            for key, viewer in list(self._known.items()):
                if not viewer.streams and began - viewer.asked_at > _IDLE_SECONDS:
                    del self._known[key]
            watching = [(viewer, viewer.standing) for viewer in self._known.values()]
        changed = _changed(watching) if watching else []
        with self._lock:
            self._checked_at = began
            for viewer, standing in changed:
                # Looked up again meanwhile, it has a newer standing.
                if viewer.standing is standing:
                    viewer.forgotten = True
                    if self._known.get(viewer.key) is viewer:
                        del self._known[viewer.key]

    async def still_may(self, viewer: Viewer) -> bool:
        """Return whether a viewer may be sent more of a log."""
        if self.claim_check():
            try:
                await run_in_thread(self.check)
            except DatabaseError:
                logger.warning("The viewers of live logs could not be checked; trying again", exc_info=True)
        return self.is_trusted(viewer)


def _groups(user: Any) -> frozenset[str]:
    """Return the groups that matter for a user's rights: none for a superuser."""
    return frozenset() if user.is_superuser else groups_of(user)


def _changed(watching: list[tuple[Viewer, Standing]]) -> list[tuple[Viewer, Standing]]:
    """Return those whose session is over, or whose standing is no longer as it was."""
    sessions = set(
        Session.objects.filter(
            session_key__in={viewer.key[0] for viewer, _ in watching}, expire_date__gt=timezone.now()
        ).values_list("session_key", flat=True)
    )
    model: Any = get_user_model()
    rows = model._default_manager.filter(pk__in={standing.user.pk for _, standing in watching})
    users = {user.pk: user for user in rows}
    memberships = model.groups.through._default_manager.filter(user__in=list(users))
    groups: dict[Any, set[str]] = {key: set() for key in users}
    for key, name in memberships.values_list("user_id", "group__name"):
        groups[key].add(name)
    for key, user in users.items():
        user._group_names = frozenset(groups[key])
    places = Workspace.objects.filter(pk__in={standing.place.workspace_id for _, standing in watching})
    workspaces = {row.pk: row for row in places.select_related("organization")}
    shared = SharedRights(workspaces.values(), {name for user in users.values() for name in _groups(user)})

    def is_as_it_was(viewer: Viewer, standing: Standing) -> bool:
        user, workspace = users.get(standing.user.pk), workspaces.get(standing.place.workspace_id)
        return (
            viewer.key[0] in sessions
            and user is not None
            and workspace is not None
            and standing.account == tuple(getattr(user, name) for name in _ACCOUNT)
            and standing.groups == _groups(user)
            and standing.place == _Place.of(workspace, workspace.organization)
            and standing.own == shared.rights(user, workspace)
        )

    return [(viewer, standing) for viewer, standing in watching if not is_as_it_was(viewer, standing)]


viewers = Viewers()
"""Those of this process."""
