"""Tasks of the background queue: short, called by id, safe to run twice."""

from __future__ import annotations

from vcs.deliveries import handling


def handle_delivery(delivery_id: int) -> None:
    handling.handle_delivery(delivery_id)
