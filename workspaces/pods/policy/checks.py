"""Validate a rule before it is saved: its format, contradictions within it, and whether it loosens a rule above."""

from collections.abc import Iterable, Mapping

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import marked, message
from workspaces.pods import catalogue, grammar
from workspaces.pods import kubernetes_syntax as syntax
from workspaces.pods.catalogue import ALL_SETTINGS, Kind
from workspaces.pods.grammar import EphemeralSyntaxError

from . import patterns
from .rules import Effect, Policy, Rule


def wrong(rule: Rule) -> Mapping[str, str]:
    """Return the errors of a rule by field; empty if it is valid."""
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
        if ALL_SETTINGS[rule.setting].kind is not Kind.QUANTITY:
            found[name] = message(_("{setting} is not a quantity, so it cannot have bounds."), setting=rule.setting)
        elif problem := syntax.quantity_objection(text, whole=not rule.setting.startswith("EPHEMERAL_CPU_")):
            found[name] = f'"{text}" ' + marked(problem) + "."
    least, most = syntax.quantity(rule.minimum), syntax.quantity(rule.maximum)
    if not found and least is not None and most is not None and least > most:
        found["maximum"] = message(
            _("The maximum {most} is less than the minimum {least}."), most=rule.maximum, least=rule.minimum
        )
    return found


def _contradictions(rule: Rule) -> dict[str, str]:
    if rule.effect is not Effect.LIMITED:
        limits = {"allowed": rule.allowed, "refused": rule.refused, "minimum": rule.minimum, "maximum": rule.maximum}
        found = {name: _("A locked or forbidden setting cannot have this.") for name, said in limits.items() if said}
        if rule.effect is Effect.FORBIDDEN and rule.value:
            found["value"] = _("A forbidden setting cannot have a value.")
        if rule.is_locked and rule.setting == catalogue.ENABLE and not rule.value.strip():
            found["value"] = _("Set the locked value: 1 or 0.")
        return found
    if not any((rule.value, rule.allowed, rule.refused, rule.minimum, rule.maximum)):
        nothing = _("The rule is empty. Set a default, a list or a bound, or lock or forbid the setting.")
        return {"value": nothing}
    objections = Policy((rule,)).objections(rule.setting, rule.value) if rule.value else []
    return {"value": _("The default violates the rule itself.") + f" {objections[0].message}"} if objections else {}


def loosening(rule: Rule, above: Iterable[Rule]) -> Mapping[str, str]:
    """Return how a rule loosens one of a higher level, by field; empty if it does not.

    The rules of all levels apply, so a looser rule never takes effect. It is refused all the same, because its author
    would believe that it does.
    """
    found: dict[str, str] = {}
    for upper in Policy(tuple(above)).of(rule.setting):
        for name, sentence in _loosening(rule, upper).items():
            found.setdefault(name, sentence)
    return found


def _loosening(rule: Rule, upper: Rule) -> Mapping[str, str]:
    if upper.effect is Effect.FORBIDDEN:
        if rule.effect is Effect.FORBIDDEN:
            return {}
        forbids = _("{setting} is forbidden by {level}; a rule below cannot allow it.")
        return {"effect": message(forbids, level=upper.level, setting=rule.setting)}
    if upper.is_locked:
        if rule.is_locked and not Policy((upper,)).objections(rule.setting, rule.value):
            return {}
        locks = (
            _('{setting} is locked to "{value}" by {level}; a rule below cannot change it.')
            if upper.value
            else _("{setting} is locked to an empty value by {level}; a rule below cannot change it.")
        )
        return {"effect": message(locks, level=upper.level, setting=rule.setting, value=upper.value)}
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
                more = _("is not within what {level} allows: {entries}.")
                found["allowed"] = f'"{one}" ' + message(more, level=upper.level, entries=", ".join(upper.allowed))
    for one in upper.refused:
        pattern = patterns.entry(upper.setting, one)
        for allowed in rule.allowed:
            if patterns.within(patterns.entry(rule.setting, allowed), pattern):
                refused = message(_("is refused by {level} ({entry})"), level=upper.level, entry=one)
                found["allowed"] = f'"{allowed}" ' + refused + "."
    return found | _looser_bounds(rule, upper)


def _looser_bounds(rule: Rule, upper: Rule) -> dict[str, str]:
    found: dict[str, str] = {}
    most, outer_most = syntax.quantity(rule.maximum), syntax.quantity(upper.maximum)
    least, outer_least = syntax.quantity(rule.minimum), syntax.quantity(upper.minimum)
    if outer_most is not None and most is not None and most > outer_most:
        found["maximum"] = _more(rule.maximum, upper)
    if outer_least is not None and least is not None and least < outer_least:
        found["minimum"] = _less(rule.minimum, upper)
    if outer_most is not None and least is not None and least > outer_most:
        found["minimum"] = _more(rule.minimum, upper)
    if outer_least is not None and most is not None and most < outer_least:
        found["maximum"] = _less(rule.maximum, upper)
    return found


def _more(amount: str, upper: Rule) -> str:
    text = _("{amount} is more than {most}, the maximum of {level}.")
    return message(text, amount=amount, most=upper.maximum, level=upper.level)


def _less(amount: str, upper: Rule) -> str:
    text = _("{amount} is less than {least}, the minimum of {level}.")
    return message(text, amount=amount, least=upper.minimum, level=upper.level)
