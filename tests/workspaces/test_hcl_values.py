"""An HCL value that is no expression is refused at every door, with its place and without its text."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.urls import reverse

from tests.api.client import Api, token_of
from tests.factories import CollectionFactory, TeamFactory, UserFactory, WorkspaceFactory
from tests.panel.forms import submit
from workspaces.choices import Category
from workspaces.errors import InvalidInput
from workspaces.models import GlobalVariable, Item, Variable, Workspace
from workspaces.services.workspaces import set_variable

pytestmark = pytest.mark.django_db

BROKEN = '["s3cr3t-of-the-test",\n ]x'
PLACE = "sizes: invalid HCL expression at line 2, column 3: unexpected text after the end of the expression."
GOOD = '["s3cr3t-of-the-test"]'


@pytest.fixture
def workspace() -> Workspace:
    found: Workspace = WorkspaceFactory.create(organization__name="acme")
    TeamFactory.create(organization=found.organization, name="team", manage_workspace=True, manage_collection=True)
    return found


@pytest.fixture
def api(workspace: Workspace) -> Api:
    return Api(token_of("TERRAKUBE_ADMIN", "team"))


@pytest.fixture
def admin(db: None) -> Client:
    client = Client()
    client.force_login(UserFactory.create(is_superuser=True, is_staff=True))
    return client


def body(value: str, **more: object) -> dict[str, object]:
    return {"key": "sizes", "value": value, "category": "TERRAFORM", "hcl": True, "sensitive": True, **more}


def places(workspace: Workspace) -> dict[str, str]:
    """Where each kind of variable is made, below the API's root."""
    organization = f"organization/{workspace.organization_id}"
    collection = CollectionFactory.create(organization=workspace.organization)
    return {
        "variable": f"{organization}/workspace/{workspace.pk}/variable",
        "globalvar": f"{organization}/globalvar",
        "item": f"{organization}/collection/{collection.pk}/item",
    }


@pytest.mark.parametrize("kind", ["variable", "globalvar", "item"])
def test_the_api_refuses_it_for_every_kind_of_variable(kind: str, workspace: Workspace, api: Api) -> None:
    path = places(workspace)[kind]
    refused = api.post(path, kind, body(BROKEN))
    assert (refused.status_code, PLACE in json.loads(refused.content)["errors"][0]["detail"]) == (400, True)
    assert b"s3cr3t" not in refused.content
    made = api.made(path, kind, body(GOOD))
    for changes in ({"value": BROKEN}, {"value": "x", "hcl": True}):
        document = {"data": {"type": kind, "id": made["id"], "attributes": changes}}
        assert api.call("PATCH", f"{path}/{made['id']}", document).status_code == 400
    stored: dict[str, type[Variable | GlobalVariable | Item]] = {
        "variable": Variable,
        "globalvar": GlobalVariable,
        "item": Item,
    }
    assert stored[kind].objects.get().value == GOOD


def test_marking_a_stored_text_as_hcl_is_checked_too(workspace: Workspace, api: Api) -> None:
    path = places(workspace)["variable"]
    made = api.made(path, "variable", body(BROKEN, hcl=False))
    document = {"data": {"type": "variable", "id": made["id"], "attributes": {"hcl": True}}}
    refused = api.call("PATCH", f"{path}/{made['id']}", document)
    assert (refused.status_code, b"line 2, column 3" in refused.content) == (400, True)
    assert b"s3cr3t" not in refused.content


def test_operations_refuse_it(workspace: Workspace, api: Api) -> None:
    operation = {
        "op": "add",
        "href": f"/{places(workspace)['variable']}",
        "data": {"type": "variable", "attributes": body(BROKEN)},
    }
    answer = api.client.post(
        "/api/v1/operations",
        json.dumps({"atomic:operations": [operation]}),
        content_type='application/vnd.api+json;ext="https://jsonapi.org/ext/atomic"',
        headers={"Authorization": f"Bearer {api.token}"},
    )
    assert (answer.status_code, b"line 2, column 3" in answer.content) == (400, True)
    assert not Variable.objects.exists()


def test_the_service_refuses_it(workspace: Workspace) -> None:
    with pytest.raises(InvalidInput, match="line 2, column 3") as refused:
        set_variable(workspace, by=None, key="sizes", value=BROKEN, category=Category.TERRAFORM, hcl=True)
    assert "s3cr3t" not in refused.value.message


def _row(workspace: Workspace, value: str) -> dict[str, str]:
    fields = {"key": "sizes", "value": value, "category": "TERRAFORM", "hcl": "on"}
    return {"variables-TOTAL_FORMS": "1", **{f"variables-0-{name}": text for name, text in fields.items()}}


def test_a_row_of_the_workspaces_page_refuses_it(workspace: Workspace, admin: Client) -> None:
    page = reverse("admin:workspaces_workspace_variables", args=[workspace.pk])
    text = submit(admin, page, "workspace_form", _row(workspace, BROKEN)).content.decode()
    assert "invalid HCL expression at line 2, column 3" in text
    assert not Variable.objects.exists()
    assert submit(admin, page, "workspace_form", _row(workspace, GOOD)).status_code == 302
    assert Variable.objects.get().hcl


@pytest.mark.parametrize("kind", ["variable", "globalvariable"])
def test_the_page_of_a_variable_refuses_it(kind: str, workspace: Workspace, admin: Client) -> None:
    owner = {"workspace": str(workspace.pk), "organization": str(workspace.organization_id)}
    changes = {"key": "sizes", "value": BROKEN, "category": "TERRAFORM", "hcl": "on", **owner}
    text = submit(admin, reverse(f"admin:workspaces_{kind}_add"), f"{kind}_form", changes).content.decode()
    assert "invalid HCL expression at line 2, column 3" in text


def test_a_stored_row_from_before_the_check_lets_its_page_be_saved(workspace: Workspace, admin: Client) -> None:
    Variable.objects.create(workspace=workspace, key="old", value=BROKEN, category=Category.TERRAFORM, hcl=True)
    page = reverse("admin:workspaces_workspace_variables", args=[workspace.pk])
    new = {"variables-TOTAL_FORMS": "2", "variables-1-key": "new", "variables-1-category": "TERRAFORM"}
    assert submit(admin, page, "workspace_form", new).status_code == 302
    assert set(workspace.variables.values_list("key", flat=True)) == {"old", "new"}


def test_the_lines_ends_of_a_value_survive_the_panel(workspace: Workspace, admin: Client) -> None:
    value = "one\r\ntwo\n\tthree \r\n"
    made = Variable.objects.create(workspace=workspace, key="text", value=value, category=Category.TERRAFORM)
    page = reverse("admin:workspaces_variable_change", args=[made.pk])
    assert submit(admin, page, "variable_form", {"description": "new"}).status_code == 302
    made.refresh_from_db()
    assert (made.value, made.description) == (value, "new")


@pytest.mark.parametrize(
    ("value", "more"),
    [
        (BROKEN, {"hcl": False}),
        (BROKEN, {"category": "ENV"}),
        ("", {}),
        ("  ", {}),
        ("<<EOT\ntext\nEOT", {}),
        ("null", {}),
    ],
)
def test_what_is_no_expression_by_its_mark_or_still_without_a_value_is_taken(
    value: str, more: dict[str, object], workspace: Workspace, api: Api
) -> None:
    assert api.post(places(workspace)["variable"], "variable", body(value, **more)).status_code == 201


def test_an_expression_that_is_not_sensitive_is_not_blank(workspace: Workspace, api: Api) -> None:
    refused = api.post(places(workspace)["variable"], "variable", body("", sensitive=False))
    assert (refused.status_code, b"the expression is empty" in refused.content) == (400, True)


@pytest.mark.parametrize("hcl", [False, True])
def test_a_nul_character_is_refused(hcl: bool, workspace: Workspace) -> None:
    with pytest.raises(InvalidInput, match="sizes: a Terraform variable cannot contain a NUL character"):
        set_variable(workspace, by=None, key="sizes", value='"a\0"', category=Category.TERRAFORM, hcl=hcl)


def test_a_value_nested_very_deeply_is_refused_and_breaks_nothing(workspace: Workspace, api: Api) -> None:
    refused = api.post(places(workspace)["variable"], "variable", body("[" * 100_000))
    assert (refused.status_code, b"nested too deeply" in refused.content) == (400, True)
