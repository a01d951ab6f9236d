"""Who may read what; the API, the admin and the pages all start here."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.apps import apps
from django.db import models
from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from workspaces.access import groups_of, is_admin, remembered
from workspaces.choices import IN_EXECUTOR, UNFINISHED_JOB, JobStatus

if TYPE_CHECKING:
    from workspaces.access import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What an actor sees: everything, or whole organizations and single workspaces.

    Each part is a list of keys or a query for them; ``organizations_of_workspaces`` are those that the actor sees only
    because of a workspace in them.
    """

    everything: bool = False
    organizations: Iterable[Any] = ()
    workspaces: Iterable[Any] = ()
    organizations_of_workspaces: Iterable[Any] = ()

    def looked_up(self) -> Scope:
        """The same with its queries answered: quicker where many rows are filtered, and where it is used again."""
        workspaces = _answered(self.workspaces)
        return Scope(
            everything=self.everything,
            organizations=_answered(self.organizations),
            workspaces=workspaces,
            # Most people have teams and no access beside them.
            organizations_of_workspaces=_answered(self.organizations_of_workspaces) if workspaces else (),
        )


_MOST_KEYS = 1000


def _answered(keys: Iterable[Any]) -> Iterable[Any]:
    """The keys that a query finds; the query itself when they are more than a statement should name."""
    found = list(itertools.islice(keys, _MOST_KEYS + 1))
    return keys if len(found) > _MOST_KEYS else found


def scope_of(actor: Actor) -> Scope:
    """What an actor sees: administrators everything, others what their teams and accesses to workspaces open."""
    if is_admin(actor):
        return Scope(everything=True)
    groups = groups_of(actor)
    if not groups:
        return Scope()
    # The few organizations are looked up first: joining each row to its teams would read all rows for one page.
    organizations = apps.get_model("workspaces", "Organization")._base_manager.filter(disabled=False)
    accesses = apps.get_model("workspaces", "Access")._base_manager.filter(
        name__in=groups, workspace__organization__disabled=False, workspace__deleted=False
    )
    return Scope(
        organizations=organizations.filter(teams__name__in=groups).distinct().values_list("pk", flat=True),
        workspaces=accesses.values_list("workspace", flat=True),
        organizations_of_workspaces=accesses.values_list("workspace__organization", flat=True).distinct(),
    )


def remembered_scope(actor: Actor) -> Scope:
    """What an actor sees, looked up once: a request asks many times, and it does not change within one."""
    kept = remembered(actor)
    if "scope" not in kept:
        kept["scope"] = scope_of(actor).looked_up()
    found: Scope = kept["scope"]
    return found


class ScopedQuerySet[M: models.Model](models.QuerySet[M]):
    """Rows that administrators see, the members of their organization's teams, and who has access to their workspace.

    ``path`` leads from the row to its organization and ``workspace_path`` to its workspace, "" when the row is that
    itself; ``workspace_path`` is None for what belongs to no workspace.
    """

    path = "organization"
    workspace_path: str | None = None

    def visible_to(self, actor: Actor) -> Self:
        return self.within(scope_of(actor))

    def within(self, scope: Scope) -> Self:
        if scope.everything:
            return self
        parts = [(self.path, scope.organizations)]
        if not self.path:
            parts.append((self.path, scope.organizations_of_workspaces))
        if self.workspace_path is not None:
            parts.append((self.workspace_path, scope.workspaces))
        # A part that is known to be empty would only keep the database from using an index for the others.
        conditions = [Q(**{_to(path): keys}) for path, keys in parts if not isinstance(keys, list | tuple) or keys]
        return self.filter(functools.reduce(operator.or_, conditions)) if conditions else self.none()


def _to(path: str) -> str:
    return f"{path}__in" if path else "pk__in"


def number_of(model: type[models.Model], owner: str, **condition: Any) -> Coalesce:
    """How many records of a model each row owns, by a query of its own: joins of several would multiply."""
    rows = model._base_manager.filter(**{owner: OuterRef("pk")}, **condition).order_by().values(owner)
    return Coalesce(Subquery(rows.annotate(number=Count("pk")).values("number")), 0)


class OrganizationQuerySet(ScopedQuerySet[Any]):
    path = ""

    def alive(self) -> Self:
        return self.filter(disabled=False)


class OrganizationScopedQuerySet(ScopedQuerySet[Any]):
    path = "organization"


class WorkspaceQuerySet(ScopedQuerySet[Any]):
    path = "organization"
    workspace_path = ""

    def alive(self) -> Self:
        return self.filter(deleted=False, organization__disabled=False)


class VariableQuerySet(ScopedQuerySet[Any]):
    path = "workspace__organization"
    workspace_path = "workspace"


class WorkspaceScopedQuerySet(ScopedQuerySet[Any]):
    path = "workspace__organization"
    workspace_path = "workspace"


class RunLimitsQuerySet(ScopedQuerySet[Any]):
    """Rows that belong to an organization or to a workspace."""

    def within(self, scope: Scope) -> Self:
        if scope.everything:
            return self
        return self.filter(
            Q(organization__in=scope.organizations)
            | Q(workspace__organization__in=scope.organizations)
            | Q(workspace__in=scope.workspaces)
        )


class PolicyQuerySet(ScopedQuerySet[Any]):
    """The installation's rules count for everybody, so whoever sees an organization sees them too."""

    path = "organization"

    def within(self, scope: Scope) -> Self:
        if scope.everything:
            return self
        seen = [*scope.organizations, *scope.organizations_of_workspaces]
        return self.filter(Q(organization=None) | Q(organization__in=seen)) if seen else self.none()


class CollectionScopedQuerySet(ScopedQuerySet[Any]):
    path = "collection__organization"


class JobScopedQuerySet(ScopedQuerySet[Any]):
    path = "job__organization"
    workspace_path = "job__workspace"


class JobQuerySet(ScopedQuerySet[Any]):
    path = "organization"
    workspace_path = "workspace"

    def within(self, scope: Scope) -> Self:
        return super().within(scope).filter(hidden=False)

    def unfinished(self) -> Self:
        # Named, not excluded: so the database knows that they are few, and that the index of unfinished jobs has them.
        return self.filter(status__in=sorted(UNFINISHED_JOB))

    def waiting_for(self, workspace_id: UUID) -> Self:
        """The jobs of a workspace that were not started yet, oldest first."""
        return self.filter(workspace=workspace_id, status=JobStatus.PENDING, started_at=None).order_by("pk")

    def open_on_workspace(self) -> Self:
        """Jobs that still matter to their workspace: unfinished, or ended while a pod is still there."""
        return self.filter(Q(status__in=sorted(UNFINISHED_JOB)) | Q(holds_workspace=True))


class StepQuerySet(ScopedQuerySet[Any]):
    path = "job__organization"
    workspace_path = "job__workspace"

    def in_executor(self) -> Self:
        return self.filter(status__in=IN_EXECUTOR)
