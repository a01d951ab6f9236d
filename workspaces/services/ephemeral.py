"""What a user does with the settings of a workspace's pods: change several of them at once."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import joined, message
from workspaces import pods
from workspaces.actors import Actor
from workspaces.choices import Category
from workspaces.errors import InvalidInput, WrongSettings
from workspaces.models import Variable, Workspace
from workspaces.permissions import require_permission
from workspaces.pods import EphemeralSyntaxError
from workspaces.services.records import create_record, delete_record, update_record
from workspaces.variables.in_force import WORKSPACE, Inputs, Value, apply_policy
from workspaces.variables.placement import Settings
from workspaces.variables.pod_settings_check import checked_together, contradictions

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
        try:
            pods.validate(name, text)
        except EphemeralSyntaxError as error:
            return str(error.untold() if hidden else error)
        refusals = settings.policy.objections(name, text, hidden=hidden)
        if refusals:
            return joined(" ", (refusal.message for refusal in refusals))
        own[name] = Value(text=text, sensitive=hidden)
    after = apply_policy(Inputs(environment={**settings.inherited, **own}), settings.policy)
    return joined(" ", contradictions(settings.in_force, after.environment, settings.policy).values())


def change_settings(workspace: Workspace, changes: Mapping[str, str | None], *, by: Actor) -> None:
    """Write, change and (text None) take away environment variables that shape a workspace's pods, all or none.

    Whether a variable is sensitive stays as it is. Raises WrongSettings with a sentence for each variable, InvalidInput
    for a name that is no setting, and NotAllowed.
    """
    require_permission(by, workspace.organization, RIGHT, action=PURPOSE, workspace=workspace)
    unknown = changes.keys() - pods.ALL_SETTINGS.keys()
    if unknown:
        raise InvalidInput(
            message(_("These variables are no settings of the executor: {names}"), names=", ".join(sorted(unknown)))
        )
    wrong: dict[str, str] = {}
    with checked_together():
        stored = {row.key: row for row in workspace.variables.filter(key__in=changes.keys())}
        for name, text in changes.items():
            try:
                _change(workspace, stored.get(name), name, text, by=by)
            except InvalidInput as error:
                wrong[name] = error.fields.get("value", error.message)
        if wrong:
            raise WrongSettings(wrong)


def _change(workspace: Workspace, row: Variable | None, name: str, text: str | None, *, by: Actor) -> None:
    if text is None:
        if row is not None and row.category == Category.ENV:
            delete_record(row, by=by)
    elif row is None:
        create_record(Variable(workspace=workspace, key=name, value=text, category=Category.ENV), by=by)
    else:
        update_record(row, {"value": text, "category": Category.ENV, "hcl": False}, by=by)
