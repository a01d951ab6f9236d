"""Register a webhook at its provider while the client that stores it waits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.db import transaction
from django.utils.module_loading import import_string

from workspaces.errors import NotRegistered
from workspaces.models import Webhook

_registering: list[str] = []


def register_with(name: str) -> None:
    """Call a function of a package above, by its dotted name, to register a webhook at once.

    It gets the webhook, and returns why the provider refuses it, "" if it does not. It may call other hosts. It is
    imported when it is needed, since few processes ever do.
    """
    if name not in _registering:
        _registering.append(name)


def register_after_commit(webhook: Webhook, *, undo: Callable[[], object]) -> None:
    """Register a workspace's own webhook as soon as its record is stored, while its client waits, as Terrakube does.

    Where the provider refuses it, ``undo`` takes the change back and NotRegistered is raised: after the commit, since
    no other host is asked within a transaction. A webhook without events has nothing to register, and a shared one is
    left to the task.
    """
    if not webhook.migrated_v2:
        transaction.on_commit(partial(_register, webhook, undo))


def _register(webhook: Webhook, undo: Callable[[], object]) -> None:
    for name in _registering:
        refused: str = import_string(name)(webhook)
        if refused:
            undo()
            raise NotRegistered(refused)
