"""What an installation and its organizations allow in the variables that shape pods: rules and values in, refusals out.

Rules stand in levels: what Terrakube Site itself holds, then the installation, then the organization. A value must
satisfy the rules of every level, so a lower level can only tighten; a rule that would loosen one above is refused when
it is saved (`loosening`). Pure: the records are read by `workspaces.models.policy`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from django.utils.translation import gettext_noop as _

from workspaces import kubernetes_syntax as syntax

from . import patterns, variables
from .variables import RESOURCES, SETTINGS, Kind


class Level(StrEnum):
    """Who made a rule; the value is what a sentence calls it."""

    BUILT_IN = _("the built-in rules")
    INSTALLATION = _("the policy of the installation")
    ORGANIZATION = _("the policy of the organization")


class Effect(StrEnum):
    """What a rule does with its setting.

    `limited`: the value is a default, the lists and bounds count. `locked`: the value is in force, and no variable may
    say another. `forbidden`: no variable may say anything.
    """

    LIMITED = "limited"
    LOCKED = "locked"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One level's rule for one setting; empty texts and lists say nothing. `reason` is shown to whom it refuses."""

    setting: str
    level: Level
    effect: Effect = Effect.LIMITED
    value: str = ""
    allowed: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    minimum: str = ""
    maximum: str = ""
    reason: str = ""

    @property
    def is_locked(self) -> bool:
        return self.effect is Effect.LOCKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What a rule refuses, in a sentence that names the variable, the value and the level."""

    setting: str
    level: Level
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forced:
    """The value of a setting that no variable says, and the rule from which it comes."""

    text: str
    rule: Rule

    @property
    def locked(self) -> bool:
        return self.rule.is_locked


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules that count for an organization, highest level first."""

    rules: tuple[Rule, ...] = ()
    _by_setting: dict[str, list[Rule]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found: dict[str, list[Rule]] = {}
        for rule in sorted(self.rules, key=lambda rule: list(Level).index(rule.level)):
            found.setdefault(rule.setting, []).append(rule)
        object.__setattr__(self, "_by_setting", found)

    def of(self, setting: str) -> list[Rule]:
        return self._by_setting.get(setting, [])

    def lock(self, setting: str) -> Rule | None:
        """The rule by which nobody can change a setting: it locks or forbids it; None when there is none."""
        return next((rule for rule in self.of(setting) if rule.effect is not Effect.LIMITED), None)

    def forced(self, setting: str) -> Forced | None:
        """What counts for a setting that no variable says: a lock, else the nearest default, else a bound."""
        rules = self.of(setting)
        lock = self.lock(setting)
        if lock is not None:
            return Forced(text=lock.value, rule=lock) if lock.is_locked else None
        default = next((rule for rule in reversed(rules) if rule.value), None)
        if default is not None:
            return Forced(text=default.value, rule=default)
        return _bound(setting, rules)

    def objections(self, setting: str, text: str, *, hidden: bool = False) -> list[Refusal]:
        """What the rules refuse in the text of one variable; `hidden` keeps the text itself out of the sentences."""
        return [
            Refusal(setting=setting, level=rule.level, message=_sentence(rule, objection))
            for rule in self.of(setting)
            if (objection := _objection(rule, text, hidden=hidden))
        ]

    def refusals(self, environment: Mapping[str, str], hidden: Iterable[str] = ()) -> list[Refusal]:
        """What the rules refuse in all variables of a step together, its defaults among them.

        Where it runs in no pod, only the switch counts. `hidden` names the variables whose texts are secret.
        """
        secret = frozenset(hidden)
        values = {name: environment[name] for name in SETTINGS if name in environment}
        if not self.enabled(environment):
            values = {name: text for name, text in values.items() if name == variables.ENABLE}
        elif values.get(variables.PLUGIN_CACHE_DIR, "").strip() and not values.get(variables.PLUGIN_CACHE_CLAIM):
            # Mounted without anybody having named it.
            values[variables.PLUGIN_CACHE_CLAIM] = variables.DEFAULT_PLUGIN_CACHE_CLAIM
        return [
            refusal for name, text in values.items() for refusal in self.objections(name, text, hidden=name in secret)
        ]

    def enabled(self, environment: Mapping[str, str]) -> bool:
        """Whether a step with these variables runs in a pod."""
        forced = None if variables.ENABLE in environment else self.forced(variables.ENABLE)
        text = forced.text if forced else environment.get(variables.ENABLE, "")
        return text.strip().lower() not in variables.OFF_TEXTS

    def additions(self, environment: Mapping[str, str]) -> dict[str, Forced]:
        """What the rules add to the variables of a step; to one that runs in no pod, the switch alone."""
        names = SETTINGS if self.enabled(environment) else (variables.ENABLE,)
        found = {name: self.forced(name) for name in names if name not in environment}
        return {
            name: forced for name, forced in found.items() if forced is not None and says_something(name, forced.text)
        }


def says_something(name: str, text: str) -> bool:
    """Whether a text says anything; an empty node selector does, since it takes away the one above."""
    return bool(text.strip()) or name == variables.NODE_SELECTOR


def _bound(setting: str, rules: Iterable[Rule]) -> Forced | None:
    """A limit that nobody says is none, so the most that is allowed counts; and for a request the least."""
    upper = setting in {limit for _, limit in RESOURCES.values()}
    said = [(rule, rule.maximum if upper else rule.minimum) for rule in rules]
    found = [(amount, rule, text) for rule, text in said if (amount := syntax.quantity(text)) is not None]
    if not found:
        return None
    _amount, rule, text = (min if upper else max)(found, key=lambda one: one[0])
    return Forced(text=text, rule=rule)


def _sentence(rule: Rule, objection: str) -> str:
    return f"{rule.setting}: {objection}." + (f" {rule.reason.strip()}" if rule.reason.strip() else "")


def _objection(rule: Rule, text: str, *, hidden: bool) -> str | None:
    if not says_something(rule.setting, text) and rule.setting != variables.ENABLE:
        return None
    if rule.effect is Effect.FORBIDDEN:
        return _("may not be set, by {level}").format(level=rule.level)
    if rule.is_locked:
        if _same(rule.setting, text, rule.value):
            return None
        if not rule.value.strip():
            return _("is locked to nothing by {level}").format(level=rule.level)
        return _('is locked to "{value}" by {level}').format(value=rule.value, level=rule.level)
    return _item_objection(rule, text, hidden=hidden) or _bound_objection(rule, text)


def _item_objection(rule: Rule, text: str, *, hidden: bool) -> str | None:
    allowed = [patterns.entry(rule.setting, one) for one in rule.allowed]
    refused = [(one, patterns.entry(rule.setting, one)) for one in rule.refused]
    for shown, parts in patterns.items(rule.setting, text):
        said = _("its value") if hidden else f'"{shown}"'
        for one, pattern in refused:
            if patterns.fits(pattern, parts):
                return said + " " + _("is refused by {level} ({entry})").format(level=rule.level, entry=one)
        if allowed and not any(patterns.fits(pattern, parts) for pattern in allowed):
            allowed_is = _("is not allowed by {level}; allowed is {entries}")
            return said + " " + allowed_is.format(level=rule.level, entries=_listed(rule.allowed))
    return None


def _bound_objection(rule: Rule, text: str) -> str | None:
    amount = syntax.quantity(text.strip()) if rule.minimum or rule.maximum else None
    if amount is None:
        return None
    if rule.maximum and amount > _amount(rule.maximum):
        more = _("is more than {most}, the most that {level} allows").format(most=rule.maximum, level=rule.level)
        return f'"{text.strip()}" {more}'
    if rule.minimum and amount < _amount(rule.minimum):
        less = _("is less than {least}, the least that {level} allows").format(least=rule.minimum, level=rule.level)
        return f'"{text.strip()}" {less}'
    return None


def _amount(text: str) -> Decimal:
    return syntax.quantity(text) or Decimal(0)


def _listed(entries: tuple[str, ...]) -> str:
    shown = ", ".join(entries[:8])
    return f"{shown} and {len(entries) - 8} more" if len(entries) > 8 else shown


def _same(setting: str, one: str, other: str) -> bool:
    if SETTINGS[setting].kind is Kind.QUANTITY:
        return syntax.quantity(one.strip()) == syntax.quantity(other.strip())
    return sorted(parts for _, parts in patterns.items(setting, one)) == sorted(
        parts for _, parts in patterns.items(setting, other)
    )
