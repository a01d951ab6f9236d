"""How two plans differ: resources for which they do not plan the same. Pure, without sensitive values."""

from __future__ import annotations

from dataclasses import dataclass

from workspaces.jobs.plans import Action, Change, Plan


@dataclass(frozen=True, slots=True)
class Difference:
    """One resource. ``before`` and ``now`` are None where the plan does not touch it.

    ``attributes`` are the names of those that both plans change, each in another way; only with the same action.
    """

    address: str
    before: Action | None
    now: Action | None
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """``same`` counts the resources for which both plans do the same."""

    differences: tuple[Difference, ...]
    same: int


def compare_plans(before: Plan, now: Plan) -> Comparison:
    """Compare two plans resource by resource, those with another action first.

    A sensitive value is masked in both, so that another one behind the mask is no difference.
    """
    of_before = {change.address: change for change in before.changes}
    of_now = {change.address: change for change in now.changes}
    found = []
    for address in sorted({*of_before, *of_now}):
        difference = _difference(address, of_before.get(address), of_now.get(address))
        if difference is not None:
            found.append(difference)
    found.sort(key=lambda one: one.before == one.now)
    return Comparison(tuple(found), len({*of_before, *of_now}) - len(found))


def _difference(address: str, before: Change | None, now: Change | None) -> Difference | None:
    if before is None or now is None or before.action != now.action:
        return Difference(address, before.action if before else None, now.action if now else None)
    names = {one.path for one in {*before.attributes} ^ {*now.attributes}}
    return Difference(address, before.action, now.action, tuple(sorted(names))) if names else None
