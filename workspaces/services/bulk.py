"""What a user does with many workspaces at once: each as if it were the only one, and said how it went."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from workspaces.access import Actor
from workspaces.choices import Category
from workspaces.ephemeral import SETTINGS
from workspaces.errors import InvalidInput, ServiceError
from workspaces.models import Variable, Workspace
from workspaces.services.ephemeral import change_settings
from workspaces.services.jobs import create_job

MOST = 500


@dataclass(frozen=True, slots=True)
class Result:
    """How it went with one workspace; ``refused`` is empty when it went well."""

    workspace: Workspace
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one workspace's variable is now, and whether it would change; None is no such variable, or a hidden one."""

    workspace: Workspace
    before: str | None
    changes: bool
    hidden: bool = False


def effects(workspaces: Iterable[Workspace], name: str, text: str | None) -> list[Effect]:
    """What setting a variable of the executor (None: taking it away) would change, with one query."""
    found = list(workspaces)
    rows = Variable.objects.filter(workspace__in=found, key=name, category=Category.ENV)
    stored = {row.workspace_id: row for row in rows}
    result = []
    for workspace in found:
        row = stored.get(workspace.pk)
        before = row.value if row is not None else None
        hidden = row is not None and row.sensitive
        result.append(Effect(workspace, None if hidden else before, before != text, hidden))
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
        raise InvalidInput(f"{name} is no setting of the executor.")
    return _each(workspaces, lambda workspace: change_settings(workspace, {name: text}, by=by))


def plan_everywhere(workspaces: Iterable[Workspace], *, by: Actor, comment: str = "") -> list[Result]:
    """Start the organization's template ``Plan`` on many workspaces."""

    def start(workspace: Workspace) -> None:
        template = workspace.organization.templates.filter(name="Plan").first()
        if template is None:
            raise InvalidInput(f"{workspace.organization.name} has no template named Plan.")
        create_job(workspace, by=by, template=template, comments=comment or None)

    return _each(workspaces, start)
