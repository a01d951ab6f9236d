"""Which webhooks a connection must have at its provider, by the records of its workspaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from vcs.providers.base import normalized
from workspaces.models import Vcs, WebhookEvent, Workspace

type Key = tuple[str, UUID | None]
"""The repository's normalized address, and the webhook of a workspace that has its own; None for a shared one."""


@dataclass(slots=True)
class Wanted:
    """A webhook that must be there: the address of its repository as a workspace writes it, and what it is told of."""

    source: str
    events: set[str] = field(default_factory=set)
    comments: bool = False

    @property
    def registered(self) -> list[str]:
        """What of it is compared with what is registered."""
        return sorted(self.events) + (["comments"] if self.comments else [])


def wanted_hooks(vcs: Vcs) -> Mapping[Key, Wanted]:
    """Return the webhooks of all workspaces of a connection that listen to something, with one query."""
    found: dict[Key, Wanted] = {}
    alive = Workspace.objects.alive().filter(vcs=vcs)
    rows = WebhookEvent.objects.filter(webhook__workspace__in=alive).order_by("webhook__created_date")
    columns = ("webhook", "webhook__migrated_v2", "webhook__workspace__source", "event", "pr_workflow_enabled")
    for webhook_id, shared, source, event, comments in rows.values_list(*columns):
        address = normalized(source)
        if not address:
            continue
        wanted = found.setdefault((address, None if shared else webhook_id), Wanted(source))
        wanted.events.add(event)
        wanted.comments |= comments
    return found
