"""Workspaces: one configuration, its state and its settings."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import SET_NULL, ProtectedError, Q
from django.db.models.deletion import Collector
from django.utils.translation import gettext_lazy as _

from workspaces.choices import ExecutionMode, IacType, LastJobStatus
from workspaces.models.agent import Agent
from workspaces.models.base import Audited, CheckedOnChange, Record
from workspaces.models.credentials import Ssh, Vcs
from workspaces.models.organization import Organization
from workspaces.models.project import Project
from workspaces.models.template import Template
from workspaces.querysets import WorkspaceQuerySet
from workspaces.truncation import FittingField
from workspaces.validation.names import check_path_name, check_version
from workspaces.validation.repositories import check_branches, check_folders, check_repository


def protect_in_use(collector: Collector, field: Any, workspaces: WorkspaceQuerySet, using: str) -> None:
    """Keep what a workspace uses, as ``on_delete``; a deleted workspace loses its reference instead.

    Raises ProtectedError.
    """
    if users := set(workspaces.filter(deleted=False)):
        raise ProtectedError("Workspaces use this record.", users)
    SET_NULL(collector, field, workspaces, using)


def first_branch_of(branch: str) -> str:
    """Return the branch that counts of a workspace's column, which may list several."""
    return branch.split(",", 1)[0].strip()


def first_folder_of(folder: str | None) -> str:
    """Return the folder that counts of a workspace's column, "/" for the top of the source."""
    return (folder or "/").split(",", 1)[0].strip() or "/"


def without_ending(name: str) -> str:
    """Return a record's name without the ending that a deletion appended to free it."""
    kept, separator, _ending = name.rpartition("_DEL_")
    return kept if separator else name


class Workspace(CheckedOnChange, Record, Audited):
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="workspaces")
    project = models.ForeignKey(
        Project,
        on_delete=protect_in_use,
        null=True,
        blank=True,
        related_name="workspaces",
        help_text=_("Groups with access to the project have it on its workspaces."),
    )
    name = models.CharField(max_length=64)
    description = models.CharField(max_length=512, null=True, blank=True)  # noqa: DJ001 - null is a value of the API
    source = models.CharField(max_length=512, default="empty", help_text=_("URL of the git repository (https or ssh)."))
    branch = models.CharField(
        max_length=512,
        default="main",
        help_text=_("Branch, tag or full commit hash. If it is a comma-separated list, only the first entry is used."),
    )
    folder = models.CharField(  # noqa: DJ001
        max_length=512,
        null=True,
        blank=True,
        help_text=_("Directory of the configuration in the repository; empty for its root."),
    )
    terraform_version = models.CharField(max_length=32, help_text=_("A version or a range: 1.11.4, ~1.5, 1.x."))
    iac_type = models.CharField("tool", max_length=16, choices=IacType, default=IacType.TERRAFORM)
    execution_mode = models.CharField(max_length=16, choices=ExecutionMode, default=ExecutionMode.REMOTE)
    default_template = models.ForeignKey(
        Template, on_delete=models.SET_NULL, null=True, blank=True, related_name="default_of"
    )
    vcs = models.ForeignKey(Vcs, on_delete=protect_in_use, null=True, blank=True, related_name="workspaces")
    ssh = models.ForeignKey(Ssh, on_delete=protect_in_use, null=True, blank=True, related_name="workspaces")
    module_ssh_key = models.ForeignKey(
        Ssh, on_delete=protect_in_use, null=True, blank=True, related_name="module_workspaces"
    )
    agent = models.ForeignKey(Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="workspaces")
    locked = models.BooleanField(default=False, help_text=_("Jobs of a locked workspace wait until it is unlocked."))
    lock_description = models.CharField(max_length=512, null=True, blank=True)  # noqa: DJ001
    locked_by_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    locked_by_name = FittingField(max_length=256, blank=True, default="", editable=False)
    locked_by_team = models.CharField(
        max_length=64, blank=True, default="", editable=False, help_text=_("Set if a team token locked the workspace.")
    )
    locked_by_pull_request = models.PositiveBigIntegerField(
        null=True, editable=False, help_text=_("Number of the pull request that holds the lock until it is merged.")
    )
    deleted = models.BooleanField(default=False)
    deleted_with_organization = models.BooleanField(default=False, editable=False)
    allow_remote_apply = models.BooleanField(default=False)
    auto_apply = models.BooleanField(
        default=False,
        help_text=_(
            "Runs from a terminal skip the approvals unless they say otherwise. Their user needs the right to approve "
            "jobs."
        ),
    )
    global_remote_state = models.BooleanField(default=True)
    shared_ids = models.TextField(null=True, blank=True)  # noqa: DJ001
    last_job_status = models.CharField(
        max_length=16, choices=LastJobStatus, default=LastJobStatus.NEVER_EXECUTED, editable=False
    )
    last_job_date = models.DateTimeField(null=True, editable=False)

    CHECKS: ClassVar = {
        "name": check_path_name,
        "source": check_repository,
        "branch": check_branches,
        "folder": check_folders,
        "terraform_version": check_version,
    }

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("organization", "name"), name="one_workspace_of_a_name_in_an_organization"),
        )
        indexes = (models.Index(fields=("deleted", "name"), condition=Q(deleted=False), name="workspace_alive"),)

    def __str__(self) -> str:
        return self.shown_name

    @property
    def shown_name(self) -> str:
        """The name as people know it: a deletion frees it by an ending, which says nothing to them."""
        # Where a query left this out, the name is that of the row.
        if not self.__dict__.get("deleted", False):
            return self.name
        return self.name_before_deletion

    @property
    def name_before_deletion(self) -> str:
        """The name without the ending that a deletion gives, as far as the present one still tells."""
        return without_ending(self.name)

    @property
    def checks(self) -> Mapping[str, Callable[[str], None]]:
        """The checks, without that of the name once deleted: freeing a name appends to it."""
        return {name: check for name, check in self.CHECKS.items() if name != "name" or not self.deleted}

    @property
    def uploaded_source(self) -> bool:
        """Whether the source is an uploaded archive rather than a git repository."""
        return self.first_branch == "remote-content"

    @property
    def first_branch(self) -> str:
        return first_branch_of(self.branch)

    @property
    def first_folder(self) -> str:
        """The folder below the source, "/" for its top."""
        return first_folder_of(self.folder)
