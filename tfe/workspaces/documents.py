"""A workspace as the protocol shows it, alone or as one of a page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from tfe.documents import Json, document, moments, resource, to_many, to_one
from tfe.identities import locked_by
from tfe.included import builds, objects_of
from tfe.outputs import outputs_of, read_content, workspace_output_object
from tfe.project_keys import project_id, project_relation
from tfe.state_rights import may_read_state_of
from tfe.workspaces.current import Current, current_of, run_counts, variable_keys
from tfe.workspaces.settings import CONSTANT, shown_directory, shown_version, vcs_repository
from workspaces.actors import Actor
from workspaces.choices import ExecutionMode
from workspaces.encryption import is_readable
from workspaces.models import StateVersion, Team, Workspace, WorkspaceTag
from workspaces.permissions import rights_on_each
from workspaces.roles import Rights
from workspaces.services.locks import holders_of
from workspaces.services.state_content import managed_resources

NOTHING = Current()
_PARSED_BYTES = 2**20


def workspace_objects(actor: Actor, workspaces: Sequence[Workspace]) -> list[Json]:
    """Return workspaces with what the caller may do on each, by a fixed number of queries.

    Their organizations are loaded.
    """
    may, current = rights_on_each(actor, workspaces), current_of(workspaces)
    tags, locked = tags_of(workspaces), _locks(workspaces)
    runs, variables = run_counts(workspaces), variable_keys(workspaces)
    found = []
    for row in workspaces:
        one = _object(row, may[row.pk], current.get(row.pk, NOTHING), tags[row.pk], locked.get(row.pk))
        one["attributes"]["workspace-kpis-runs-count"] = runs.get(row.pk, 0)
        one["relationships"]["vars"] = to_many("vars", variables.get(row.pk, ()))
        found.append(one)
    return found


def workspace_document(actor: Actor, workspace: Workspace, asked: frozenset[str] = frozenset()) -> Json:
    """Return one workspace, with what is read from its state, and what a request wants included."""
    (found,) = workspace_objects(actor, [workspace])
    included = included_objects(actor, asked, [workspace])
    wanted = "outputs" in asked
    version = _small_state(workspace, always=wanted)
    # What is lost hides nothing else, but is not told as a state without outputs.
    if version is not None and (wanted or is_readable(version, "content")):
        content = read_content(version)
        found["attributes"]["resource-count"] = managed_resources(version.content) or 0
        if wanted and may_read_state_of(actor, workspace):
            outputs = outputs_of(version, content)
            found["relationships"]["outputs"] = to_many("workspace-outputs", (one.key for one in outputs))
            included += [workspace_output_object(one) for one in outputs]
    return document(found, included)


def _small_state(workspace: Workspace, *, always: bool) -> StateVersion | None:
    """Return the current state, unless it is so large that only who asks for its outputs has it read."""
    versions = StateVersion.objects.filter(workspace=workspace).defer("json", "content")
    newest: StateVersion | None = versions.order_by("-number").first()
    return newest if newest is not None and (always or (newest.size or 0) <= _PARSED_BYTES) else None


@builds("workspaces")
def visible_objects(actor: Actor, keys: Sequence[Any]) -> list[Json]:
    """Return visible workspaces by their keys."""
    visible = Workspace.objects.visible_to(actor).alive().select_related("organization")
    return workspace_objects(actor, list(visible.filter(pk__in=keys)))


def tags_of(workspaces: Iterable[Workspace]) -> dict[UUID, list[WorkspaceTag]]:
    """Return the tags of each workspace, by name."""
    found = defaultdict[UUID, list[WorkspaceTag]](list)
    for row in WorkspaceTag.objects.filter(workspace__in=workspaces).select_related("tag").order_by("tag__name"):
        found[row.workspace_id].append(row)
    return found


def _locks(workspaces: Sequence[Workspace]) -> dict[UUID, Json]:
    """Return the relationship ``locked-by`` of each workspace that somebody or a job holds."""
    holders = holders_of(workspaces)
    rows = {row.pk: row for row in workspaces}
    names = {holder.team for holder in holders.values()} - {""}
    found = Team.objects.filter(organization__in={row.organization_id for row in workspaces}, name__in=names)
    teams = {(team.organization_id, team.name): team.pk for team in found} if names else {}
    return {
        key: locked_by(rows[key], holder)
        if not holder.team
        else to_one("teams", teams.get((rows[key].organization_id, holder.team), holder.team))
        for key, holder in holders.items()
    }


def _object(workspace: Workspace, may: Rights, current: Current, tags: list[WorkspaceTag], locked: Json | None) -> Json:
    remote = workspace.execution_mode == ExecutionMode.REMOTE
    overwritten = workspace.execution_mode != workspace.organization.execution_mode
    attributes = {
        **CONSTANT,
        "name": workspace.name,
        "description": workspace.description or "",
        "auto-apply": workspace.auto_apply,
        "actions": {"is-destroyable": may.create_workspace},
        "environment": "default",
        "execution-mode": workspace.execution_mode,
        "operations": remote,
        "setting-overwrites": {"execution-mode": overwritten, "agent-pool": False},
        "global-remote-state": workspace.global_remote_state,
        "locked": locked is not None,
        "permissions": permissions_of(may),
        "source": "tfe-api",
        "tag-names": [row.tag.name for row in tags],
        "terraform-version": shown_version(workspace),
        "vcs-repo": vcs_repository(workspace),
        "working-directory": shown_directory(workspace),
        **moments(created_at=workspace.created_date, updated_at=workspace.updated_date),
    }
    relationships = {
        "organization": to_one("organizations", workspace.organization.name),
        "project": project_relation(workspace),
        "current-run": to_one("runs", None if current.job is None else f"run-{current.job}"),
        "current-state-version": to_one("state-versions", current.state),
        "current-configuration-version": to_one("configuration-versions", current.source),
        "locked-by": locked or {"data": None},
        "ssh-key": to_one("ssh-keys", workspace.module_ssh_key_id),
        "tag-bindings": to_many("tag-bindings", (row.pk for row in tags)),
    }
    names = f"{workspace.organization.name}/workspaces/{workspace.name}"
    links = {"self": f"/api/v2/organizations/{names}", "self-html": f"/app/{names}"}
    return {**resource("workspaces", workspace.pk, attributes, relationships), "links": links}


def permissions_of(may: Rights) -> dict[str, bool]:
    """Return what a caller may do on a workspace, as the services behind each action check it."""
    return {
        "can-create-state-versions": may.manage_state,
        "can-destroy": may.create_workspace,
        # Its presence lets the clients delete safely.
        "can-force-delete": may.create_workspace,
        "can-force-unlock": may.manage_workspace,
        "can-lock": may.manage_workspace,
        "can-manage-run-tasks": False,
        "can-manage-tags": may.manage_workspace,
        "can-queue-apply": may.approve_job,
        "can-queue-destroy": may.approve_job,
        "can-queue-run": may.plan_job,
        "can-read-settings": may.read,
        "can-read-state-outputs": may.manage_state,
        "can-read-state-versions": may.manage_state,
        "can-read-variable": may.read,
        "can-unlock": may.manage_workspace,
        "can-update": may.manage_workspace,
        "can-update-variable": may.manage_workspace,
    }


def included_objects(actor: Actor, asked: frozenset[str], workspaces: Sequence[Workspace]) -> list[Json]:
    """Return the resources beside some workspaces that a request asks for; unknown ones are left out."""
    found: list[Json] = []
    if "organization" in asked:
        found += objects_of("organizations", actor, (row.organization_id for row in workspaces))
    if "project" in asked:
        found += objects_of("projects", actor, map(project_id, workspaces))
    runs = {"current_run", "current_run.plan", "current_run.configuration_version"} & asked
    states = {"current_state_version", "current-state-version"} & asked
    if runs or states:
        current = current_of(workspaces).values()
        jobs = [one.job for one in current]
        found += objects_of("runs", actor, jobs) if runs else []
        found += objects_of("plans", actor, jobs) if "current_run.plan" in asked else []
        found += objects_of("state-versions", actor, (one.state for one in current)) if states else []
    return found
