"""Read a Terrakube installation through its REST API: what preflight looks at in each of its workspaces."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from executors.attempts.source_access import stored_access
from executors.contract.repository_access import RepositoryAccess
from executors.preflight.checks import check_subject, check_templates
from executors.preflight.findings import Finding, Report, finding, report
from executors.preflight.subject import Subject
from terrakube_site.outgoing import OutgoingError, ask
from workspaces.api.errors import InvalidValue
from workspaces.api.jsonapi.attributes import decode_flow
from workspaces.models import Collection, GlobalVariable, Item, Organization, Ssh, Template, Variable, Vcs, Workspace
from workspaces.models.policy import policy_of
from workspaces.models.variable import AbstractVariable
from workspaces.pods.policy.rules import Policy
from workspaces.variables.in_force import Sources, inputs_from

TOKEN_VARIABLE = "TERRAKUBE_TOKEN"  # noqa: S105 - a name, as Terrakube's provider has it
_MEDIA_TYPE = "application/vnd.api+json"
_LARGEST_BYTES = 64 * 2**20
_TIMEOUT_SECONDS = 60
_ABSENT = {
    "module": "modules",
    "provider": "providers",
    "project": "projects",
    "notificationConfiguration": "notifications",
}
"""The relationships of an organization to what this site does not have."""
_ABSENT_OF_WORKSPACES = {"notificationConfiguration": "notifications"}


class TerrakubeError(Exception):
    """Terrakube does not answer, or not with what its API has; the text says why, without a full stop."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One record of an answer."""

    id: UUID
    attributes: Mapping[str, Any]
    related: Mapping[str, Any]

    def text(self, name: str) -> str:
        """Return an attribute as text, "" for none."""
        value = self.attributes.get(name)
        return "" if value is None else str(value)

    def ids(self, name: str) -> list[UUID]:
        """Return the ids of related records."""
        data = (self.related.get(name) or {}).get("data") or []
        return [UUID(one["id"]) for one in (data if isinstance(data, list) else [data])]


@dataclass(frozen=True, slots=True)
class Terrakube:
    """Terrakube's REST API. The token goes into a header alone."""

    url: str
    token: str = field(repr=False)

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    def read(self, path: str) -> list[Resource]:
        """Return the records of a collection. Raises TerrakubeError."""
        headers = {"Authorization": f"Bearer {self.token}", "Accept": _MEDIA_TYPE}
        trusted = {urlsplit(self.url).hostname or ""}
        try:
            answer = ask(
                f"{self.url.rstrip('/')}/api/v1/{path}",
                headers=headers,
                timeout=_TIMEOUT_SECONDS,
                largest=_LARGEST_BYTES,
                trusted=trusted,
                redirects=0,
            )
        except OutgoingError as error:
            raise TerrakubeError(str(error)) from error
        if answer.status != 200:
            raise TerrakubeError(f"it answers with {answer.status}")
        try:
            rows = json.loads(answer.content)["data"]
            return [
                Resource(UUID(row["id"]), row.get("attributes") or {}, row.get("relationships") or {}) for row in rows
            ]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TerrakubeError("its answer is no JSON:API document") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """What the workspaces of an organization share."""

    organization: Organization
    templates: Sequence[Template]
    variables: Sequence[GlobalVariable]
    items: Mapping[UUID, Sequence[Item]]
    """The items of the collections of each workspace."""
    vcs: Mapping[UUID, Vcs]
    ssh: Mapping[UUID, Ssh]
    policy: Policy

    @property
    def shared_variables(self) -> list[AbstractVariable]:
        items = {item.pk: item for found in self.items.values() for item in found}
        return [*self.variables, *items.values()]


def migration(api: Terrakube) -> Iterator[Report]:
    """Report on each organization and each workspace of a Terrakube. Raises TerrakubeError for the first answer."""
    for row in api.read("organization"):
        if row.attributes.get("disabled"):
            continue
        organization = Organization(pk=row.id, name=row.text("name"))
        lacking: list[Finding] = []
        shared = _shared(api, organization, lacking)
        own = [finding("input-refused", name, why=why) for name, why in organization.refused_texts().items()]
        own += [*lacking, *check_templates(shared.templates), *_absent(row, _ABSENT)]
        own += [finding("value-untold", one.key) for one in shared.shared_variables if one.sensitive]
        yield report(organization.name, "", own)
        workspaces = _list(api, f"organization/{row.id}/workspace", "workspaces", lacking := [])
        if lacking:
            yield report(organization.name, "", lacking)
        for workspace in workspaces:
            if not workspace.attributes.get("deleted"):
                yield _workspace_report(api, workspace, shared)


def _list(api: Terrakube, path: str, what: str, lacking: list[Finding]) -> list[Resource]:
    """Return the records of a collection; what cannot be read is added to `lacking`."""
    try:
        return api.read(path)
    except TerrakubeError as error:
        lacking.append(finding("not-readable", what=what, why=str(error)))
        return []


def _shared(api: Terrakube, organization: Organization, lacking: list[Finding]) -> _Shared:
    base = f"organization/{organization.pk}"
    items: dict[UUID, list[Item]] = {}
    collections = _list(api, f"{base}/collection", "collections", lacking)
    for row in sorted(collections, key=lambda one: -int(one.attributes.get("priority") or 0)):
        collection = Collection(pk=row.id, organization=organization, name=row.text("name"))
        found = _list(api, f"{base}/collection/{row.id}/item", "items of collections", lacking)
        references = _list(api, f"{base}/collection/{row.id}/reference", "uses of collections", lacking)
        made = [Item(collection=collection, **_variable(one)) for one in found]
        for reference in references:
            for workspace in reference.ids("workspace"):
                items.setdefault(workspace, []).extend(made)
    templates = []
    for row in _list(api, f"{base}/template", "templates", lacking):
        try:
            flow = decode_flow("tcl", row.text("tcl"))
        except InvalidValue as error:
            lacking.append(finding("flow-refused", row.text("name"), why=str(error)))
        else:
            templates.append(Template(pk=row.id, organization=organization, name=row.text("name"), tcl=flow))
    return _Shared(
        organization=organization,
        templates=templates,
        variables=[
            GlobalVariable(organization=organization, **_variable(one))
            for one in _list(api, f"{base}/globalvar", "organization variables", lacking)
        ],
        items=items,
        vcs={
            row.id: Vcs(
                pk=row.id,
                organization=organization,
                name=row.text("name"),
                vcs_type=row.text("vcsType") or "PUBLIC",
                connection_type=row.text("connectionType") or "OAUTH",
            )
            for row in _list(api, f"{base}/vcs", "VCS connections", lacking)
        },
        ssh={
            row.id: Ssh(pk=row.id, organization=organization, name=row.text("name"), ssh_type=row.text("sshType"))
            for row in _list(api, f"{base}/ssh", "SSH keys", lacking)
        },
        policy=policy_of(None),
    )


def _workspace_report(api: Terrakube, row: Resource, shared: _Shared) -> Report:
    found: list[Finding] = []
    workspace = _workspace(row, shared)
    path = f"organization/{shared.organization.pk}/workspace/{row.id}/variable"
    variables = [Variable(workspace=workspace, **_variable(one)) for one in _list(api, path, "variables", found)]
    found += _absent(row, _ABSENT_OF_WORKSPACES)
    if row.ids("agent"):
        found.append(finding("agent-ignored", "agent"))
    access = _access(workspace, found)
    sources = Sources(tuple(variables), tuple(shared.variables), tuple(shared.items.get(row.id, ())))
    subject = Subject(
        workspace=workspace,
        variables=variables,
        inputs=inputs_from(sources, workspace, shared.policy),
        access=access,
        untold=frozenset(one.pk for one in variables if one.sensitive),
        foreign_registry=api.host,
    )
    found += check_subject(subject)
    return report(shared.organization.name, workspace.name, found)


def _workspace(row: Resource, shared: _Shared) -> Workspace:
    vcs, ssh = (next(iter(row.ids(name)), None) for name in ("vcs", "ssh"))
    key = row.text("moduleSshKey")
    return Workspace(
        pk=row.id,
        organization=shared.organization,
        name=row.text("name"),
        source=row.text("source"),
        branch=row.text("branch"),
        folder=row.text("folder") or None,
        terraform_version=row.text("terraformVersion"),
        iac_type=row.text("iacType") or "terraform",
        vcs=shared.vcs.get(vcs) if vcs else None,
        ssh=shared.ssh.get(ssh) if ssh else None,
        module_ssh_key=shared.ssh.get(UUID(key)) if key else None,
    )


def _access(workspace: Workspace, found: list[Finding]) -> RepositoryAccess | None:
    """Return the access to a source that needs none of the secrets that Terrakube keeps to itself."""
    held = workspace.vcs or workspace.ssh
    access = stored_access(workspace)
    if workspace.uploaded_source or (held is not None and access.vcs_type != "PUBLIC"):
        if held is not None:
            found.append(finding("credentials-untold", "source", name=held.name))
        return None
    return RepositoryAccess(source=workspace.source, vcs_type=access.vcs_type, connection_type=access.connection_type)


def _absent(row: Resource, absent: Mapping[str, str]) -> Iterator[Finding]:
    """Return what a record refers to that this site does not have."""
    for name, what in absent.items():
        if count := len(row.ids(name)):
            yield finding("not-here", what=what, count=count)


def _variable(row: Resource) -> dict[str, Any]:
    """Return the fields of a variable; Terrakube leaves the value of a sensitive one out."""
    return {
        "pk": row.id,
        "key": row.text("key"),
        "value": row.text("value"),
        "category": row.text("category"),
        "sensitive": bool(row.attributes.get("sensitive")),
        "hcl": bool(row.attributes.get("hcl")),
    }
