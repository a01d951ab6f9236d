"""What is secret is never shown: not in a page, a message or the history, and is kept when nothing is typed."""

from __future__ import annotations

import subprocess
import sys

import pytest
from auditlog.models import LogEntry
from auditlog.registry import auditlog
from django.apps import apps
from django.contrib.admin.models import LogEntry as AdminLogEntry
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from tests.factories import OrganizationFactory, UserFactory, VariableFactory
from tests.panel.forms import submit
from workspaces.choices import SshType, VcsType
from workspaces.encryption import EncryptedBinaryField, EncryptedTextField
from workspaces.models import Ssh, Variable, Vcs, Workspace
from workspaces.models.history import WRITTEN_BY_MACHINES

pytestmark = pytest.mark.django_db

SECRET = "s3cr3t-of-the-test"
OTHER = "0ther-s3cr3t"
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nbase64\n-----END OPENSSH PRIVATE KEY-----\n"


@pytest.fixture
def variable(workspace: Workspace) -> Variable:
    return VariableFactory.create(workspace=workspace, key="TOKEN", value=SECRET, sensitive=True)


def page_of(workspace: Workspace) -> str:
    return reverse("admin:workspaces_workspace_variables", args=[workspace.pk])


def written() -> str:
    """All that the histories hold."""
    audit = [
        f"{row.object_repr} {row.changes} {row.changes_text} {row.serialized_data}" for row in LogEntry.objects.all()
    ]
    return "\n".join([*audit, *(f"{row.object_repr} {row.change_message}" for row in AdminLogEntry.objects.all())])


@pytest.mark.parametrize("name", ["workspaces_variable_change", "workspaces_workspace_variables"])
def test_a_sensitive_value_is_in_no_page(name: str, variable: Variable, admin: Client) -> None:
    key = variable.pk if name == "workspaces_variable_change" else variable.workspace_id
    text = admin.get(reverse(f"admin:{name}", args=[key])).content.decode()
    assert "Set, not shown" in text
    assert SECRET not in text
    assert SECRET not in admin.get(reverse("admin:workspaces_variable_changelist")).content.decode()


def test_a_page_saved_as_it_is_keeps_every_value(variable: Variable, admin: Client) -> None:
    plain = VariableFactory.create(workspace=variable.workspace, key="PLAIN", value=" lines\n  kept ")
    new = {"variables-TOTAL_FORMS": "3", "variables-2-key": "new", "variables-2-category": "ENV"}
    response = submit(admin, page_of(variable.workspace), "workspace_form", new)
    assert response.status_code == 302, response.content.decode()
    variable.refresh_from_db()
    plain.refresh_from_db()
    assert (variable.value, variable.sensitive) == (SECRET, True)
    assert plain.value == " lines\n  kept "
    assert variable.workspace.variables.filter(key="new").exists()


def test_a_secret_is_replaced_by_what_is_typed_and_cleared_on_request(variable: Variable, admin: Client) -> None:
    address = reverse("admin:workspaces_variable_change", args=[variable.pk])
    submit(admin, address, "variable_form", {"value": OTHER})
    variable.refresh_from_db()
    assert variable.value == OTHER
    submit(admin, address, "variable_form", {"value-clear": "1"})
    variable.refresh_from_db()
    assert (variable.value, variable.incomplete) == ("", True)


def test_a_secret_is_not_uncovered_by_calling_it_plain(variable: Variable, admin: Client) -> None:
    address = reverse("admin:workspaces_variable_change", args=[variable.pk])
    response = submit(admin, address, "variable_form", {"sensitive": None})
    assert response.status_code == 200
    assert "the stored value is never shown" in response.content.decode()
    assert SECRET not in response.content.decode()
    variable.refresh_from_db()
    assert variable.sensitive


def test_a_secret_that_was_just_typed_is_not_written_into_the_page_of_an_error(
    workspace: Workspace, admin: Client
) -> None:
    address = reverse("admin:workspaces_variable_add")
    data = {"workspace": str(workspace.pk), "key": "", "value": SECRET, "category": "ENV", "sensitive": "on"}
    response = admin.post(address, data)
    assert response.status_code == 200
    assert SECRET not in response.content.decode()


def test_the_history_says_that_a_value_changed_and_never_the_value(variable: Variable, admin: Client) -> None:
    LogEntry.objects.all().delete()
    submit(admin, reverse("admin:workspaces_variable_change", args=[variable.pk]), "variable_form", {"value": OTHER})
    entry = LogEntry.objects.get()
    assert "value" in entry.changes
    assert SECRET not in written()
    assert OTHER not in written()
    assert entry.actor is not None


def test_keys_of_credentials_are_kept_hidden_and_left_alone(admin: Client) -> None:
    organization = OrganizationFactory.create()
    key = Ssh.objects.create(organization=organization, name="deploy", private_key=KEY, ssh_type=SshType.ED25519)
    vcs = Vcs.objects.create(
        organization=organization, name="git", description="git", vcs_type=VcsType.GITHUB, access_token=SECRET
    )
    for name, record in (("ssh", key), ("vcs", vcs)):
        address = reverse(f"admin:workspaces_{name}_change", args=[record.pk])
        text = admin.get(address).content.decode()
        assert "BEGIN OPENSSH" not in text
        assert SECRET not in text
        assert submit(admin, address, f"{name}_form", {"name": "renamed"}).status_code == 302
        record.refresh_from_db()
        assert record.name == "renamed"
    assert (key.private_key, vcs.access_token) == (KEY, SECRET)
    assert "BEGIN OPENSSH" not in written()
    assert SECRET not in written()


def test_a_key_keeps_unix_line_ends_when_a_browser_sends_it(admin: Client) -> None:
    organization = OrganizationFactory.create()
    response = admin.post(
        reverse("admin:workspaces_ssh_add"),
        {
            "organization": str(organization.pk),
            "name": "deploy",
            "ssh_type": "ed25519",
            "private_key": KEY.replace("\n", "\r\n"),
        },
    )
    assert response.status_code == 302, response.content.decode()
    assert Ssh.objects.get().private_key == KEY


def test_a_new_key_without_a_key_is_refused(admin: Client) -> None:
    organization = OrganizationFactory.create()
    data = {"organization": str(organization.pk), "name": "deploy", "ssh_type": "ed25519", "private_key": ""}
    assert admin.post(reverse("admin:workspaces_ssh_add"), data).status_code == 200
    assert not Ssh.objects.exists()


def test_every_record_has_a_history_or_is_written_by_machines() -> None:
    for model in apps.get_app_config("workspaces").get_models():
        assert auditlog.contains(model) is not (model in WRITTEN_BY_MACHINES), model


def test_what_is_encrypted_is_masked_in_the_history() -> None:
    for model in auditlog.get_models():
        names = {
            f.name for f in model._meta.concrete_fields if isinstance(f, EncryptedTextField | EncryptedBinaryField)
        }
        assert names <= set(auditlog.get_model_fields(model)["mask_fields"]), model


def test_the_history_says_who_changed_a_users_groups_and_never_a_password(admin: Client) -> None:
    user = UserFactory.create(username="ann")
    group = Group.objects.create(name="OWNERS")
    LogEntry.objects.all().delete()
    address = reverse("admin:auth_user_change", args=[user.pk])
    submit(admin, address, "user_form", {"groups": [str(group.pk)]})
    user.set_password(SECRET)
    user.save()
    entries = list(LogEntry.objects.filter(content_type__model="user"))
    assert any("OWNERS" in str(entry.changes) and entry.actor is not None for entry in entries)
    assert any("password" in (entry.changes or {}) for entry in entries)
    assert user.password not in written()


WITHOUT_PANEL = """
import sys
import django
django.setup()
from auditlog.registry import auditlog
print("workspaces.admin" in sys.modules, *sorted(model._meta.label for model in auditlog.get_models()))
"""


def test_records_have_a_history_in_a_process_that_loads_no_page() -> None:
    said = subprocess.run([sys.executable, "-c", WITHOUT_PANEL], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["False", *sorted(model._meta.label for model in auditlog.get_models())]
