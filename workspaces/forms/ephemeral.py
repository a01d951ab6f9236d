"""The form of a workspace's ephemeral executor: one entry for each variable that shapes its pods.

The variables are the only store: what is read here are the workspace's ENV variables, and what is entered becomes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from terrakube_site.messages import translated
from workspaces import pods
from workspaces.choices import Category, StepType
from workspaces.encryption import is_readable
from workspaces.models import Variable, Workspace
from workspaces.models.variable import HIDDEN
from workspaces.pods import ALL_SETTINGS, SETTINGS, Kind, Setting, is_enabled
from workspaces.pods import catalogue as names
from workspaces.pods.policy.rules import Rule
from workspaces.pods.policy.wording import described
from workspaces.variables.in_force import Inputs, Value, apply_policy, with_additions
from workspaces.variables.overrides import inherited_value
from workspaces.variables.pod_settings import Settings, settings_of

PREFIX = "ephemeral"
PRESENT = f"{PREFIX}-present"
ADDED_NAME, ADDED_TEXT = f"{PREFIX}-added-name", f"{PREFIX}-added-text"
"""Fields of a setting of one step type that is set for the first time."""
_ON, _OFF = "1", "0"

TITLES: Mapping[str, Any] = {
    names.ENABLE: _("Runs in Kubernetes"),
    names.CLUSTER: _("Cluster"),
    names.NODE_SELECTOR: _("Node selector"),
    names.TOLERATIONS: _("Tolerations"),
    names.SERVICE_ACCOUNT: _("Service account"),
    names.POD_SECURITY: _("Pod security context"),
    names.CONTAINER_SECURITY: _("Container security context"),
    names.LABELS: _("Labels"),
    names.ANNOTATIONS: _("Job annotations"),
    names.POD_ANNOTATIONS: _("Pod annotations"),
    names.CONFIG_MAP_NAME: _("Mounted ConfigMap"),
    names.CONFIG_MAP_MOUNT_PATH: _("Mount path of the ConfigMap"),
    names.ENV_FROM_CONFIG_MAPS: _("Environment from ConfigMaps"),
    names.ENVIRONMENT: _("Container environment"),
    names.PLUGIN_CACHE_DIR: _("Provider cache folder"),
    names.PLUGIN_CACHE_CLAIM: _("Provider cache claim"),
    "EPHEMERAL_CPU_REQUEST": _("CPU request"),
    "EPHEMERAL_CPU_LIMIT": _("CPU limit"),
    "EPHEMERAL_MEMORY_REQUEST": _("Memory request"),
    "EPHEMERAL_MEMORY_LIMIT": _("Memory limit"),
    "EPHEMERAL_STORAGE_REQUEST": _("Disk request"),
    "EPHEMERAL_STORAGE_LIMIT": _("Disk limit"),
}
_GROUPS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (_("Where it runs"), (names.CLUSTER, names.NODE_SELECTOR, names.TOLERATIONS)),
    (_("Resources"), tuple(name for pair in names.RESOURCES.values() for name in pair)),
    (_("Identity and security"), (names.SERVICE_ACCOUNT, names.POD_SECURITY, names.CONTAINER_SECURITY)),
    (_("Labels and annotations"), (names.LABELS, names.ANNOTATIONS, names.POD_ANNOTATIONS)),
    (
        _("Files and environment"),
        (
            names.CONFIG_MAP_NAME,
            names.CONFIG_MAP_MOUNT_PATH,
            names.ENV_FROM_CONFIG_MAPS,
            names.ENVIRONMENT,
            names.PLUGIN_CACHE_DIR,
            names.PLUGIN_CACHE_CLAIM,
        ),
    ),
)
_STEP_TYPES = {names.PLAN: StepType.PLAN, names.APPLY: StepType.APPLY, names.DESTROY: StepType.DESTROY}
# Kinds that have an editor of their own, by variable; the others by their kind.
_EDITORS = {names.POD_SECURITY: "pod-security", names.CONTAINER_SECURITY: "container-security"}


def editor_of(name: str) -> str:
    """Return which control of the page's script edits a setting."""
    return _EDITORS.get(names.plain_name(name), ALL_SETTINGS[name].kind.value)


def title_of(name: str) -> str:
    """Return the title of a setting, with the type of its steps if it has one."""
    plain = names.plain_name(name)
    title = str(TITLES.get(plain, plain))
    return title if plain == name else f"{title} · {_STEP_TYPES[name.rpartition('_')[2]].label}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One setting as the page shows it.

    ``text`` is what its field holds, ``inherited`` what counts when the workspace does not set it, with its ``origin``.
    ``lock`` is the rule of a policy by which the workspace cannot change it, ``limits`` what the policies allow, in
    words; ``refusal`` is why the workspace's own value stops its steps.
    """

    setting: Setting
    title: str
    editor: str
    text: str
    is_set: bool
    sensitive: bool
    inherited: str
    origin: str
    error: str
    lock: Rule | None = None
    limits: tuple[str, ...] = ()
    refusal: str = ""

    @property
    def field(self) -> str:
        return f"{PREFIX}-{self.setting.name}"

    @property
    def example(self) -> str:
        """An example for the empty field, empty where it cannot be filled."""
        return "" if self.lock else self.setting.example

    @property
    def is_long(self) -> bool:
        return self.setting.kind in {Kind.PAIRS, Kind.TOLERATIONS, Kind.NAMES}


def _with_added(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was entered, with the added setting under its own name."""
    entered = {key: data.get(key) for key in data}
    name = entered.pop(ADDED_NAME, "")
    if name in names.STEP_SETTINGS:
        entered |= {f"{PREFIX}-{name}": entered.get(ADDED_TEXT, ""), f"{PREFIX}-{name}-set": "1"}
    return entered


class EphemeralForm:
    """Reads the settings of a workspace, and what was entered for them.

    ``defaults`` are the installation's own values of unset settings, ``errors`` what was refused when the
    entered settings were saved. ``inherited_from`` returns the stored settings where the page has looked them up.
    """

    def __init__(
        self,
        data: Mapping[str, Any] | None,
        *,
        workspace: Workspace,
        defaults: Mapping[str, str] | None = None,
        inherited_from: Callable[[], Settings] | None = None,
    ) -> None:
        self.workspace = workspace
        self.data = _with_added(data) if data is not None and data.get(PRESENT) else None
        self._defaults = dict(defaults or {})
        rows = workspace.variables.filter(category=Category.ENV, key__in=ALL_SETTINGS.keys())
        self._stored: dict[str, Variable] = {row.key: row for row in rows}
        self._inherited_from = inherited_from or (lambda: settings_of([workspace])[workspace.pk])
        self._in_force_by_name: dict[str, tuple[str, str]] = {}
        self.errors: dict[str, str] = {}

    # ---- what was entered -------------------------------------------------------------------------------------------

    @cached_property
    def changes(self) -> dict[str, str | None]:
        """The variables that differ from what is stored; None takes one away. Empty when nothing was entered."""
        if self.data is None:
            return {}
        wanted = {name: self._wanted(name) for name in ALL_SETTINGS if name in SETTINGS or self._is_entered(name)}
        return {name: text for name, text in wanted.items() if text != self._stored_text(name)}

    def _is_entered(self, name: str) -> bool:
        return self.data is not None and f"{PREFIX}-{name}" in self.data

    def _stored_text(self, name: str) -> str | None:
        row = self._stored.get(name)
        if row is None:
            return None
        # One that cannot be decrypted differs from whatever is entered.
        return row.value if is_readable(row, "value") else ""

    def _wanted(self, name: str) -> str | None:
        assert self.data is not None  # noqa: S101 - asked only about what was entered
        stored = self._stored_text(name)
        if name == names.ENABLE and not self._is_entered(name):
            # None of its choices was sent: a locked setting keeps its stored text.
            return stored
        entered = str(self.data.get(f"{PREFIX}-{name}", "")).replace("\r\n", "\n").strip()
        if name == names.ENABLE:
            if entered not in {_ON, _OFF}:
                return None
            # A text with the same meaning stays as it is stored.
            return stored if stored is not None and is_enabled(stored) == (entered == _ON) else entered
        chosen = bool(self.data.get(f"{PREFIX}-{name}-set"))
        row = self._stored.get(name)
        if row is not None and row.sensitive and chosen and not entered:
            return stored
        if not chosen and (not entered or entered == (stored or "").strip()):
            return None
        return stored if stored is not None and entered == stored.strip() else entered

    # ---- what is shown ----------------------------------------------------------------------------------------------

    @cached_property
    def inherited(self) -> Inputs:
        """The settings that the workspace would get had it no variables itself."""
        found = self._inherited_from()
        return apply_policy(Inputs(environment=dict(found.inherited)), found.policy)

    def _in_force(self, setting: Setting) -> tuple[str, str]:
        if setting.name not in self._in_force_by_name:
            value = inherited_value(setting.name, self.inherited.environment, self.inherited.policy, self._defaults)
            self._in_force_by_name[setting.name] = (HIDDEN if value.sensitive else value.text), value.origin
        return self._in_force_by_name[setting.name]

    def entry(self, name: str) -> Entry:
        setting = ALL_SETTINGS[name]
        row = self._stored.get(name)
        sensitive = row is not None and row.sensitive
        text, is_set = ("" if sensitive else self._stored_text(name) or ""), row is not None
        if self.data is not None:
            entered = str(self.data.get(f"{PREFIX}-{name}", ""))
            # What was typed stays, except where it replaces a secret.
            text = "" if sensitive else entered
            is_set = bool(self.data.get(f"{PREFIX}-{name}-set")) or bool(entered.strip())
        inherited, origin = self._in_force(setting)
        return Entry(
            setting=setting,
            title=title_of(name),
            editor=editor_of(name),
            text=text,
            is_set=is_set,
            sensitive=sensitive,
            inherited=inherited,
            origin=origin,
            error=translated(self.errors.get(name, "")),
            lock=self.inherited.policy.lock(name),
            limits=tuple(limit for rule in self.inherited.policy.of(name) for limit in described(rule)),
            refusal=" ".join(translated(sentence) for sentence in self._refusals(name)),
        )

    def _refusals(self, name: str) -> list[str]:
        row = self._stored.get(name)
        if name in self.errors:
            return []
        found = (
            []
            if row is None
            else self.inherited.policy.objections(name, self._stored_text(name) or "", hidden=row.sensitive)
        )
        said = [refusal.message for refusal in found]
        return [*said, self._contradictions[name]] if name in self._contradictions else said

    @cached_property
    def _contradictions(self) -> dict[str, str]:
        """The contradictions among the stored settings, inherited ones included."""
        if self.data is not None:
            return {}
        own = {
            key: Value(text=self._stored_text(key) or "", sensitive=row.sensitive) for key, row in self._stored.items()
        }
        inputs = Inputs(environment=with_additions({**self.inherited.environment, **own}, self.inherited.policy))
        return pods.wrong_settings(inputs.texts(Category.ENV), inputs.hidden)

    @property
    def switch(self) -> Entry:
        return self.entry(names.ENABLE)

    @property
    def choice(self) -> str:
        """What the switch stands at: "" for inherited, "1" or "0"."""
        if self.data is not None:
            return str(self.data.get(f"{PREFIX}-{names.ENABLE}", ""))
        stored = self._stored_text(names.ENABLE)
        return "" if stored is None else (_ON if is_enabled(stored) else _OFF)

    @property
    def inherits_on(self) -> bool:
        return is_enabled(self._in_force(SETTINGS[names.ENABLE])[0])

    @property
    def is_on(self) -> bool:
        return self.choice == _ON or (self.choice == "" and self.inherits_on)

    @property
    def groups(self) -> Iterator[tuple[str, list[Entry]]]:
        """The settings in groups; those that no group names come last."""
        placed = {names.ENABLE, *(name for group in _GROUPS for name in group[1])}
        for title, members in _GROUPS:
            yield str(title), [self.entry(name) for name in members]
        rest = [self.entry(name) for name in SETTINGS if name not in placed]
        if rest:
            yield str(_("More")), rest
        own = [self.entry(name) for name in names.STEP_SETTINGS if self._is_shown(name)]
        if own:
            yield str(_("For one type of step")), own

    def _is_shown(self, name: str) -> bool:
        """Whether a setting of one step type has an entry of its own: it says something, or is being entered."""
        return name in self._stored or self._is_entered(name) or bool(self._in_force(ALL_SETTINGS[name])[0])

    @property
    def addable(self) -> list[tuple[str, str]]:
        """The settings of one step type that have no entry yet: their names and titles."""
        return [(name, title_of(name)) for name in names.STEP_SETTINGS if not self._is_shown(name)]

    @property
    def set_count(self) -> int:
        return sum(name != names.ENABLE for name in self._stored)
