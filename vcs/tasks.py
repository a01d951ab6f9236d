"""Tasks of the background queue: short, called by id, safe to run twice."""

from __future__ import annotations

from uuid import UUID

from vcs.connections import renewals
from vcs.deliveries import handling
from vcs.hooks import synchronization
from vcs.reports import sending
from workspaces.caller import calling
from workspaces.choices import Door


def handle_delivery(delivery_id: int) -> None:
    with calling(Door.GIT):
        handling.handle_delivery(delivery_id)


def renew_connection(vcs_id: str) -> None:
    renewals.renew_connection(UUID(vcs_id))


def synchronize_hooks(vcs_id: str) -> None:
    """Make the webhooks at a connection's provider those of its workspaces."""
    synchronization.synchronize_hooks(UUID(vcs_id))


def send_report(report_id: int) -> None:
    """Tell a provider a status or comment."""
    sending.send_report(report_id)
