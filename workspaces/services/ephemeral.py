"""What a user does with the settings of a workspace's pods: change several of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db import transaction
from django.utils.translation import gettext_noop as _

from workspaces import ephemeral
from workspaces.access import Actor
from workspaces.choices import Category
from workspaces.ephemeral import EphemeralSyntaxError, EphemeralSyntaxErrors
from workspaces.errors import InvalidInput
from workspaces.models import Variable, Workspace
from workspaces.permissions import require
from workspaces.services.records import delete_record
from workspaces.services.workspaces import set_variable
from workspaces.variables import Inputs, workspace_inputs

RIGHT, PURPOSE = "manage_workspace", _("change the executor's settings")
"""What changing the settings takes, and what a refusal calls it."""


def check_settings(workspace: Workspace, changes: Mapping[str, str | None]) -> dict[str, str]:
    """What would be wrong with a workspace's settings after changes; variable and sentence, empty when nothing is.

    A text of None takes the variable away. What others than the workspace set wrongly is not held against it.
    """
    own = {row.key: row for row in workspace.variables.filter(category=Category.ENV)}
    return wrong_settings(changes, own, workspace_inputs(workspace, own=False))


def wrong_settings(changes: Mapping[str, str | None], own: Mapping[str, Variable], inherited: Inputs) -> dict[str, str]:
    """The same as `check_settings`, of variables that are at hand: the workspace's own and what it inherits.

    What was typed just now may be repeated; of other sensitive texts nothing is.
    """
    wrong: dict[str, str] = {}
    for name, text in changes.items():
        if text is None:
            continue
        try:
            ephemeral.validate(name, text)
        except EphemeralSyntaxError as error:
            wrong[name] = str(error)
        else:
            refusals = inherited.policy.objections(name, text)
            if refusals:
                wrong[name] = " ".join(refusal.message for refusal in refusals)
    if wrong:
        return wrong
    shared, before = inherited.texts(Category.ENV), {key: row.value for key, row in own.items()}
    after = {key: text for key, text in {**before, **changes}.items() if text is not None}
    hidden = {key for key in inherited.hidden if key not in after}
    hidden |= {key for key, row in own.items() if row.sensitive and changes.get(key) is None}
    known = {str(found) for found in _contradictions({**shared, **before}, hidden)}
    for found in _contradictions({**shared, **after}, hidden):
        if found.variable in after:
            wrong[found.variable] = str(found)
        elif str(found) not in known:
            # An inherited value that goes with the old text and not with the new one.
            wrong[next((name for name in changes if name in str(found)), found.variable)] = str(found)
    return wrong


def _contradictions(environment: Mapping[str, str], hidden: Iterable[str]) -> tuple[EphemeralSyntaxError, ...]:
    try:
        ephemeral.pod_settings(environment, hidden)
    except EphemeralSyntaxErrors as errors:
        return tuple(errors.errors)
    return ()


def change_settings(workspace: Workspace, changes: Mapping[str, str | None], *, by: Actor) -> None:
    """Write, change and (text None) take away environment variables that shape a workspace's pods, all or none.

    Whether a variable is sensitive stays as it is. Raises InvalidInput with the grammar at each variable, NotAllowed.
    """
    require(by, workspace.organization, RIGHT, to=PURPOSE, workspace=workspace)
    unknown = changes.keys() - ephemeral.SETTINGS.keys()
    if unknown:
        raise InvalidInput(
            _("These variables are no settings of the executor: {names}").format(names=", ".join(sorted(unknown)))
        )
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
