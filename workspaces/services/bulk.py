"""Change or plan many workspaces at once: each by itself, with its own result."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message
from workspaces.actors import Actor, groups_of, is_admin
from workspaces.choices import Category
from workspaces.errors import InvalidInput, ServiceError
from workspaces.jobs.start_rules import START, Starter, why_not_template
from workspaces.models import Project, Template, Variable, Workspace
from workspaces.permissions import refusal, require_permission, workspaces_with_right
from workspaces.pods import ALL_SETTINGS
from workspaces.roles import Rights
from workspaces.services.ephemeral import PURPOSE, RIGHT, change_settings, refused_setting
from workspaces.services.jobs import create_job
from workspaces.services.projects import Mover, foreign_refusal
from workspaces.services.workspaces import update_workspace
from workspaces.variables.pod_settings import settings_of

MAX_WORKSPACES = 500


@dataclass(frozen=True, slots=True)
class Result:
    """The result for one workspace; ``refused`` is empty on success."""

    workspace: Workspace
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """The value or project that a workspace has, and whether the action would change it; None is none, or a hidden one.

    ``refused`` is the sentence that would refuse the change, empty where the change would be made.
    """

    workspace: Workspace
    before: str | None
    changes: bool
    hidden: bool = False
    refused: str = ""


def preview_setting(workspaces: Iterable[Workspace], name: str, text: str | None, *, by: Actor) -> list[Effect]:
    """Preview setting a variable of the executor (None: removing it) on many workspaces, with few queries in all."""
    found = list(workspaces)
    allowed = workspaces_with_right(by, found, RIGHT)
    settings = settings_of(found)
    result = []
    for workspace in found:
        own = settings[workspace.pk].own.get(name)
        before = own.text if own is not None else None
        hidden = own is not None and own.sensitive
        if workspace.pk in allowed:
            refused = refused_setting(settings[workspace.pk], name, text)
        else:
            refused = refusal(workspace.organization, RIGHT, action=PURPOSE)
        # A sensitive value counts as changed, so that the preview does not reveal whether it is the same.
        changes = (hidden or before != text) and not refused
        result.append(Effect(workspace, None if hidden else before, changes, hidden, refused))
    return result


def has_sensitive(workspaces: Iterable[Workspace], name: str) -> bool:
    """Return whether any of the workspaces holds a setting as a sensitive variable; its texts are then not quoted."""
    rows = Variable.objects.filter(workspace__in=list(workspaces), key=name, category=Category.ENV, sensitive=True)
    return rows.exists()


def _result_for_each(workspaces: Iterable[Workspace], do: Callable[[Workspace], object]) -> list[Result]:
    results = []
    for workspace in workspaces:
        try:
            do(workspace)
        except ServiceError as error:
            results.append(Result(workspace, error.message))
        else:
            results.append(Result(workspace))
    return results


def set_on_workspaces(workspaces: Iterable[Workspace], name: str, text: str | None, *, by: Actor) -> list[Result]:
    """Set one setting of the executor on many workspaces, or remove it. Raises InvalidInput for an unknown one."""
    if name not in ALL_SETTINGS:
        raise InvalidInput(message(_("{name} is not a setting of the executor."), name=name))
    return _result_for_each(workspaces, lambda workspace: change_settings(workspace, {name: text}, by=by))


def preview_moves(workspaces: Iterable[Workspace], target: Project | None, *, by: Actor) -> list[Effect]:
    """Preview moving many workspaces into a project (None: out of theirs), with few queries in all.

    Their organizations and projects are loaded.
    """
    found = list(workspaces)
    mover = Mover(found, target, by=by)
    result = []
    for row in found:
        refused = foreign_refusal(row, target) or mover.refusal(row)
        before = None if row.project is None else row.project.name
        result.append(Effect(row, before, mover.moves(row) and not refused, refused=refused))
    return result


def move_workspaces(workspaces: Iterable[Workspace], target: Project | None, *, by: Actor) -> list[Result]:
    """Move many workspaces into a project; None takes them out of theirs."""
    return _result_for_each(workspaces, lambda workspace: update_workspace(workspace, {"project": target}, by=by))


PLAN = "Plan"
"""The template of an organization that many workspaces are planned with."""


def preview_plans(workspaces: Iterable[Workspace], *, by: Actor) -> list[Result]:
    """Preview which workspaces would get a job and why others would not, with few queries in all."""
    found = list(workspaces)
    plans, approves = (workspaces_with_right(by, found, right) for right in ("plan_job", "approve_job"))
    templates = Template.objects.filter(organization__in={row.organization_id for row in found}, name=PLAN)
    by_organization = {template.organization_id: template for template in templates}
    groups, administrator = groups_of(by), is_admin(by)

    def refused(workspace: Workspace) -> str:
        template = by_organization.get(workspace.organization_id)
        own = Rights(plan_job=workspace.pk in plans, approve_job=workspace.pk in approves)
        if own.plan_job and template is None:
            return _no_template(workspace)
        if template is None:
            return refusal(workspace.organization, "plan_job", action=START)
        return why_not_template(template, Starter(workspace, own, groups, administrator))

    return [Result(workspace, refused(workspace)) for workspace in found]


def _no_template(workspace: Workspace) -> str:
    sentence = _("{organization} has no template named {template}.")
    return message(sentence, organization=workspace.organization.name, template=PLAN)


def plan_workspaces(workspaces: Iterable[Workspace], *, by: Actor, comment: str = "") -> list[Result]:
    """Start the organization's template ``Plan`` on many workspaces."""

    def start(workspace: Workspace) -> None:
        require_permission(by, workspace.organization, "plan_job", action=START, workspace=workspace)
        template = workspace.organization.templates.filter(name=PLAN).first()
        if template is None:
            raise InvalidInput(_no_template(workspace))
        create_job(workspace, by=by, template=template, comments=comment or None)

    return _result_for_each(workspaces, start)
