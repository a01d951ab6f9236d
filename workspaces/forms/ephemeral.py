"""The form of a workspace's ephemeral executor: one entry for each variable that shapes its pods.

The variables are the only store: what is read here are the workspace's ENV variables, and what is entered becomes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from terrakube_site.sentences import translated
from workspaces.choices import Category
from workspaces.differences import without_own
from workspaces.ephemeral import SETTINGS, Kind, Setting, is_enabled
from workspaces.ephemeral import variables as names
from workspaces.ephemeral.policy import Rule
from workspaces.ephemeral.words import described
from workspaces.models import Variable, Workspace
from workspaces.models.variable import HIDDEN
from workspaces.services.ephemeral import check_settings
from workspaces.variables import Inputs, workspace_inputs

PREFIX = "ephemeral"
PRESENT = f"{PREFIX}-present"
_ON, _OFF = "1", "0"

TITLES: Mapping[str, Any] = {
    names.ENABLE: _("Runs in Kubernetes"),
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
    (_("Where it runs"), (names.NODE_SELECTOR, names.TOLERATIONS)),
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
# Kinds that have an editor of their own, by variable; the others by their kind.
_EDITORS = {names.POD_SECURITY: "pod-security", names.CONTAINER_SECURITY: "container-security"}


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
    def is_long(self) -> bool:
        return self.setting.kind in {Kind.PAIRS, Kind.TOLERATIONS, Kind.NAMES}


class EphemeralForm:
    """Reads the settings of a workspace, and what was entered for them.

    ``defaults`` are the installation's own values of settings that nobody sets.
    """

    def __init__(
        self, data: Mapping[str, Any] | None, *, workspace: Workspace, defaults: Mapping[str, str] | None = None
    ) -> None:
        self.workspace = workspace
        self.data = data if data is not None and data.get(PRESENT) else None
        self._defaults = dict(defaults or {})
        rows = workspace.variables.filter(category=Category.ENV, key__in=SETTINGS.keys())
        self._stored: dict[str, Variable] = {row.key: row for row in rows}
        self._inputs: Inputs | None = None
        self.errors: dict[str, str] = {}

    # ---- what was entered -------------------------------------------------------------------------------------------

    @property
    def changes(self) -> dict[str, str | None]:
        """The variables that differ from what is stored; None takes one away. Empty when nothing was entered."""
        if self.data is None:
            return {}
        wanted = {name: self._wanted(name) for name in SETTINGS}
        return {name: text for name, text in wanted.items() if text != self._stored_text(name)}

    def _stored_text(self, name: str) -> str | None:
        row = self._stored.get(name)
        return None if row is None else row.value

    def _wanted(self, name: str) -> str | None:
        assert self.data is not None  # noqa: S101 - asked only about what was entered
        stored = self._stored_text(name)
        if name == names.ENABLE and f"{PREFIX}-{name}" not in self.data:
            # None of its choices was sent: a locked one keeps what somebody wrote before.
            return stored
        entered = str(self.data.get(f"{PREFIX}-{name}", "")).replace("\r\n", "\n").strip()
        if name == names.ENABLE:
            if entered not in {_ON, _OFF}:
                return None
            # A text that says the same stays as somebody wrote it.
            return stored if stored is not None and is_enabled(stored) == (entered == _ON) else entered
        chosen = bool(self.data.get(f"{PREFIX}-{name}-set"))
        row = self._stored.get(name)
        if row is not None and row.sensitive and chosen and not entered:
            return stored
        if not chosen and (not entered or entered == (stored or "").strip()):
            return None
        return stored if stored is not None and entered == stored.strip() else entered

    def is_valid(self) -> bool:
        changes = self.changes
        self.errors = check_settings(self.workspace, changes) if changes else {}
        return not self.errors

    # ---- what is shown ----------------------------------------------------------------------------------------------

    @property
    def inherited(self) -> Inputs:
        """What the workspace would get had it no variables itself."""
        if self._inputs is None:
            self._inputs = workspace_inputs(self.workspace, own=False)
        return self._inputs

    def _in_force(self, setting: Setting) -> tuple[str, str]:
        value = without_own(setting.name, self.inherited.environment, self.inherited.policy, self._defaults)
        return (HIDDEN if value.sensitive else value.text), value.origin

    def entry(self, name: str) -> Entry:
        setting = SETTINGS[name]
        row = self._stored.get(name)
        sensitive = row is not None and row.sensitive
        text, is_set = ("" if row is None or sensitive else row.value), row is not None
        if self.data is not None:
            entered = str(self.data.get(f"{PREFIX}-{name}", ""))
            # What was typed stays, except where it replaces a secret.
            text = "" if sensitive else entered
            is_set = bool(self.data.get(f"{PREFIX}-{name}-set")) or bool(entered.strip())
        inherited, origin = self._in_force(setting)
        return Entry(
            setting=setting,
            title=str(TITLES.get(name, name)),
            editor=_EDITORS.get(name, setting.kind.value),
            text=text,
            is_set=is_set,
            sensitive=sensitive,
            inherited=inherited,
            origin=origin,
            error=translated(self.errors.get(name, "")),
            lock=self.inherited.policy.lock(name),
            limits=tuple(limit for rule in self.inherited.policy.of(name) for limit in described(rule)),
            refusal=translated(self._refusal(row)),
        )

    def _refusal(self, row: Variable | None) -> str:
        if row is None or row.key in self.errors:
            return ""
        found = self.inherited.policy.objections(row.key, row.value, hidden=row.sensitive)
        return " ".join(refusal.message for refusal in found)

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

    @property
    def set_count(self) -> int:
        return sum(name != names.ENABLE for name in self._stored)
