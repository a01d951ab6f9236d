"""What an installation and its organizations allow in the variables that shape pods: rules and values in, refusals out.

Rules stand in levels: what Terrakube Site itself holds, then the installation, then the organization. A value must
satisfy the rules of every level, so a lower level can only tighten; a rule that would loosen one above is refused when
it is saved (`loosening`). Pure: the records are read by `workspaces.models.policy`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import marked, message
from workspaces.pods import catalogue
from workspaces.pods import kubernetes_syntax as syntax
from workspaces.pods.catalogue import ALL_SETTINGS, RESOURCES, SETTINGS, STEP_SETTINGS, Kind
from workspaces.pods.step_types import for_step, name_for

from . import patterns


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a policy makes of a change of variables.

    `before` and `after` are the texts that count, with what the policy adds. `objections` are the sentences about each
    text that was entered, `in_steps` what the change makes wrong in the steps of one type.
    """

    before: Mapping[str, str]
    after: Mapping[str, str]
    objections: Mapping[str, Collection[str]]
    in_steps: Collection[Refusal]


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules that count for an organization, highest level first.

    ``clusters`` returns the names of the clusters that the organization may use; it is called only where a text names
    one. None: any name is allowed.
    """

    rules: tuple[Rule, ...] = ()
    clusters: Callable[[], Sequence[str]] | None = field(default=None, repr=False, compare=False)
    _by_setting: dict[str, list[Rule]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found: dict[str, list[Rule]] = {}
        for rule in sorted(self.rules, key=lambda rule: list(Level).index(rule.level)):
            found.setdefault(rule.setting, []).append(rule)
        object.__setattr__(self, "_by_setting", found)

    def of(self, setting: str) -> list[Rule]:
        """Return the rules for a setting, highest level first.

        For a setting of one step type, those of each level for it, else that level's for the plain setting.
        """
        own, plain = self._by_setting.get(setting, []), catalogue.plain_name(setting)
        if plain == setting:
            return own
        levels = {rule.level for rule in own}
        general = [rule for rule in self._by_setting.get(plain, []) if rule.level not in levels]
        return sorted([*own, *general], key=lambda rule: list(Level).index(rule.level))

    def lock(self, setting: str) -> Rule | None:
        """Return the rule that locks or forbids a setting, None if there is none."""
        return next((rule for rule in self.of(setting) if rule.effect is not Effect.LIMITED), None)

    def forced(self, setting: str) -> Forced | None:
        """What counts for a setting that no variable says: a lock, else the nearest default, else a bound."""
        rules = self.of(setting)
        lock = self.lock(setting)
        if lock is not None:
            return Forced(text=lock.value, rule=lock) if lock.is_locked else None
        # What the plain setting's rules add is added to the plain setting.
        own = [rule for rule in rules if rule.setting == setting]
        default = next((rule for rule in reversed(own) if rule.value), None)
        if default is not None:
            return Forced(text=default.value, rule=default)
        return _bound(setting, own)

    def objections(self, setting: str, text: str, *, hidden: bool = False) -> list[Refusal]:
        """What the rules refuse in the text of one variable; `hidden` keeps the text itself out of the sentences."""
        rules = [*self._rules_of_clusters(setting, text), *self.of(setting)]
        items = patterns.items(setting, text) if rules else []
        return [
            Refusal(setting=setting, level=rule.level, message=_sentence(setting, rule, objection))
            for rule in rules
            if (objection := _objection(rule, text, items, hidden=hidden))
        ]

    def _rules_of_clusters(self, setting: str, text: str) -> Iterable[Rule]:
        """Return the built-in rule that only usable clusters may be named, where a text names one."""
        if self.clusters is not None and text.strip() and catalogue.plain_name(setting) == catalogue.CLUSTER:
            yield Rule(
                setting=setting,
                level=Level.BUILT_IN,
                allowed=(catalogue.DEFAULT_CLUSTER, *self.clusters()),
                reason=_("Administrators add and enable clusters."),
            )

    def refusals(
        self, environment: Mapping[str, str], hidden: Iterable[str] = (), *, ending: str | None = None
    ) -> list[Refusal]:
        """What the rules refuse in all variables of a step together, its defaults among them.

        Where it runs in no pod, only the switch counts. `hidden` names the variables whose texts are secret. With
        `ending` only the steps of that type count, else those of every type.
        """
        secret = frozenset(hidden)
        endings = self._endings_in(environment) if ending is None else (ending,)
        found: dict[str, Refusal] = {}
        for one in endings:
            for refusal in self._refusals_of_type(environment, secret, one):
                found.setdefault(refusal.message, refusal)
        return list(found.values())

    def judge_change(
        self,
        before: Mapping[str, str],
        after: Mapping[str, str],
        *,
        entered: Iterable[str] = (),
        hidden: Collection[str] = (),
    ) -> Judgement:
        """Judge a change of a step's variables, of which the rules have not seen those that were `entered`."""
        objections = {
            name: [refusal.message for refusal in self.objections(name, after[name], hidden=name in hidden)]
            for name in entered
        }
        was, now = self._with_additions(before), self._with_additions(after)
        known = {refusal.message for refusal in self._step_refusals(was, hidden)}
        in_steps = [refusal for refusal in self._step_refusals(now, hidden) if refusal.message not in known]
        return Judgement(before=was, after=now, objections=objections, in_steps=in_steps)

    def _with_additions(self, environment: Mapping[str, str]) -> dict[str, str]:
        added = self.additions(environment)
        return {**environment, **{name: forced.text for name, forced in added.items()}}

    def _step_refusals(self, environment: Mapping[str, str], hidden: Iterable[str]) -> list[Refusal]:
        """What the variables and rules for one type of step make wrong in its steps; see `refusals`."""
        _every, *endings = self._endings_in(environment)
        found = (refusal for ending in endings for refusal in self.refusals(environment, hidden, ending=ending))
        return [refusal for refusal in found if refusal.setting in STEP_SETTINGS]

    def _endings_in(self, environment: Mapping[str, str]) -> tuple[str, ...]:
        return catalogue.endings_in((*environment, *self._by_setting))

    def _refusals_of_type(
        self, environment: Mapping[str, str], secret: frozenset[str], ending: str
    ) -> Iterable[Refusal]:
        values = {name: text for name, text in for_step(environment, ending).items() if name in SETTINGS}
        if not self.enabled(environment):
            values = {name: text for name, text in values.items() if name == catalogue.ENABLE}
        elif values.get(catalogue.PLUGIN_CACHE_DIR, "").strip() and not values.get(catalogue.PLUGIN_CACHE_CLAIM):
            # Mounted without anybody having named it.
            values[catalogue.PLUGIN_CACHE_CLAIM] = catalogue.DEFAULT_PLUGIN_CACHE_CLAIM
        for name, text in values.items():
            said = name_for(name, ending, environment)
            # A rule for one step type counts for the plain setting too, where that is what its steps get.
            rules = name_for(name, ending, self._by_setting)
            yield from self.objections(rules if rules != name else said, text, hidden=said in secret)

    def enabled(self, environment: Mapping[str, str]) -> bool:
        """Whether a step with these variables runs in a pod."""
        forced = None if catalogue.ENABLE in environment else self.forced(catalogue.ENABLE)
        text = forced.text if forced else environment.get(catalogue.ENABLE, "")
        return text.strip().lower() not in catalogue.OFF_TEXTS

    def additions(self, environment: Mapping[str, str]) -> dict[str, Forced]:
        """What the rules add to the variables of a step; to one that runs in no pod, the switch alone."""
        names = SETTINGS if self.enabled(environment) else (catalogue.ENABLE,)
        found = {name: self.forced(name) for name in names if name not in environment}
        if self.enabled(environment):
            found |= {name: self._forced_in_steps(name, {**environment, **found}) for name in self._step_rules}
        return {
            name: forced for name, forced in found.items() if forced is not None and says_something(name, forced.text)
        }

    @property
    def _step_rules(self) -> list[str]:
        return [name for name in self._by_setting if name in STEP_SETTINGS]

    def _forced_in_steps(self, name: str, said: Mapping[str, object]) -> Forced | None:
        forced = None if name in said else self.forced(name)
        is_bound = forced is not None and not forced.locked and not forced.rule.value
        # A bound is the value of a setting that nothing else says.
        return None if is_bound and said.get(catalogue.plain_name(name)) else forced


def says_something(name: str, text: str) -> bool:
    """Whether a text says anything; an empty node selector does, since it takes away the one above."""
    return bool(text.strip()) or catalogue.plain_name(name) == catalogue.NODE_SELECTOR


def _bound(setting: str, rules: Iterable[Rule]) -> Forced | None:
    """Without a limit the maximum counts as its value, and without a request the minimum."""
    upper = catalogue.plain_name(setting) in {limit for _, limit in RESOURCES.values()}
    said = [(rule, rule.maximum if upper else rule.minimum) for rule in rules]
    found = [(amount, rule, text) for rule, text in said if (amount := syntax.quantity(text)) is not None]
    if not found:
        return None
    _amount, rule, text = (min if upper else max)(found, key=lambda one: one[0])
    return Forced(text=text, rule=rule)


def _sentence(setting: str, rule: Rule, objection: str) -> str:
    # A value is named after its setting; what locks or forbids the setting itself goes on with its name.
    subject = f"{setting}: " if rule.effect is Effect.LIMITED else f"{setting} "
    return subject + marked(objection) + "." + (f" {rule.reason.strip()}" if rule.reason.strip() else "")


def _objection(rule: Rule, text: str, items: patterns.Items, *, hidden: bool) -> str | None:
    if not says_something(rule.setting, text) and rule.setting != catalogue.ENABLE:
        return None
    if rule.effect is Effect.FORBIDDEN:
        return message(_("is forbidden by {level}"), level=rule.level)
    if rule.is_locked:
        if _says_the_same(rule, text, items):
            return None
        if not rule.value.strip():
            return message(_("is locked to an empty value by {level}"), level=rule.level)
        return message(_('is locked to "{value}" by {level}'), value=rule.value, level=rule.level)
    return _item_objection(rule, items, hidden=hidden) or _bound_objection(rule, text, hidden=hidden)


def _item_objection(rule: Rule, items: patterns.Items, *, hidden: bool) -> str | None:
    allowed = [patterns.entry(rule.setting, one) for one in rule.allowed]
    refused = [(one, patterns.entry(rule.setting, one)) for one in rule.refused]
    for shown, parts in items:
        said = marked(_("its value")) if hidden else f'"{shown}"'
        for one, pattern in refused:
            if patterns.fits(pattern, parts):
                if hidden:
                    # The entry may be the value itself.
                    return said + " " + message(_("is refused by {level}"), level=rule.level)
                return said + " " + message(_("is refused by {level} ({entry})"), level=rule.level, entry=one)
        if allowed and not any(patterns.fits(pattern, parts) for pattern in allowed):
            allowed_is = _("is not allowed by {level}; allowed: {entries}")
            return said + " " + message(allowed_is, level=rule.level, entries=_listed(rule.allowed))
    return None


def _bound_objection(rule: Rule, text: str, *, hidden: bool) -> str | None:
    amount = syntax.quantity(text.strip()) if rule.minimum or rule.maximum else None
    if amount is None:
        return None
    said = marked(_("its value")) if hidden else f'"{text.strip()}"'
    if rule.maximum and amount > _amount(rule.maximum):
        more = message(_("is more than {most}, the maximum of {level}"), most=rule.maximum, level=rule.level)
        return said + " " + more
    if rule.minimum and amount < _amount(rule.minimum):
        less = message(_("is less than {least}, the minimum of {level}"), least=rule.minimum, level=rule.level)
        return said + " " + less
    return None


def _amount(text: str) -> Decimal:
    return syntax.quantity(text) or Decimal(0)


def _listed(entries: tuple[str, ...]) -> str:
    shown = ", ".join(entries[:8])
    return f"{shown} and {len(entries) - 8} more" if len(entries) > 8 else shown


def _says_the_same(rule: Rule, text: str, items: patterns.Items) -> bool:
    """Whether a text says what a locked rule says."""
    if ALL_SETTINGS[rule.setting].kind is Kind.QUANTITY:
        return syntax.quantity(text.strip()) == syntax.quantity(rule.value.strip())
    locked = patterns.items(rule.setting, rule.value)
    return sorted(parts for _, parts in items) == sorted(parts for _, parts in locked)
