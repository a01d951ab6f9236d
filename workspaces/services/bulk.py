"""What a user does with many workspaces at once: each as if it were the only one, and said how it went."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext_noop as _

from workspaces.access import Actor
from workspaces.choices import Category
from workspaces.ephemeral import SETTINGS
from workspaces.errors import InvalidInput, ServiceError
from workspaces.models import Template, Variable, Workspace
from workspaces.models.policy import policies_of
from workspaces.permissions import allowed_among, refusal, require
from workspaces.pod_variables import inherited_variables
from workspaces.services.ephemeral import PURPOSE, RIGHT, change_settings, wrong_settings
from workspaces.services.jobs import START, create_job
from workspaces.variables import Inputs, under_policy

MOST = 500


@dataclass(frozen=True, slots=True)
class Result:
    """How it went with one workspace; ``refused`` is empty when it went well."""

    workspace: Workspace
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one workspace's variable is now, and whether it would change; None is no such variable, or a hidden one.

    ``refused`` is the sentence with which the change would be refused, empty where it would be made.
    """

    workspace: Workspace
    before: str | None
    changes: bool
    hidden: bool = False
    refused: str = ""


def effects(workspaces: Iterable[Workspace], name: str, text: str | None, *, by: Actor) -> list[Effect]:
    """What setting a variable of the executor (None: taking it away) would change, with few queries for all."""
    found = list(workspaces)
    allowed = allowed_among(by, found, RIGHT)
    own: dict[UUID, dict[str, Variable]] = defaultdict(dict)
    for row in Variable.objects.filter(workspace__in=found, key__in=SETTINGS.keys(), category=Category.ENV):
        own[row.workspace_id][row.key] = row
    policies = policies_of({workspace.organization_id for workspace in found})
    inherited = inherited_variables(found)
    result = []
    for workspace in found:
        here = own[workspace.pk]
        stored = here.get(name)
        before = stored.value if stored is not None else None
        hidden = stored is not None and stored.sensitive
        if workspace.pk in allowed:
            inputs = under_policy(Inputs(environment=inherited[workspace.pk]), policies[workspace.organization_id])
            wrong = wrong_settings({name: text}, here, inputs)
            refused = " ".join(wrong.values())
        else:
            refused = refusal(workspace.organization, RIGHT, to=PURPOSE)
        result.append(Effect(workspace, None if hidden else before, before != text and not refused, hidden, refused))
    return result


def _each(workspaces: Iterable[Workspace], do: Callable[[Workspace], object]) -> list[Result]:
    results = []
    for workspace in workspaces:
        try:
            do(workspace)
        except ServiceError as error:
            results.append(Result(workspace, error.message))
        else:
            results.append(Result(workspace))
    return results


def set_everywhere(workspaces: Iterable[Workspace], name: str, text: str | None, *, by: Actor) -> list[Result]:
    """Set one setting of the executor on many workspaces, or take it away. Raises InvalidInput for an unknown one."""
    if name not in SETTINGS:
        raise InvalidInput(_("{name} is no setting of the executor.").format(name=name))
    return _each(workspaces, lambda workspace: change_settings(workspace, {name: text}, by=by))


PLAN = "Plan"
"""The template of an organization that many workspaces are planned with."""


def plan_effects(workspaces: Iterable[Workspace], *, by: Actor) -> list[Result]:
    """Which workspaces would get a job and why the others would not, with few queries for all."""
    found = list(workspaces)
    allowed = allowed_among(by, found, "plan_job")
    templates = Template.objects.filter(organization__in={row.organization_id for row in found}, name=PLAN)
    ready = set(templates.values_list("organization_id", flat=True))

    def refused(workspace: Workspace) -> str:
        if workspace.pk not in allowed:
            return refusal(workspace.organization, "plan_job", to=START)
        return "" if workspace.organization_id in ready else _no_template(workspace)

    return [Result(workspace, refused(workspace)) for workspace in found]


def _no_template(workspace: Workspace) -> str:
    sentence = _("{organization} has no template named {template}.")
    return sentence.format(organization=workspace.organization.name, template=PLAN)


def plan_everywhere(workspaces: Iterable[Workspace], *, by: Actor, comment: str = "") -> list[Result]:
    """Start the organization's template ``Plan`` on many workspaces."""

    def start(workspace: Workspace) -> None:
        require(by, workspace.organization, "plan_job", to=START, workspace=workspace)
        template = workspace.organization.templates.filter(name=PLAN).first()
        if template is None:
            raise InvalidInput(_no_template(workspace))
        create_job(workspace, by=by, template=template, comments=comment or None)

    return _each(workspaces, start)
