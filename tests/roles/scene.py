"""One organization with a record of every kind, and everybody of the table as a caller."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import models, transaction
from django.test import Client

from tests.api.client import Api, token_of
from tests.factories import PLAN, PLAN_AND_APPLY, OrganizationFactory, TeamFactory, TemplateFactory
from tests.roles.declared import WHO, Who
from workspaces.models import Access, ProjectAccess, Tag, Workspace
from workspaces.services.organizations import add_default_templates

SCRIPT = PLAN.replace("step: 100}", "step: 100, commands: [{runtime: BASH, before: true, script: ./run.sh}]}")
TEAM = PLAN + "  - {type: approval, step: 150, team: CALLERS}\n  - {type: terraformApply, step: 200}\n"
OWN_TEXTS = {"PLAN": PLAN, "PLAN_AND_APPLY": PLAN_AND_APPLY, "SCRIPT": SCRIPT, "TEAM": TEAM}
GROUP = "CALLERS"


@dataclass(frozen=True)
class Scene:
    """The records, and how bodies name them."""

    records: Mapping[str, models.Model]
    names: Mapping[str, str]

    @property
    def workspace(self) -> Workspace:
        found = self.records["workspace"]
        assert isinstance(found, Workspace)
        return found

    def filled(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A body in which names in braces stand for ids, and the name of a text for its base64."""
        found = {
            name: self.names.get(value, value) if isinstance(value, str) else value for name, value in body.items()
        }
        if found.get("tcl") in OWN_TEXTS:
            found["tcl"] = encoded(OWN_TEXTS[found["tcl"]])
        return found


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def scene_of(everything: Mapping[str, models.Model]) -> Scene:
    """Add what the table names to a record of every type."""
    workspace: Any = everything["workspace"]
    organization = workspace.organization
    add_default_templates(organization, by=None)
    TemplateFactory.create(organization=organization, name="Scripted", tcl=SCRIPT)
    templates = {template.name: str(template.pk) for template in organization.templates.all()}
    workspace.default_template = organization.templates.get(name="Destroy")
    workspace.save()
    names = {f"{{{name}}}": key for name, key in templates.items()}
    names["{plan}"] = templates["Plan"]
    names["{other_tag}"] = str(Tag.objects.create(organization=organization, name="other").pk)
    names["{tcl}"] = encoded(PLAN)
    return Scene(everything, names)


def enrol(who: str, scene: Scene) -> Who:
    """Let the callers' group have what somebody of the table has."""
    found = WHO[who]
    if found.team is not None:
        TeamFactory.create(organization=scene.workspace.organization, name=GROUP, **found.team)
    if found.access is not None:
        Access.objects.create(workspace=scene.workspace, name=GROUP, **found.access)
    if found.project is not None:
        project: Any = scene.workspace.project
        ProjectAccess.objects.create(project=project, name=GROUP, **found.project)
    if who == "outsider":
        TeamFactory.create(organization=OrganizationFactory.create(name="elsewhere"), name=GROUP, role="read")
    return found


def user_of(who: str, username: str = "caller") -> User:
    found = WHO[who]
    user = User.objects.create(
        username=username, email=f"{username}@example.com", is_staff=True, is_superuser=who == "administrator"
    )
    user.groups.add(Group.objects.get_or_create(name=GROUP)[0])
    if not found.is_active:
        User.objects.filter(pk=user.pk).update(is_active=False)
        user.refresh_from_db()
    return user


def client_of(who: str, username: str = "caller") -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user_of(who, username))
    return client


def api_of(who: str) -> Api:
    """A caller of the API, by a token; who is not active comes with the session that they had."""
    if not WHO[who].is_active:
        return Api(client=client_of(who))
    return Api(token_of("TERRAKUBE_ADMIN" if who == "administrator" else GROUP, name="caller@example.com"))


@contextmanager
def undone() -> Iterator[None]:
    """Take back whatever is done within."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
