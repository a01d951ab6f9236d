"""What the tests of pod settings share: what is stored, and how a page, the API and a service change one."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.test import Client
from django.urls import reverse

import workspaces.api.urls  # noqa: F401 - registers the types that operations name
from tests.api.client import Api, token_of
from tests.factories import (
    CollectionFactory,
    GlobalVariableFactory,
    ItemFactory,
    ReferenceFactory,
    UserFactory,
    VariableFactory,
    WorkspaceFactory,
)
from workspaces.choices import Category
from workspaces.errors import WrongSettings
from workspaces.models import PolicyRule, Variable, Workspace
from workspaces.services.records import delete_record
from workspaces.services.workspaces import set_variable

CPU, CPU_LIMIT = "EPHEMERAL_CPU_REQUEST", "EPHEMERAL_CPU_LIMIT"
APPLY_LIMIT = f"{CPU_LIMIT}_APPLY"
MEMORY, MEMORY_LIMIT = "EPHEMERAL_MEMORY_REQUEST", "EPHEMERAL_MEMORY_LIMIT"
CACHE, FILES, FILES_PATH = "TF_PLUGIN_CACHE_DIR", "EPHEMERAL_CONFIG_MAP_NAME", "EPHEMERAL_CONFIG_MAP_MOUNT_PATH"
ENABLE = "TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR"
TOLERATIONS = "EPHEMERAL_CONFIG_TOLERATIONS"
CPU_SENTENCE = f'{CPU}: "4" is more than 2, the value of {CPU_LIMIT}. The format is '


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is stored, the one change that is tried, and the sentence that refuses it."""

    own: Mapping[str, str] = field(default_factory=dict)
    sensitive: frozenset[str] = frozenset()
    organization: Mapping[str, str] = field(default_factory=dict)
    collection: Mapping[str, str] = field(default_factory=dict)
    policy: Mapping[str, str] = field(default_factory=dict)
    name: str
    text: str | None
    sentence: str

    def store(self) -> Workspace:
        workspace = WorkspaceFactory.create()
        for key, value in self.own.items():
            VariableFactory.create(workspace=workspace, key=key, value=value, sensitive=key in self.sensitive)
        for key, value in self.organization.items():
            GlobalVariableFactory.create(organization=workspace.organization, key=key, value=value)
        collection = CollectionFactory.create(organization=workspace.organization)
        for key, value in self.collection.items():
            ItemFactory.create(collection=collection, key=key, value=value)
        ReferenceFactory.create(workspace=workspace, collection=collection)
        for key, most in self.policy.items():
            PolicyRule.objects.create(setting=key, maximum=most)
        return workspace


UNCOVERED = Case(
    own={CPU: "4", CPU_LIMIT: "8"}, organization={CPU_LIMIT: "2"}, name=CPU_LIMIT, text=None, sentence=CPU_SENTENCE
)
"""A deletion that uncovers the organization's limit."""


def browser() -> Client:
    client = Client()
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True, email="root@site.example"))
    return client


def address(workspace: Workspace) -> str:
    return reverse("admin:workspaces_workspace_pods", args=[workspace.pk])


def page_of(response: Any) -> str:
    assert response.status_code == 200, "it was saved"
    return html.unescape(response.content.decode())


def variables_of(workspace: Workspace) -> str:
    return reverse("admin:workspaces_workspace_variables", args=[workspace.pk])


def api() -> Api:
    return Api(token_of("TERRAKUBE_ADMIN"))


def answer_of(response: Any) -> str:
    assert response.status_code == 400, response.content
    return html.unescape(str(json.loads(response.content)["errors"][0]["detail"]))


def new(name: str, text: str | None) -> dict[str, Any]:
    return {"key": name, "value": text, "category": "ENV", "sensitive": False, "hcl": False}


def path(workspace: Workspace) -> str:
    return f"organization/{workspace.organization_id}/workspace/{workspace.pk}/variable"


def operation(workspace: Workspace, name: str, text: str | None) -> dict[str, Any]:
    row = Variable.objects.filter(workspace=workspace, key=name).first()
    if row is None:
        data: dict[str, Any] = {"type": "variable", "attributes": new(name, text)}
        return {"op": "add", "href": path(workspace), "data": data}
    one = {"type": "variable", "id": str(row.pk)}
    href = f"{path(workspace)}/{row.pk}"
    if text is None:
        return {"op": "remove", "href": href, "data": one}
    return {"op": "update", "href": href, "data": one | {"attributes": {"value": text}}}


def send(*operations: dict[str, Any]) -> Any:
    return api().call("POST", "operations", {"atomic:operations": operations})


def service(workspace: Workspace, name: str, text: str | None) -> str:
    try:
        if text is None:
            delete_record(workspace.variables.get(key=name), by=None)
        else:
            sensitive = workspace.variables.filter(key=name, sensitive=True).exists()
            set_variable(workspace, by=None, key=name, value=text, category=Category.ENV, sensitive=sensitive)
    except WrongSettings as error:
        return error.message
    raise AssertionError("it was saved")


def stored(workspace: Workspace) -> dict[str, str]:
    return dict(Variable.objects.filter(workspace=workspace).values_list("key", "value"))
