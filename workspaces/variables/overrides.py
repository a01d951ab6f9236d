"""Compare the pod settings of a workspace with what it would inherit, setting by setting. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext_noop as _

from workspaces.models.variable import HIDDEN
from workspaces.pods import ALL_SETTINGS
from workspaces.pods.catalogue import ENABLE
from workspaces.pods.policy.rules import Policy, says_something
from workspaces.variables.in_force import INSTALLATION, WORKSPACE, Value

DEFAULT = _("default")


@dataclass(frozen=True, slots=True, kw_only=True)
class OverriddenSetting:
    """A setting that a workspace sets itself, and the value it overrides; the texts contain nothing secret."""

    setting: str
    own: str
    inherited: str
    origin: str


def inherited_value(
    setting: str, inherited: Mapping[str, Value], policy: Policy, defaults: Mapping[str, str] | None = None
) -> Value:
    """Return the value of a setting if the workspace does not set it.

    ``inherited`` are the variables of its organization and collections, ``defaults`` the installation's own values.
    """
    value = inherited.get(setting)
    if value is not None:
        return value
    # A policy adds nothing to steps without a pod; here its values are shown all the same.
    forced = policy.forced(setting)
    if forced is not None and says_something(setting, forced.text):
        return Value(text=forced.text, origin=forced.rule.level.value)
    if defaults and setting in defaults:
        return Value(text=defaults[setting], origin=INSTALLATION)
    return Value(text=ALL_SETTINGS[setting].default or "", origin=DEFAULT)


def overridden_settings(
    in_force: Mapping[str, Value],
    inherited: Mapping[str, Value],
    policy: Policy,
    defaults: Mapping[str, str] | None = None,
) -> Iterator[OverriddenSetting]:
    """Return the settings that a workspace sets to other values than it would inherit, in their order.

    A sensitive setting is always included, so that the list does not reveal whether its value is the same.
    """
    own = {name: value for name, value in in_force.items() if value.origin == WORKSPACE and name != ENABLE}
    for name in ALL_SETTINGS if own else ():
        if name not in own:
            continue
        here, otherwise = own[name], inherited_value(name, inherited, policy, defaults)
        if here.sensitive or otherwise.sensitive or here.text.strip() != otherwise.text.strip():
            yield OverriddenSetting(
                setting=name, own=_shown(here), inherited=_shown(otherwise), origin=otherwise.origin
            )


def _shown(value: Value) -> str:
    return HIDDEN if value.sensitive else value.text
