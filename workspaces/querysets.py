"""Who may read which rows; the API, the admin and the pages all start here."""

from __future__ import annotations

import functools
import operator
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.apps import apps
from django.db import models
from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from terrakube_site.database.built_once import BuiltOnce
from workspaces.actors import groups_of, is_admin, request_cache
from workspaces.choices import IN_EXECUTOR, UNFINISHED_JOB, TeamRole, Via
from workspaces.roles import role_pattern

if TYPE_CHECKING:
    from workspaces.actors import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The rows that an actor sees: all, or those of whole organizations, of projects and of single workspaces.

    Each part is a list of keys or a query for them; ``workspaces`` include those of the projects, and
    ``organizations_of_workspaces`` are visible only because of a workspace or project in them. ``groups`` are the
    actor's, for checks beyond visibility.
    """

    everything: bool = False
    organizations: Iterable[Any] = ()
    projects: Iterable[Any] = ()
    workspaces: Iterable[Any] = ()
    organizations_of_workspaces: Iterable[Any] = ()
    groups: frozenset[str] = frozenset()


_MOST_KEYS = 1000


def scope_of(actor: Actor) -> Scope:
    """Return an actor's scope: all for administrators, else what teams and accesses to projects and workspaces open."""
    return Scope(everything=True) if is_admin(actor) else scope_of_groups(groups_of(actor))


def scope_of_groups(groups: Collection[str]) -> Scope:
    """Return the scope of an actor who acts with these groups and is no administrator."""
    if not groups:
        return Scope()
    # Look up the few organizations first: joining each row to its teams would read all rows for one page.
    organizations = apps.get_model("workspaces", "Organization")._base_manager.filter(disabled=False)
    accesses = apps.get_model("workspaces", "Access")._base_manager.filter(
        name__in=groups, workspace__organization__disabled=False, workspace__deleted=False
    )
    project_accesses = apps.get_model("workspaces", "ProjectAccess")._base_manager.filter(
        name__in=groups, project__organization__disabled=False
    )
    single, projects = accesses.values("workspace"), project_accesses.values("project")
    workspaces = apps.get_model("workspaces", "Workspace")._base_manager.filter(
        Q(pk__in=single) | Q(project__in=projects, deleted=False)
    )
    return Scope(
        organizations=organizations.filter(teams__name__in=groups).distinct().values_list("pk", flat=True),
        projects=projects.values_list("project", flat=True),
        workspaces=workspaces.values_list("pk", flat=True),
        organizations_of_workspaces=organizations.filter(
            Q(pk__in=accesses.values("workspace__organization"))
            | Q(pk__in=project_accesses.values("project__organization"))
        ).values_list("pk", flat=True),
        groups=frozenset(groups),
    )


_KEYS: Mapping[str, BuiltOnce] = {
    part: BuiltOnce(lambda groups, part=part: getattr(scope_of_groups(groups), part)[: _MOST_KEYS + 1])
    for part in ("organizations", "projects", "workspaces", "organizations_of_workspaces")
}


def evaluated_scope_of(actor: Actor) -> Scope:
    """Return an actor's scope with its keys: faster for filtering many rows, and when it is reused.

    Where keys are too many for one statement, their query is there instead.
    """
    if is_admin(actor):
        return Scope(everything=True)
    groups = tuple(sorted(groups_of(actor)))
    if not groups:
        return Scope()

    def keys(part: str) -> Iterable[Any]:
        found = _KEYS[part].rows(groups)
        return getattr(scope_of_groups(groups), part) if len(found) > _MOST_KEYS else found

    with_a_workspace = keys("organizations_of_workspaces")
    return Scope(
        organizations=keys("organizations"),
        # Most users have teams but no accesses.
        projects=keys("projects") if with_a_workspace else (),
        workspaces=keys("workspaces") if with_a_workspace else (),
        organizations_of_workspaces=with_a_workspace,
        groups=frozenset(groups),
    )


def cached_scope(actor: Actor) -> Scope:
    """Return an actor's scope, looked up once per request."""
    kept = request_cache(actor)
    if "scope" not in kept:
        kept["scope"] = evaluated_scope_of(actor)
    found: Scope = kept["scope"]
    return found


class ScopedQuerySet[M: models.Model](models.QuerySet[M]):
    """Rows visible to administrators, to teams of their organization, and to groups with access to their workspace.

    An access to a project is one to each of its workspaces.

    ``path`` leads from the row to its organization and ``workspace_path`` to its workspace; "" when the row is that
    itself. ``workspace_path`` is None for rows without a workspace.
    """

    path = "organization"
    workspace_path: str | None = None
    with_a_workspace = False
    """Whether an access to one workspace or project shows all such rows of its organization."""
    asks_first = False
    """Whether ``within`` asks the database for the keys of a scope, so that its query is good for one scope only."""

    def visible_to(self, actor: Actor) -> Self:
        return self.within(scope_of(actor))

    def within(self, scope: Scope) -> Self:
        if scope.everything:
            return self
        parts = [(self.path, scope.organizations)]
        if self.with_a_workspace:
            parts.append((self.path, scope.organizations_of_workspaces))
        if self.workspace_path is not None:
            parts.append((self.workspace_path, scope.workspaces))
        # An empty part would only keep the database from using an index for the others.
        conditions = [Q(**{_lookup_prefix(path): keys}) for path, keys in parts if may_have_keys(keys)]
        return self.filter(functools.reduce(operator.or_, conditions)) if conditions else self.none()


def may_have_keys(keys: Iterable[Any]) -> bool:
    """Return whether there may be keys; a query counts as yes and is not executed."""
    return not isinstance(keys, list | tuple) or bool(keys)


def _lookup_prefix(path: str) -> str:
    return f"{path}__in" if path else "pk__in"


def related_count(model: type[models.Model], owner: str, **condition: Any) -> Coalesce:
    """Count the records of a model that each row owns, in a subquery: joining several would multiply rows."""
    rows = model._base_manager.filter(**{owner: OuterRef("pk")}, **condition).order_by().values(owner)
    return Coalesce(Subquery(rows.annotate(number=Count("pk")).values("number")), 0)


class OrganizationQuerySet(ScopedQuerySet[Any]):
    path = ""
    with_a_workspace = True

    def alive(self) -> Self:
        return self.filter(disabled=False)


class OrganizationScopedQuerySet(ScopedQuerySet[Any]):
    path = "organization"


class TemplateQuerySet(ScopedQuerySet[Any]):
    """Templates, also visible to groups with access to a workspace, who choose what to start there."""

    path = "organization"
    with_a_workspace = True


class UsedQuerySet(ScopedQuerySet[Any]):
    """Rows of an organization; groups with access to a workspace see those that the workspace uses.

    ``users`` are the paths from a row to the workspaces that use it.
    """

    path = "organization"
    users: tuple[str, ...] = ()

    def within(self, scope: Scope) -> Self:
        if scope.everything or not may_have_keys(scope.workspaces):
            return super().within(scope)
        rows = self.model._base_manager
        used = [Q(pk__in=rows.filter(**{f"{path}__in": scope.workspaces}).values("pk")) for path in self.users]
        return self.filter(functools.reduce(operator.or_, used, Q(organization__in=scope.organizations)))


class VcsQuerySet(UsedQuerySet):
    users = ("workspaces",)


class SshQuerySet(UsedQuerySet):
    users = ("workspaces", "module_workspaces")


class AgentQuerySet(UsedQuerySet):
    users = ("workspaces",)


class TagQuerySet(UsedQuerySet):
    users = ("workspace_tags__workspace",)


class CollectionQuerySet(UsedQuerySet):
    users = ("references__workspace",)


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


class WebhookEventQuerySet(ScopedQuerySet[Any]):
    path = "webhook__workspace__organization"
    workspace_path = "webhook__workspace"


class AccessQuerySet(WorkspaceScopedQuerySet):
    """Accesses to a workspace, visible to those who may change them."""

    def within(self, scope: Scope) -> Self:
        if scope.everything:
            return self
        shown = Q(workspace__organization__in=_organizations_managed_in(scope))
        if may_have_keys(scope.workspaces):
            accesses = self.model._base_manager.filter(_with_role(TeamRole.ADMIN), name__in=scope.groups)
            shown |= Q(workspace__in=accesses.filter(workspace__in=scope.workspaces).values("workspace"))
        if may_have_keys(scope.projects):
            shown |= Q(workspace__project__in=_projects_managed_in(scope))
        return self.filter(shown)


class ProjectQuerySet(UsedQuerySet):
    """Projects, visible to their organization's teams, and to groups with access to one or to a workspace in it."""

    users = ("workspaces",)

    def within(self, scope: Scope) -> Self:
        if scope.everything or not may_have_keys(scope.projects):
            return super().within(scope)
        rows = self.model._base_manager
        in_use = rows.filter(workspaces__in=scope.workspaces).values("pk")
        return self.filter(Q(organization__in=scope.organizations) | Q(pk__in=scope.projects) | Q(pk__in=in_use))


class ProjectAccessQuerySet(ScopedQuerySet[Any]):
    """Accesses to a project, visible to those who may change them."""

    path = "project__organization"

    def within(self, scope: Scope) -> Self:
        if scope.everything:
            return self
        shown = Q(project__organization__in=_organizations_managed_in(scope))
        if may_have_keys(scope.projects):
            shown |= Q(project__in=_projects_managed_in(scope))
        return self.filter(shown)


def _organizations_managed_in(scope: Scope) -> Any:
    """Return a query for the organizations in which a team gives the right to manage accesses."""
    teams = apps.get_model("workspaces", "Team")._base_manager.filter(
        _with_role(TeamRole.ADMIN, TeamRole.WRITE)
        | (_with_role(TeamRole.CUSTOM) | Q(role=None)) & Q(manage_workspace=True),
        name__in=scope.groups,
        organization__in=scope.organizations,
    )
    return teams.values("organization")


def _projects_managed_in(scope: Scope) -> Any:
    """Return a query for the projects in which an access gives the right to manage accesses."""
    accesses = apps.get_model("workspaces", "ProjectAccess")._base_manager.filter(
        _with_role(TeamRole.ADMIN), name__in=scope.groups, project__in=scope.projects
    )
    return accesses.values("project")


def _workspaces_managed_in(scope: Scope) -> Any:
    """Return a query for the workspaces that an access to them or to their project gives the right to manage."""
    manages = _with_role(TeamRole.ADMIN, TeamRole.WRITE) | (_with_role(TeamRole.CUSTOM) | Q(role=None)) & Q(
        manage_workspace=True
    )
    accesses = apps.get_model("workspaces", "Access")._base_manager.filter(manages, name__in=scope.groups)
    projects = apps.get_model("workspaces", "ProjectAccess")._base_manager.filter(manages, name__in=scope.groups)
    workspaces = apps.get_model("workspaces", "Workspace")._base_manager.filter(
        Q(pk__in=accesses.values("workspace")) | Q(project__in=projects.values("project")), pk__in=scope.workspaces
    )
    return workspaces.values("pk")


def _with_role(*roles: TeamRole) -> Q:
    """Match rows whose role is one of these, as ``roles.parse_role`` reads it."""
    return Q(role__iregex=role_pattern(*roles))


class SavedFilterQuerySet(models.QuerySet[Any]):
    """Saved filters of lists: a person's own, and those shared with an organization that they see as a whole."""

    def seen_by(self, user_key: int, scope: Scope) -> Self:
        """Return a person's own filters and those shared with them; an administrator sees no one else's own."""
        shared = Q(organization__isnull=False) if scope.everything else Q(organization__in=scope.organizations)
        return self.filter(Q(owner=user_key) | shared)


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


class NotificationConfigurationQuerySet(ScopedQuerySet[Any]):
    """Configurations of notifications, visible to those who may change them: their addresses may be credentials."""

    prefix = ""

    def within(self, scope: Scope) -> Self:
        if scope.everything:
            return self
        start = self.prefix
        shown = Q(**{f"{start}organization__in": _organizations_managed_in(scope)})
        if may_have_keys(scope.workspaces):
            shown |= Q(**{f"{start}workspace__in": _workspaces_managed_in(scope)})
        return self.filter(shown)


class NotificationTriggerQuerySet(NotificationConfigurationQuerySet):
    prefix = "configuration__"


class NotificationDeliveryQuerySet(NotificationConfigurationQuerySet):
    """What was sent, visible to those who manage the workspace that it tells of, or the organization's workspaces."""


class PolicyQuerySet(ScopedQuerySet[Any]):
    """Policy rules; the installation's apply to everyone, so everyone who sees an organization sees them."""

    path = "organization"
    asks_first = True

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


BARRED = Q(workspace__deleted=True) | Q(organization__disabled=True)
"""Jobs of which no further step may start: their workspace or organization is gone."""


DRIFT_CHECKS = Q(via=Via.DRIFT, plan_only=True)
"""Jobs that the site made to look for drift."""


class JobQuerySet(ScopedQuerySet[Any]):
    path = "organization"
    workspace_path = "workspace"

    def within(self, scope: Scope) -> Self:
        return super().within(scope).filter(hidden=False)

    def unfinished(self) -> Self:
        # Named instead of excluded, so that the database uses the index of unfinished jobs.
        return self.filter(status__in=sorted(UNFINISHED_JOB))

    def drift_checks(self) -> Self:
        """Return the jobs that the site made to look for drift."""
        return self.filter(DRIFT_CHECKS)

    def unfinished_on(self, workspace_id: UUID) -> Self:
        """Return the unfinished jobs of a workspace, oldest first."""
        return self.unfinished().filter(workspace=workspace_id).order_by("pk")

    def open_on_workspace(self) -> Self:
        """Return the jobs that still block their workspace: unfinished, or ended while a pod remains."""
        return self.filter(Q(status__in=sorted(UNFINISHED_JOB)) | Q(holds_workspace=True))


class StepQuerySet(ScopedQuerySet[Any]):
    path = "job__organization"
    workspace_path = "job__workspace"

    def in_executor(self) -> Self:
        return self.filter(status__in=IN_EXECUTOR)
