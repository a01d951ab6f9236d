"""What a workspace says of its pods otherwise than it would inherit, setting by setting. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext_noop as _

from workspaces.ephemeral import SETTINGS
from workspaces.ephemeral.policy import Policy, says_something
from workspaces.ephemeral.variables import ENABLE
from workspaces.models.variable import HIDDEN
from workspaces.variables import INSTALLATION, WORKSPACE, Value

DEFAULT = _("default")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A setting that a workspace sets itself, and what would count without it; nothing secret is in the texts."""

    setting: str
    own: str
    inherited: str
    origin: str


def without_own(
    setting: str, inherited: Mapping[str, Value], policy: Policy, defaults: Mapping[str, str] | None = None
) -> Value:
    """What counts for a setting where a workspace does not set it itself.

    ``inherited`` are the variables of its organization and collections, ``defaults`` the installation's own values of
    settings that nobody sets.
    """
    value = inherited.get(setting)
    if value is not None:
        return value
    # A policy adds nothing to what runs in no pod; here it is said all the same.
    forced = policy.forced(setting)
    if forced is not None and says_something(setting, forced.text):
        return Value(text=forced.text, origin=forced.rule.level.value)
    if defaults and setting in defaults:
        return Value(text=defaults[setting], origin=INSTALLATION)
    return Value(text=SETTINGS[setting].default or "", origin=DEFAULT)


def differences(
    in_force: Mapping[str, Value],
    inherited: Mapping[str, Value],
    policy: Policy,
    defaults: Mapping[str, str] | None = None,
) -> Iterator[Difference]:
    """The settings that a workspace sets to something else than it would inherit, in the order of the settings.

    Of a sensitive one nobody learns here whether it is the same: it is among them either way.
    """
    own = {name: value for name, value in in_force.items() if value.origin == WORKSPACE and name != ENABLE}
    for name in SETTINGS if own else ():
        if name not in own:
            continue
        here, otherwise = own[name], without_own(name, inherited, policy, defaults)
        if here.sensitive or otherwise.sensitive or here.text.strip() != otherwise.text.strip():
            yield Difference(setting=name, own=_shown(here), inherited=_shown(otherwise), origin=otherwise.origin)


def _shown(value: Value) -> str:
    return HIDDEN if value.sensitive else value.text
