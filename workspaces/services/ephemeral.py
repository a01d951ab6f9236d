"""What a user does with the settings of a workspace's pods: change several of them at once."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import joined
from workspaces import pods
from workspaces.actors import Actor
from workspaces.choices import Category
from workspaces.errors import InvalidInput, WrongSettings
from workspaces.models import Variable, Workspace
from workspaces.permissions import require_permission
from workspaces.services.saving import save_valid
from workspaces.variables.in_force import WORKSPACE, Value, with_additions
from workspaces.variables.pod_settings import Settings
from workspaces.variables.pod_settings_check import checked_settings, contradictions

RIGHT, PURPOSE = "manage_workspace", _("change the executor's settings")
"""What changing the settings takes, and what a refusal calls it."""


def refused_setting(settings: Settings, name: str, text: str | None) -> str:
    """Return the sentence with which one change of a workspace's settings would be refused; empty where it is made.

    A text of None takes the variable away. Nothing of a sensitive text is repeated.
    """
    own = {key: value for key, value in settings.in_force.items() if value.origin == WORKSPACE}
    hidden = name in own and own[name].sensitive
    if text is None:
        own.pop(name, None)
    else:
        refused = pods.text_refusal(name, text, hidden=hidden)
        if refused is not None:
            return refused
        refusals = settings.policy.objections(name, text, hidden=hidden)
        if refusals:
            return joined(" ", (refusal.message for refusal in refusals))
        own[name] = Value(text=text, sensitive=hidden)
    after = with_additions({**settings.inherited, **own}, settings.policy)
    return joined(" ", contradictions(settings.in_force, after, settings.policy).values())


def change_settings(workspace: Workspace, changes: Mapping[str, str | None], *, by: Actor) -> None:
    """Write, change and (text None) take away environment variables that shape a workspace's pods, all or none.

    The names are those of pod settings. Whether a variable is sensitive stays as it is. Raises WrongSettings with a
    sentence for each variable, and NotAllowed.
    """
    require_permission(by, workspace.organization, RIGHT, action=PURPOSE, workspace=workspace)
    wrong: dict[str, str] = {}
    with checked_settings(workspace):
        stored = {row.key: row for row in workspace.variables.filter(key__in=changes.keys())}
        for name, text in changes.items():
            try:
                _change(workspace, stored.get(name), name, text)
            except InvalidInput as error:
                wrong[name] = error.fields.get("value", error.message)
        if wrong:
            raise WrongSettings(wrong)


def _change(workspace: Workspace, row: Variable | None, name: str, text: str | None) -> None:
    if text is None:
        if row is not None and row.category == Category.ENV:
            row.delete()
    elif row is None:
        save_valid(Variable(workspace=workspace, key=name, value=text, category=Category.ENV))
    else:
        row.value, row.category, row.hcl = text, Category.ENV, False
        save_valid(row, update_fields={"value", "category", "hcl"})
