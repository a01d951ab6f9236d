"""What a user does with the settings of a workspace's pods: change several of them at once."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from workspaces import ephemeral
from workspaces.access import Actor
from workspaces.choices import Category
from workspaces.ephemeral import EphemeralSyntaxError, EphemeralSyntaxErrors
from workspaces.errors import InvalidInput
from workspaces.models import Workspace
from workspaces.permissions import require
from workspaces.policies import policy_of
from workspaces.services.records import delete_record
from workspaces.services.workspaces import set_variable
from workspaces.variables import workspace_inputs


def check_settings(workspace: Workspace, changes: Mapping[str, str | None]) -> dict[str, str]:
    """What would be wrong with a workspace's settings after changes; variable and sentence, empty when nothing is.

    A text of None takes the variable away. What others than the workspace set wrongly is not held against it.
    """
    wrong: dict[str, str] = {}
    policy = policy_of(workspace.organization_id)
    for name, text in changes.items():
        if text is None:
            continue
        try:
            ephemeral.validate(name, text)
        except EphemeralSyntaxError as error:
            wrong[name] = str(error)
        else:
            refusals = policy.objections(name, text)
            if refusals:
                wrong[name] = " ".join(refusal.message for refusal in refusals)
    if wrong:
        return wrong
    own = {row.key: row.value for row in workspace.variables.filter(category=Category.ENV)}
    own |= {name: text for name, text in changes.items() if text is not None}
    for name in (name for name, text in changes.items() if text is None):
        own.pop(name, None)
    inherited = workspace_inputs(workspace, own=False).texts(Category.ENV)
    try:
        ephemeral.pod_settings({**inherited, **own})
    except EphemeralSyntaxErrors as errors:
        wrong = {error.variable: str(error) for error in errors.errors if error.variable in own}
    return wrong


def change_settings(workspace: Workspace, changes: Mapping[str, str | None], *, by: Actor) -> None:
    """Write, change and (text None) take away environment variables that shape a workspace's pods, all or none.

    Whether a variable is sensitive stays as it is. Raises InvalidInput with the grammar at each variable, NotAllowed.
    """
    require(by, workspace.organization, "manage_workspace", to="change the executor's settings", workspace=workspace)
    unknown = changes.keys() - ephemeral.SETTINGS.keys()
    if unknown:
        raise InvalidInput(f"These variables are no settings of the executor: {', '.join(sorted(unknown))}")
    with transaction.atomic():
        wrong = check_settings(workspace, changes)
        if wrong:
            raise InvalidInput(" ".join(wrong.values()), fields=wrong)
        stored = {row.key: row for row in workspace.variables.filter(key__in=changes.keys())}
        for name, text in changes.items():
            row = stored.get(name)
            if text is None:
                if row is not None and row.category == Category.ENV:
                    delete_record(row, by=by)
                continue
            set_variable(
                workspace,
                by=by,
                key=name,
                value=text,
                category=Category.ENV,
                sensitive=row.sensitive if row is not None else False,
                description=row.description if row is not None else None,
            )
