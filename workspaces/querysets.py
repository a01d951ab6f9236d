"""Who may read what; the API, the admin and the pages all start here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.db import models
from django.db.models import Q

from workspaces.access import groups_of, is_admin
from workspaces.choices import FINAL_JOB, IN_EXECUTOR, JobStatus

if TYPE_CHECKING:
    from workspaces.access import Actor


class ScopedQuerySet[M: models.Model](models.QuerySet[M]):
    """Rows of an organization, seen by administrators and by the members of its teams.

    ``path`` leads from the row to the organization, "" when the row is one.
    """

    path = "organization"

    def visible_to(self, actor: Actor) -> Self:
        if is_admin(actor):
            return self
        prefix = f"{self.path}__" if self.path else ""
        groups = groups_of(actor)
        if not groups:
            return self.none()
        conditions: dict[str, Any] = {f"{prefix}teams__name__in": groups, f"{prefix}disabled": False}
        # One team of the organization is enough, and several must not repeat the row.
        return self.filter(pk__in=self.model._base_manager.filter(**conditions).values("pk"))


class OrganizationQuerySet(ScopedQuerySet[Any]):
    path = ""

    def alive(self) -> Self:
        return self.filter(disabled=False)


class OrganizationScopedQuerySet(ScopedQuerySet[Any]):
    path = "organization"


class WorkspaceQuerySet(ScopedQuerySet[Any]):
    path = "organization"

    def alive(self) -> Self:
        return self.filter(deleted=False, organization__disabled=False)


class VariableQuerySet(ScopedQuerySet[Any]):
    path = "workspace__organization"


class WorkspaceScopedQuerySet(ScopedQuerySet[Any]):
    path = "workspace__organization"


class CollectionScopedQuerySet(ScopedQuerySet[Any]):
    path = "collection__organization"


class JobScopedQuerySet(ScopedQuerySet[Any]):
    path = "job__organization"


class JobQuerySet(ScopedQuerySet[Any]):
    path = "organization"

    def unfinished(self) -> Self:
        return self.exclude(status__in=FINAL_JOB)

    def waiting_for(self, workspace_id: UUID) -> Self:
        """The jobs of a workspace that were not started yet, oldest first."""
        return self.filter(workspace=workspace_id, status=JobStatus.PENDING, started_at=None).order_by("pk")

    def open_on_workspace(self) -> Self:
        """Jobs that still matter to their workspace: unfinished, or ended while a pod is still there."""
        return self.filter(~Q(status__in=FINAL_JOB) | Q(holds_workspace=True))


class StepQuerySet(ScopedQuerySet[Any]):
    path = "job__organization"

    def in_executor(self) -> Self:
        return self.filter(status__in=IN_EXECUTOR)
