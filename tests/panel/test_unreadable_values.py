"""Values whose encryption key was lost: pages show them as such, and each can be replaced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.db import models
from django.test import Client
from django.urls import reverse

from tests.factories import (
    GlobalVariableFactory,
    ItemFactory,
    OrganizationFactory,
    VariableFactory,
    WorkspaceFactory,
)
from tests.panel.forms import submit
from tests.support.lost_keys import lose_key
from tfe.variables.documents import variable_object
from workspaces.choices import Category, ConnectionType, NotificationChannel, VcsType
from workspaces.encryption import DecryptionError, EncryptedBinaryField, is_readable
from workspaces.models import Cluster, GlobalVariable, NotificationConfiguration, Ssh, Variable, Vcs
from workspaces.pods.catalogue import NODE_SELECTOR
from workspaces.services import rotation
from workspaces.services.records import update_record
from workspaces.services.saving import save_valid
from workspaces.services.workspaces import set_variable

pytestmark = pytest.mark.django_db
WORDS = "Cannot be read; replace it"
KUBECONFIG = """
clusters: [{name: east, cluster: {server: "https://east.example:6443"}}]
users: [{name: site, user: {token: t-o-k-e-n}}]
contexts: [{name: east, context: {cluster: east, user: site}}]
"""


def _cluster() -> Cluster:
    return Cluster.objects.create(name="east", namespace="steps", kubeconfig=KUBECONFIG)


def _vcs() -> Vcs:
    return Vcs.objects.create(
        organization=OrganizationFactory.create(),
        name="hub",
        vcs_type=VcsType.GITLAB,
        connection_type=ConnectionType.OAUTH,
        client_id="id",
        client_secret="sesame",
    )


def _ssh() -> Ssh:
    return Ssh.objects.create(organization=OrganizationFactory.create(), name="key", private_key="sesame")


def _notification() -> NotificationConfiguration:
    return NotificationConfiguration.objects.create(
        organization=OrganizationFactory.create(),
        name="chat",
        channel_type=NotificationChannel.SLACK,
        destination_url="https://chat.example/sesame",
    )


RECORDS: dict[str, tuple[Callable[[], models.Model], str, str]] = {
    "cluster": (_cluster, "kubeconfig", KUBECONFIG.replace("t-o-k-e-n", "renewed")),
    "connection": (_vcs, "client_secret", "renewed"),
    "SSH key": (_ssh, "private_key", "renewed"),
    "notification": (_notification, "destination_url", "https://chat.example/renewed"),
    "variable": (lambda: VariableFactory.create(value="sesame"), "value", "renewed"),
    "organization's variable": (lambda: GlobalVariableFactory.create(value="sesame"), "value", "renewed"),
    "collection's variable": (lambda: ItemFactory.create(value="sesame"), "value", "renewed"),
}


def stored(record: models.Model, name: str) -> Any:
    column = next(one for one in rotation.columns() if one.model is type(record) and one.name == name)
    return column.rows().values_list("encrypted", flat=True).get()


@pytest.mark.parametrize("kind", RECORDS)
def test_the_rest_of_the_record_is_read_and_saved_and_the_value_replaced(kind: str) -> None:
    make, name, renewed = RECORDS[kind]
    found = lose_key(make(), name)
    with pytest.raises(DecryptionError):
        getattr(found, name)
    assert not is_readable(found, name)
    save_valid(found)
    assert stored(found, name) == "of another key"
    LogEntry.objects.all().delete()
    setattr(found, name, renewed)
    save_valid(found)
    assert getattr(type(found)._default_manager.get(), name) == renewed
    (entry,) = LogEntry.objects.all()
    assert name in entry.changes_dict
    assert "renewed" not in str(entry.changes_dict)


@pytest.mark.parametrize("kind", RECORDS)
def test_the_pages_say_that_it_is_to_be_replaced(kind: str, admin: Client) -> None:
    make, name, _renewed = RECORDS[kind]
    found = lose_key(make(), name)
    # An item has no page of its own, but its collection has.
    shown = getattr(found, "collection", found)
    place = f"admin:{shown._meta.app_label}_{shown._meta.model_name}"
    assert admin.get(reverse(f"{place}_changelist")).status_code == 200
    page = admin.get(reverse(f"{place}_change", args=[shown.pk]))
    assert page.status_code == 200
    assert WORDS in page.text


@pytest.mark.parametrize("kind", ["cluster", "connection", "SSH key", "notification"])
def test_the_form_keeps_it_or_replaces_it(kind: str, admin: Client) -> None:
    make, name, renewed = RECORDS[kind]
    found = lose_key(make(), name)
    address = reverse(f"admin:{found._meta.app_label}_{found._meta.model_name}_change", args=[found.pk])
    form_id = f"{found._meta.model_name}_form"
    # A browser sends nothing of a list in which nothing is chosen.
    entered = {"description": "changed", "templates": None, "organizations": None}
    assert submit(admin, address, form_id, entered).status_code == 302
    assert stored(found, name) == "of another key"
    assert submit(admin, address, form_id, {**entered, name: renewed}).status_code == 302
    assert getattr(type(found)._default_manager.get(), name).strip() == renewed.strip()


def test_a_variable_that_shapes_pods_is_replaced_on_its_workspace_page(admin: Client) -> None:
    workspace = WorkspaceFactory.create()
    row = VariableFactory.create(workspace=workspace, key=NODE_SELECTOR, value="disk=ssd", category=Category.ENV)
    lose_key(row, "value")
    address = reverse("admin:workspaces_workspace_pods", args=[workspace.pk])
    assert admin.get(address).status_code == 200
    assert admin.get(reverse("admin:workspaces_workspace_changelist")).status_code == 200
    assert submit(admin, address, "workspace_form", {}).status_code == 302
    assert stored(row, "value") == "of another key"
    set_variable(workspace, by=None, key=NODE_SELECTOR, value="disk=new", category=Category.ENV)
    assert Variable.objects.get().value == "disk=new"


def test_a_shared_variable_that_shapes_pods_hinders_no_workspace(admin: Client) -> None:
    row = GlobalVariableFactory.create(key=NODE_SELECTOR, value="disk=ssd", category=Category.ENV)
    lose_key(row, "value")
    workspace = WorkspaceFactory.create(organization=row.organization)
    assert admin.get(reverse("admin:workspaces_workspace_pods", args=[workspace.pk])).status_code == 200
    set_variable(workspace, by=None, key="EPHEMERAL_CPU_LIMIT", value="1", category=Category.ENV)
    renewed = GlobalVariable.objects.get()
    update_record(renewed, {"value": "disk=new"}, by=None)
    assert GlobalVariable.objects.get().value == "disk=new"


def test_the_api_shows_no_value_and_takes_a_new_one(admin: Client) -> None:
    row = VariableFactory.create(value="sesame")
    lose_key(row, "value")
    organization = row.workspace.organization_id
    address = f"/api/v1/organization/{organization}/workspace/{row.workspace_id}/variable/{row.pk}"
    shown = admin.get(address, headers={"accept": "application/vnd.api+json"})
    assert shown.status_code == 200
    assert "value" not in shown.json()["data"]["attributes"]
    body = {"data": {"type": "variable", "id": str(row.pk), "attributes": {"value": "renewed"}}}
    changed = admin.patch(address, body, content_type="application/vnd.api+json")
    assert changed.status_code in {200, 204}
    assert Variable.objects.get().value == "renewed"


def test_the_protocol_of_terraform_cloud_lists_it_as_unknown() -> None:
    found = lose_key(VariableFactory.create(value="sesame"), "value")
    assert variable_object(found)["attributes"]["value"] is None


def test_a_value_that_no_record_holds_is_never_an_empty_one() -> None:
    value = EncryptedBinaryField().from_db_value(b"of another key", None, None)
    for use in (bool, str, len, bytes, "{}".format):
        with pytest.raises(DecryptionError):
            use(value)
