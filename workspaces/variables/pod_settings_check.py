"""Check pod settings as a whole: the one door through which every change of a variable goes.

Each text is checked by itself when its variable is saved. What is right by itself can still contradict another
setting, so the settings of a record are compared before and after a change. Changes that belong together are checked
once, at their end, so their order does not matter. What is refused:

- for a workspace, a contradiction in which one of its own variables takes part, inherited ones and defaults of the
  policies included; also when a deletion or a collection brings it to light,
- for an organization and for a collection, a contradiction among its own variables.

An organization or a collection that contradicts what a workspace sets is not refused: the workspace's page and its next
step say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import models, transaction

from workspaces import pods
from workspaces.choices import Category
from workspaces.errors import WrongSettings
from workspaces.models import Collection, GlobalVariable, Item, Organization, Reference, Variable, Workspace
from workspaces.models.variable import AbstractVariable
from workspaces.pods.catalogue import plain_name
from workspaces.pods.policy.rules import Policy
from workspaces.variables.in_force import WORKSPACE, Value
from workspaces.variables.pod_settings import KEYED, settings_of

type Owner = Workspace | Organization | Collection
type InForce = Mapping[str, Value]


class _Changes:
    """The owners of the variables that are being changed, with their settings before the first change."""

    def __init__(self) -> None:
        self._before: dict[Any, tuple[Owner, InForce]] = {}

    def note(self, owner: Owner) -> None:
        if owner.pk in self._before:
            return
        # Two changes that contradict each other take turns, so the second one sees the first.
        list(type(owner)._default_manager.filter(pk=owner.pk).select_for_update(of=("self",), no_key=True))
        in_force, _policy = _settings(owner)
        self._before[owner.pk] = owner, in_force

    def check(self) -> None:
        wrong: dict[str, str] = {}
        for owner, before in self._before.values():
            after, policy = _settings(owner)
            wrong |= contradictions(before, after, policy)
        if wrong:
            raise WrongSettings(wrong)


_changes: ContextVar[_Changes | None] = ContextVar("changes of pod settings", default=None)


@contextmanager
def checked_together() -> Iterator[None]:
    """Make changes in one transaction and check the pod settings at its end; an inner use joins the outer one.

    Raises WrongSettings, changing nothing.
    """
    if _changes.get() is not None:
        yield
        return
    changes = _Changes()
    token = _changes.set(changes)
    try:
        with transaction.atomic():
            yield
            changes.check()
    finally:
        _changes.reset(token)


@contextmanager
def checked(record: models.Model) -> Iterator[None]:
    """Create, change or delete a record; pod settings that this changes are checked. Raises WrongSettings."""
    owner = _owner(record)
    if owner is None:
        yield
        return
    with checked_settings(owner):
        yield


@contextmanager
def checked_settings(owner: Owner) -> Iterator[None]:
    """Change pod settings of a workspace, organization or collection, which are checked. Raises WrongSettings."""
    with checked_together():
        changes = _changes.get()
        assert changes is not None  # noqa: S101 - set by checked_together
        changes.note(owner)
        yield


def contradictions(before: InForce, after: InForce, policy: Policy | None = None) -> dict[str, str]:
    """Return what a change of the settings in force makes wrong: the variable to blame and a sentence.

    The values that the record sets were checked by themselves, against the grammar and the rules of the ``policy``; its
    rules for one type of step count here too.
    """
    own, removed = _own(after), _own(before) - _own(after)
    hidden = {name for name, value in after.items() if value.sensitive or _was_sensitive(before.get(name), value)}
    was, now = _texts(before), _texts(after)
    found = pods.refused_change(was, now, own=own, removed=removed, hidden=hidden)
    if policy is not None and after != before:
        known = {refusal.message for refusal in policy.step_refusals(was, hidden)}
        for refusal in policy.step_refusals(now, hidden):
            plain = plain_name(refusal.setting)
            if plain in own | removed and refusal.message not in known:
                found.setdefault(plain, refusal.message)
    return found


def _own(found: InForce) -> set[str]:
    return {name for name, value in found.items() if value.origin == WORKSPACE}


def _was_sensitive(before: Value | None, now: Value) -> bool:
    return before is not None and before.sensitive and before.origin == now.origin


def _texts(found: InForce) -> dict[str, str]:
    return {name: value.text for name, value in found.items()}


def _settings(owner: Owner) -> tuple[InForce, Policy | None]:
    """Return the settings in force and their policy; None for a policy that does not count here."""
    rows: models.QuerySet[Any]
    if isinstance(owner, Workspace):
        found = settings_of([owner])[owner.pk]
        return found.in_force, found.policy
    if isinstance(owner, Organization):
        rows = GlobalVariable.objects.filter(organization=owner, **KEYED)
    else:
        rows = Item.objects.filter(collection=owner, **KEYED)
    # Nothing else counts here, so all of them are the owner's own.
    return {row.key: Value(text=row.value, sensitive=row.sensitive, origin=WORKSPACE) for row in rows}, None


def _is_stored_setting(record: AbstractVariable) -> bool:
    return type(record)._default_manager.filter(pk=record.pk, **KEYED).exists()


def _owner(record: models.Model) -> Owner | None:
    """The record whose settings change with another one; None when no settings do."""
    if isinstance(record, Reference):
        return record.workspace if record.collection.items.filter(**KEYED).exists() else None
    if not isinstance(record, AbstractVariable):
        return None
    is_setting = record.category == Category.ENV and record.key in pods.ALL_SETTINGS
    if not is_setting and (record._state.adding or not _is_stored_setting(record)):
        return None
    if isinstance(record, Variable):
        return record.workspace
    return record.organization if isinstance(record, GlobalVariable) else record.collection  # type: ignore[attr-defined]
