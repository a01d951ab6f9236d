"""What a user does with the settings of a workspace's pods: change several of them at once."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import joined
from workspaces.actors import Actor
from workspaces.caller import told_to_history
from workspaces.choices import Category
from workspaces.models import Variable, Workspace
from workspaces.permissions import require_permission
from workspaces.services.saving import write_checked
from workspaces.variables.in_force import Value
from workspaces.variables.pod_settings import Settings
from workspaces.variables.pod_settings_check import checked_settings, refusals

RIGHT, PURPOSE = "manage_workspace", _("change the executor's settings")
"""What changing the settings takes, and what a refusal calls it."""


def refused_setting(settings: Settings, name: str, text: str | None) -> str:
    """Return the sentence with which one change of a workspace's settings would be refused; empty where it is made.

    A text of None takes the variable away. Nothing of a sensitive text is repeated.
    """
    stored = settings.own.get(name)
    value = None if text is None else Value(text=text, sensitive=stored is not None and stored.sensitive)
    return joined(" ", refusals(settings, {name: value}).values())


@told_to_history
def change_settings(workspace: Workspace, changes: Mapping[str, str | None], *, by: Actor) -> None:
    """Write, change and (text None) take away environment variables that shape a workspace's pods, all or none.

    The names are those of pod settings. Whether a variable is sensitive stays as it is. Raises WrongSettings with a
    sentence for each variable, and NotAllowed.
    """
    require_permission(by, workspace.organization, RIGHT, action=PURPOSE, workspace=workspace)
    with checked_settings(workspace) as change:
        stored = {row.key: row for row in workspace.variables.filter(key__in=changes.keys())}
        values: dict[str, Value | None] = {}
        for name, text in changes.items():
            row = stored.get(name)
            if text is not None:
                written = None if row is None else {"value", "category", "hcl"}
                row = row or Variable(workspace=workspace, key=name)
                row.value, row.category, row.hcl = text, Category.ENV, False
                write_checked(row, update_fields=written)
                values[name] = Value(text=text, sensitive=row.sensitive)
            elif row is not None and row.category == Category.ENV:
                row.delete()
                values[name] = None
        change.enter(values)
