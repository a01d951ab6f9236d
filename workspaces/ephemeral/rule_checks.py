"""Whether a rule can be saved: it is well written, agrees with itself, and loosens nothing above it."""

from collections.abc import Iterable, Mapping

from workspaces import kubernetes_syntax as syntax

from . import grammar, patterns, variables
from .grammar import EphemeralSyntaxError
from .policy import Effect, Policy, Rule
from .variables import SETTINGS, Kind


def wrong(rule: Rule) -> Mapping[str, str]:
    """What is wrong with a rule itself: field and sentence, empty when nothing is."""
    found: dict[str, str] = {}
    try:
        if rule.value.strip():
            grammar.validate(rule.setting, rule.value)
    except EphemeralSyntaxError as error:
        found["value"] = str(error)
    for name, entries in (("allowed", rule.allowed), ("refused", rule.refused)):
        for one in entries:
            try:
                patterns.entry(rule.setting, one)
            except ValueError as error:
                found[name] = f'"{one}" {error}.'
    found |= _wrong_bounds(rule)
    if not found:
        found |= _contradictions(rule)
    return found


def _wrong_bounds(rule: Rule) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, text in (("minimum", rule.minimum), ("maximum", rule.maximum)):
        if not text:
            continue
        if SETTINGS[rule.setting].kind is not Kind.QUANTITY:
            found[name] = f"{rule.setting} is no amount, so it has no bounds."
        elif problem := syntax.quantity_objection(text, whole=not rule.setting.startswith("EPHEMERAL_CPU_")):
            found[name] = f'"{text}" {problem}.'
    least, most = syntax.quantity(rule.minimum), syntax.quantity(rule.maximum)
    if not found and least is not None and most is not None and least > most:
        found["maximum"] = f"{rule.maximum} is less than the minimum, {rule.minimum}."
    return found


def _contradictions(rule: Rule) -> dict[str, str]:
    if rule.effect is not Effect.LIMITED:
        limits = {"allowed": rule.allowed, "refused": rule.refused, "minimum": rule.minimum, "maximum": rule.maximum}
        found = {
            name: "Only a setting that is not locked or forbidden has this." for name, said in limits.items() if said
        }
        if rule.effect is Effect.FORBIDDEN and rule.value:
            found["value"] = "A forbidden setting has no value."
        if rule.is_locked and rule.setting == variables.ENABLE and not rule.value.strip():
            found["value"] = "Say to what it is locked: 1 or 0."
        return found
    if not any((rule.value, rule.allowed, rule.refused, rule.minimum, rule.maximum)):
        return {"value": "The rule says nothing: give a default, a list or a bound, or lock or forbid the setting."}
    objections = Policy((rule,)).objections(rule.setting, rule.value) if rule.value else []
    return {"value": f"The default breaks the rule itself. {objections[0].message}"} if objections else {}


def loosening(rule: Rule, above: Iterable[Rule]) -> Mapping[str, str]:
    """How a rule would loosen one of a higher level for the same setting: field and sentence, empty when it does not.

    The rules of all levels count, so none can take effect where it is looser. It is refused all the same, as whoever
    writes it would believe that it does.
    """
    found: dict[str, str] = {}
    for upper in above:
        if upper.setting != rule.setting:
            continue
        for name, sentence in _loosening(rule, upper).items():
            found.setdefault(name, sentence)
    return found


def _loosening(rule: Rule, upper: Rule) -> Mapping[str, str]:
    if upper.effect is Effect.FORBIDDEN:
        if rule.effect is Effect.FORBIDDEN:
            return {}
        return {"effect": f"{_start(upper)} forbids {rule.setting}, which a rule below it cannot allow."}
    if upper.is_locked:
        if rule.is_locked and not Policy((upper,)).objections(rule.setting, rule.value):
            return {}
        shown = f'"{upper.value}"' if upper.value else "nothing"
        return {"effect": f"{_start(upper)} locks {rule.setting} to {shown}, which a rule below it cannot change."}
    if rule.effect is Effect.FORBIDDEN:
        return {}
    found: dict[str, str] = {}
    objections = Policy((upper,)).objections(rule.setting, rule.value) if rule.value.strip() else []
    if objections:
        found["value"] = objections[0].message
    if upper.allowed:
        wide = [patterns.entry(upper.setting, one) for one in upper.allowed]
        for one in rule.allowed:
            if not any(patterns.within(patterns.entry(rule.setting, one), outer) for outer in wide):
                found["allowed"] = f'"{one}" is more than {upper.level} allows: {", ".join(upper.allowed)}.'
    for one in upper.refused:
        pattern = patterns.entry(upper.setting, one)
        for allowed in rule.allowed:
            if patterns.within(patterns.entry(rule.setting, allowed), pattern):
                found["allowed"] = f'"{allowed}" is refused by {upper.level} ({one}).'
    return found | _looser_bounds(rule, upper)


def _looser_bounds(rule: Rule, upper: Rule) -> dict[str, str]:
    found: dict[str, str] = {}
    most, outer_most = syntax.quantity(rule.maximum), syntax.quantity(upper.maximum)
    least, outer_least = syntax.quantity(rule.minimum), syntax.quantity(upper.minimum)
    if outer_most is not None and most is not None and most > outer_most:
        found["maximum"] = f"{rule.maximum} is more than {upper.maximum}, the most that {upper.level} allows."
    if outer_least is not None and least is not None and least < outer_least:
        found["minimum"] = f"{rule.minimum} is less than {upper.minimum}, the least that {upper.level} allows."
    if outer_most is not None and least is not None and least > outer_most:
        found["minimum"] = f"{rule.minimum} is more than {upper.maximum}, the most that {upper.level} allows."
    if outer_least is not None and most is not None and most < outer_least:
        found["maximum"] = f"{rule.maximum} is less than {upper.minimum}, the least that {upper.level} allows."
    return found


def _start(rule: Rule) -> str:
    return rule.level.value[0].upper() + rule.level.value[1:]
