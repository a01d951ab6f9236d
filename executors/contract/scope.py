"""Compare what a plan touches with the addresses that its job asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .addresses import Address, read_address
from .plan_dependencies import Dependencies, prior_instances

_QUIET = frozenset({"no-op", "read"})
_SHOWN = 8
_LONGEST = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The scope of a job: ``targets`` and ``replaces`` are addresses as terraform writes them.

    ``destroys`` is True for a plan that destroys, which includes everything that depends on a target. A job that is
    ``refresh_only`` writes what it finds to the state, and changes nothing else.
    """

    targets: Sequence[str] = ()
    replaces: Sequence[str] = ()
    destroys: bool = False
    refresh_only: bool = False

    def __bool__(self) -> bool:
        return bool(self.targets or self.replaces or self.refresh_only)

    @property
    def asked(self) -> list[Address]:
        """Return the requested addresses."""
        return _read((*self.targets, *self.replaces))


@dataclass(frozen=True, slots=True)
class Touch:
    """An address that a plan touches, and its address before a move."""

    text: str
    before: str = ""

    @property
    def addresses(self) -> list[Address]:
        return _read(text for text in (self.text, self.before) if text)


def outside(plan: Any, scope: Scope, dependencies: Callable[[], Dependencies]) -> list[str]:
    """Return the addresses that a plan touches outside of a scope, in the plan's order.

    Inside are the requested addresses, and those that terraform adds because a target depends on them; on a destroy,
    because they depend on a target. For a job that only refreshes, everything that a plan changes is outside.
    ``dependencies`` is called only for a plan that touches more than the requested addresses. Raises KeyError,
    TypeError or AttributeError for an invalid plan.
    """
    changed = list(changes_beside_refresh(plan)) if scope.refresh_only else []
    if changed or not (scope.targets or scope.replaces):
        return _once(changed)
    asked = scope.asked
    beyond = [touch for touch in _touched(plan, scope) if not _is_within(touch, asked)]
    changed_outputs = [] if scope.destroys or not scope.targets else list(_changed_outputs(plan))
    if not beyond and not changed_outputs:
        return []
    if not scope.targets:
        return _once(touch.text for touch in beyond)
    known = dependencies()
    added = _added(plan, scope, known, beyond)
    found = [touch.text for touch in beyond if not _is_within(touch, added)]
    for name in changed_outputs:
        # terraform keeps an output in a targeted plan if everything it is made of is inside.
        within = [*asked, *added, *(address.without_keys for address in asked)]
        if any(not _is_covered(one, within) for one in known.outputs.get(name, ())):
            found.append(f"output.{name}")
    return _once(found)


def changes_beside_refresh(plan: Any) -> Iterator[str]:
    """Return the addresses that a plan changes, and not only refreshes or moves. Raises as ``outside`` does."""
    for row in plan.get("resource_changes") or ():
        if set(row["change"]["actions"]) - _QUIET or row["change"].get("importing"):
            yield str(row["address"])
    for row in plan.get("action_invocations") or ():
        yield str(row["address"])


def in_words(addresses: Sequence[str]) -> str:
    """Return a bounded list of addresses for a sentence."""
    shown = [text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…" for text in addresses[:_SHOWN]]
    more = len(addresses) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _added(plan: Mapping[str, Any], scope: Scope, known: Dependencies, beyond: Sequence[Touch]) -> list[Address]:
    targets = _read(scope.targets)
    if not scope.destroys:
        return list(known.needed_by(targets))
    instances = prior_instances(plan).union(*(touch.addresses for touch in beyond))
    return list(known.depending_on(targets, instances))


def _touched(plan: Mapping[str, Any], scope: Scope) -> Iterator[Touch]:
    for row in plan.get("resource_changes") or ():
        change = row["change"]
        before = str(row.get("previous_address") or "")
        is_moved = bool(before) and before != row["address"]
        if set(change["actions"]) - _QUIET or is_moved or change.get("importing"):
            yield Touch(str(row["address"]), before)
    for row in plan.get("action_invocations") or ():
        # An action triggered by a resource is part of that resource's change.
        trigger = row.get("lifecycle_action_trigger") or {}
        yield Touch(str(row["address"]), str(trigger.get("triggering_resource_address") or ""))
    if scope.targets and not scope.destroys:
        # The findings of a refresh are written to the state; a destroy refreshes the dependencies of its targets too.
        for row in plan.get("resource_drift") or ():
            if set(row["change"]["actions"]) - _QUIET:
                yield Touch(str(row["address"]), str(row.get("previous_address") or ""))


def _changed_outputs(plan: Mapping[str, Any]) -> Iterator[str]:
    for name, change in (plan.get("output_changes") or {}).items():
        if set(change["actions"]) - _QUIET:
            yield str(name)


def _is_within(touch: Touch, scope: Sequence[Address]) -> bool:
    return any(_is_covered(address, scope) for address in touch.addresses)


def _is_covered(address: Address, scope: Iterable[Address]) -> bool:
    return any(one.covers(address) for one in scope)


def _read(texts: Iterable[str]) -> list[Address]:
    found = (read_address(text) for text in texts)
    return [address for address in found if address is not None]


def _once(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
