"""Check pod settings as a whole: the one door through which every change of a variable goes.

The settings of a record are compared before and after a change. Changes that belong together are checked once, at
their end, so their order does not matter. What is refused:

- a text that is wrong by itself or that a policy does not allow, where it was entered as a setting. One that was
  entered as a variable is refused by its record before,
- for a workspace, a contradiction in which one of its own variables takes part, inherited ones and defaults of the
  policies included; also when a deletion or a collection brings it to light,
- for an organization and for a collection, a contradiction among its own variables.

An organization or a collection that contradicts what a workspace sets is not refused: the workspace's page and its next
step say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from django.db import models, transaction

from terrakube_site.messages import joined
from workspaces import pods
from workspaces.choices import Category
from workspaces.errors import WrongSettings
from workspaces.models import Collection, GlobalVariable, Item, Organization, Reference, Variable, Workspace
from workspaces.models.variable import AbstractVariable
from workspaces.pods.catalogue import plain_name
from workspaces.pods.settings import refused_change
from workspaces.validation.secrecy import without_secret
from workspaces.variables.in_force import WORKSPACE, Value
from workspaces.variables.pod_settings import KEYED, Settings, settings_of

type Owner = Workspace | Organization | Collection


class Change:
    """A change of one owner's settings, within a transaction: what they were, and what they become."""

    def __init__(self, owner: Owner) -> None:
        # Two changes that contradict each other take turns, so the second one sees the first.
        list(type(owner)._default_manager.filter(pk=owner.pk).select_for_update(of=("self",), no_key=True))
        self._owner = owner
        self._before = _settings(owner)
        self._after: Settings | None = self._before
        self._entered: dict[str, None] = {}

    def enter(self, values: Mapping[str, Value | None]) -> None:
        """Add values that are written and not checked by themselves; None takes one away."""
        self._entered |= dict.fromkeys(values)
        self._after = _changed(self._settled(), values)

    def reread(self) -> None:
        """Read the settings again at the end, since records are changed that shape them."""
        self._after = None

    def refusals(self) -> dict[str, str]:
        """Return what is refused of the change: the variable to blame and a sentence."""
        return _refusals(self._before, self._settled(), entered=self._entered)

    def _settled(self) -> Settings:
        return _settings(self._owner) if self._after is None else self._after


_changes: ContextVar[dict[Any, Change] | None] = ContextVar("changes of pod settings", default=None)
"""The changes of the running transaction, by the key of their owner."""


@contextmanager
def checked_together() -> Iterator[None]:
    """Make changes in one transaction and check the pod settings at its end; an inner use joins the outer one.

    Raises WrongSettings, changing nothing.
    """
    if _changes.get() is not None:
        yield
        return
    changes: dict[Any, Change] = {}
    token = _changes.set(changes)
    try:
        with transaction.atomic():
            yield
            wrong = {name: said for change in changes.values() for name, said in change.refusals().items()}
            if wrong:
                raise WrongSettings(wrong)
    finally:
        _changes.reset(token)


@contextmanager
def checked(record: models.Model) -> Iterator[None]:
    """Create, change or delete a record; pod settings that this changes are checked. Raises WrongSettings."""
    owner = _owner(record)
    if owner is None:
        yield
        return
    with checked_settings(owner) as change:
        change.reread()
        yield


@contextmanager
def checked_settings(owner: Owner) -> Iterator[Change]:
    """Change pod settings of a workspace, organization or collection, which are checked. Raises WrongSettings."""
    with checked_together():
        changes = _changes.get()
        assert changes is not None  # noqa: S101 - set by checked_together
        if owner.pk not in changes:
            changes[owner.pk] = Change(owner)
        yield changes[owner.pk]


def refusals(settings: Settings, values: Mapping[str, Value | None]) -> dict[str, str]:
    """Return what `checked_settings` would refuse if a workspace set these values (None: took one away)."""
    return _refusals(settings, _changed(settings, values), entered=values)


def _changed(settings: Settings, values: Mapping[str, Value | None]) -> Settings:
    own = {**settings.own, **values}
    return replace(settings, own={name: value for name, value in own.items() if value is not None})


def _refusals(before: Settings, after: Settings, *, entered: Iterable[str]) -> dict[str, str]:
    """Return what is refused of a change: the variable to blame and a sentence. Pure; each text is parsed once.

    While an ``entered`` text is wrong by itself, nothing is said of the settings as a whole.
    """
    own, removed = after.own.keys(), before.own.keys() - after.own.keys()
    was, now = {**before.inherited, **before.own}, {**after.inherited, **after.own}
    hidden = {name for name, value in now.items() if value.sensitive or _was_sensitive(was.get(name), value)}
    new = [name for name in entered if name in own]
    judged = after.policy.judge_change(_texts(was), _texts(now), entered=new, hidden=hidden)
    unreadable, together = refused_change(
        judged.before, judged.after, own=own, removed=removed, entered=new, hidden=hidden
    )
    alone = {name: [unreadable[name]] if name in unreadable else judged.objections[name] for name in new}
    if any(alone.values()):
        secrets = {name: now[name].text for name in hidden}
        return {name: _told(name, said, secrets.get(name, "")) for name, said in alone.items() if said}
    for refusal in judged.in_steps:
        plain = plain_name(refusal.setting)
        if plain in own or plain in removed:
            together.setdefault(plain, refusal.message)
    return together


def _told(name: str, sentences: Iterable[str], secret: str) -> str:
    told = dict.fromkeys(without_secret(sentence, name, secret) for sentence in sentences)
    return joined(" ", told)


def _was_sensitive(before: Value | None, now: Value) -> bool:
    return before is not None and before.sensitive and before.origin == now.origin


def _texts(values: Mapping[str, Value]) -> dict[str, str]:
    return {name: value.text for name, value in values.items()}


def _settings(owner: Owner) -> Settings:
    rows: models.QuerySet[Any]
    if isinstance(owner, Workspace):
        return settings_of([owner])[owner.pk]
    if isinstance(owner, Organization):
        rows = GlobalVariable.objects.filter(organization=owner, **KEYED)
    else:
        rows = Item.objects.filter(collection=owner, **KEYED)
    # Nothing else counts here, so all of them are the owner's own.
    return Settings(
        own={row.key: Value(text=row.text_if_readable, sensitive=row.sensitive, origin=WORKSPACE) for row in rows}
    )


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
