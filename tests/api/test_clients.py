"""Every resource through create, read, list by filter, update and delete, as Terrakube's provider and CLI call them."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.api.client import MEDIA_TYPE, Api, detail
from tests.factories import PLAN, CollectionFactory, ProjectFactory, VariableFactory
from workspaces.errors import WrongState
from workspaces.models import Collection, Organization, Reference, Ssh, Tag, Template, Variable, Vcs, Workspace
from workspaces.services.records import update_record

TCL = base64.b64encode(PLAN.encode()).decode()
AUDIT = {"createdBy", "createdDate", "updatedBy", "updatedDate"}


@dataclass(frozen=True)
class Case:
    """What a client sends for one type; ``path`` may hold {organization}, {workspace}, {collection}, {template}."""

    type: str
    path: str
    sent: dict[str, Any]
    change: dict[str, Any]
    by: str = ""
    more: set[str] = field(default_factory=set)
    secret: tuple[str, ...] = ()
    only_admin: bool = False
    read_by_all: bool = True


ORG = "organization/{organization}"
WS = ORG + "/workspace/{workspace}"
CASES = [
    Case("team", f"{ORG}/team", {"name": "DEV", "manageState": True, "planJob": False}, {"planJob": True},
         by="name==DEV", only_admin=True,
         more={"approveJob", "manageCollection", "manageJob", "manageModule", "manageProvider", "manageTemplate",
               "manageVcs", "manageWorkspace", "role"}),
    Case("workspace", f"{ORG}/workspace",
         {"name": "cli", "source": "empty", "branch": "remote-content", "terraformVersion": "1.11.4", "folder": "",
          "description": "", "iacType": "terraform", "executionMode": "remote", "defaultTemplate": "",
          "allowRemoteApply": False, "moduleSshKey": "", "deleted": False},
         {"description": "CLI"}, by="name==cli",
         more=AUDIT | {"autoApply", "globalRemoteState", "sharedIds", "lastJobDate", "lastJobStatus", "lockDescription",
                       "locked"}),
    Case("variable", f"{WS}/variable",
         {"key": "a", "value": "1", "category": "TERRAFORM", "description": "", "sensitive": False, "hcl": False},
         {"value": "2"}, by="key==a", more={"incomplete"}),
    Case("globalvar", f"{ORG}/globalvar",
         {"key": "a", "value": "1", "category": "ENV", "description": "", "hcl": False}, {"value": "2"},
         by="key==a", more={"sensitive"}, only_admin=True),
    Case("template", f"{ORG}/template", {"name": "Two words", "description": "", "version": "1.0.0", "tcl": TCL},
         {"version": "1.0.1"}, by="name=='Two words'", more=AUDIT),
    Case("collection", f"{ORG}/collection", {"name": "c", "description": "", "priority": 5}, {"priority": 6},
         by="name==c", more=AUDIT),
    Case("item", f"{ORG}/collection/{{collection}}/item",
         {"key": "a", "value": "1", "category": "ENV", "description": "", "sensitive": False, "hcl": False},
         {"value": "2"}, by="key==a"),
    Case("vcs", f"{ORG}/vcs",
         {"name": "hub", "description": "d", "vcsType": "GITHUB", "connectionType": "OAUTH", "clientId": "id",
          "clientSecret": "client-secret", "privateKey": "", "callback": "", "endpoint": "", "apiUrl": "",
          "redirectUrl": ""},
         {"endpoint": "https://hub.example"}, by="name=='hub'", more=AUDIT | {"status"},
         secret=("clientSecret", "privateKey")),
    Case("ssh", f"{ORG}/ssh", {"name": "k", "description": "", "privateKey": "private-key", "sshType": "ed25519"},
         {"description": "d"}, by="name==k", more=AUDIT | {"allowSshRsa"}, secret=("privateKey",)),
    Case("agent", f"{ORG}/agent", {"name": "a", "description": "", "url": "http://agent.example:8090"},
         {"description": "d"}, by="name==a", only_admin=True),
    Case("tag", f"{ORG}/tag", {"name": "t"}, {"name": "u"}, by="name==t", more=AUDIT),
    Case("schedule", "workspace/{workspace}/schedule",
         {"cron": "0 0 20 ? * FRI", "templateReference": "{template}", "description": "", "enabled": True},
         {"enabled": False}, by="enabled==true", more=AUDIT | {"name", "tcl", "refusal", "timeZone"}),
    Case("webhook", f"{WS}/webhook", {"migratedV2": False}, {"migratedV2": True}, more=AUDIT | {"remoteHookId"}),
    Case("access", f"{WS}/access",
         {"name": "GUESTS", "manageState": False, "manageWorkspace": False, "manageJob": False, "planJob": True,
          "approveJob": False},
         {"approveJob": True}, by="name==GUESTS", more={"role"}, read_by_all=False),
    Case("project", f"{ORG}/project", {"name": "p", "description": ""}, {"description": "d"}, by="name==p",
         more=AUDIT),
    Case("project_access", f"{ORG}/project/{{project}}/projectAccess",
         {"name": "GUESTS", "manageState": False, "manageWorkspace": False, "manageJob": False, "planJob": True,
          "approveJob": False},
         {"approveJob": True}, by="name==GUESTS", more={"role"}, read_by_all=False),
]  # fmt: skip


@pytest.fixture
def places(organization: Organization, workspace: Workspace, template: Template) -> dict[str, str]:
    collection: Collection = CollectionFactory.create(organization=organization)
    records = {
        "organization": organization,
        "workspace": workspace,
        "template": template,
        "collection": collection,
        "project": ProjectFactory.create(organization=organization),
    }
    return {name: str(record.pk) for name, record in records.items()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.type)
def test_a_resource_lives_its_life(case: Case, places: dict[str, str], owner: Api, admin: Api, reader: Api) -> None:
    path = case.path.format(**places)
    sent = {
        name: value.format(**places) if isinstance(value, str) and name != "tcl" else value
        for name, value in case.sent.items()
    }
    caller = admin if case.only_admin else owner
    refused = reader.post(path, case.type, sent)
    assert (refused.status_code, json.loads(refused.content)["errors"][-1]["detail"]) == (
        403,
        "CreatePermission Denied",
    )
    assert detail(refused).startswith("You may not create a ")
    if case.only_admin:
        assert owner.post(path, case.type, sent).status_code == 403

    made = caller.made(path, case.type, sent)
    shown = sent.keys() - set(case.secret)
    assert list(made["attributes"]) == sorted(made["attributes"])
    assert made["attributes"].keys() == shown | case.more
    unset = {"defaultTemplate", "moduleSshKey"}
    assert {name: made["attributes"][name] for name in shown - unset} == {name: sent[name] for name in shown - unset}
    for name in AUDIT & made["attributes"].keys() - {"createdBy", "updatedBy"}:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ", made["attributes"][name])
    one = f"{path}/{made['id']}"
    assert caller.read(one)["data"] == made
    if case.by:
        assert made["id"] in [row["id"] for row in caller.read(f"{path}?filter[{case.type}]={case.by}")["data"]]
        listed = [row["id"] for row in reader.read(f"{path}?filter[{case.type}]={case.by}")["data"]]
        assert listed == ([made["id"]] if case.read_by_all else [])
    else:
        # There is one at most, which is no list.
        assert caller.read(path)["data"] == reader.read(path)["data"] == made

    refusals = {403} if case.read_by_all else {403, 404}
    assert reader.patch(one, case.type, case.change).status_code in refusals
    response = caller.patch(one, case.type, case.change)
    assert (response.status_code, response.content) == (204, b"")
    after = caller.read(one)["data"]["attributes"]
    assert {name: after[name] for name in case.change} == case.change
    assert {name: after[name] for name in after.keys() - case.change.keys() - AUDIT} == {
        name: made["attributes"][name] for name in after.keys() - case.change.keys() - AUDIT
    }

    assert reader.delete(one).status_code in refusals
    assert caller.delete(one).status_code == 204
    assert caller.get(one).status_code == 404


def test_a_workspace_tag_names_its_tag(owner: Api, places: dict[str, str], organization: Organization) -> None:
    tag = Tag.objects.create(organization=organization, name="t")
    path = WS.format(**places) + "/workspaceTag"
    made = owner.made(path, "workspacetag", {"tagId": str(tag.pk)})
    assert made["attributes"] == {"tagId": str(tag.pk), "value": None}
    assert owner.post(path, "workspacetag", {"tagId": str(tag.pk)}).status_code == 409
    assert owner.delete(f"{path}/{made['id']}").status_code == 204


def test_a_reference_is_made_below_its_collection_and_read_at_the_root(owner: Api, places: dict[str, str]) -> None:
    path = "organization/{organization}/collection/{collection}/reference".format(**places)
    made = owner.made(path, "reference", {"description": ""}, {"workspace": ("workspace", places["workspace"])})
    assert made["relationships"] == {
        "collection": {"data": {"type": "collection", "id": places["collection"]}},
        "workspace": {"data": {"type": "workspace", "id": places["workspace"]}},
    }
    assert owner.read(f"reference/{made['id']}")["data"] == made
    assert owner.delete(f"reference/{made['id']}").status_code == 204
    assert owner.post(path, "reference", {}).status_code == 409
    assert not Reference.objects.exists()


def test_an_organization_is_read_by_name_and_deleted_softly(admin: Api) -> None:
    made = admin.made("organization", "organization", {"name": "gone", "description": ""})
    one = f"organization/{made['id']}"
    admin.made(
        f"{one}/workspace", "workspace", {"name": "w", "source": "empty", "branch": "b", "terraformVersion": "1"}
    )
    assert [row["id"] for row in admin.read("organization?filter=name==gone")["data"]] == [made["id"]]
    assert admin.patch(one, "organization", {"disabled": True, "name": "gone_DEL_1a2b"}).status_code == 204
    assert admin.get(one).status_code == 404
    assert Workspace.objects.get().deleted
    assert admin.made("organization", "organization", {"name": "gone"})["id"] != made["id"]


def test_a_workspace_takes_its_credentials_by_relationship(owner: Api, places: dict[str, str]) -> None:
    vcs = owner.made(ORG.format(**places) + "/vcs", "vcs", {"name": "v", "description": "", "vcsType": "GITLAB"})
    path = ORG.format(**places) + "/workspace"
    data = {
        "type": "workspace",
        "attributes": {"name": "w", "source": "git@git.example:s.git", "branch": "main", "terraformVersion": "1"},
        "relationships": {"vcs": {"data": {"type": "vcs", "id": vcs["id"]}}, "project": {"data": None}},
    }
    included = [{"type": "vcs", "id": vcs["id"], "attributes": {"name": "v"}}]
    response = owner.call("POST", path, {"data": data, "included": included})
    assert response.status_code == 201
    made = json.loads(response.content)["data"]
    assert made["relationships"]["vcs"] == {"data": {"type": "vcs", "id": vcs["id"]}}
    assert owner.delete(f"{ORG.format(**places)}/vcs/{vcs['id']}").status_code == 409
    none = {"type": "workspace", "id": made["id"], "relationships": {"vcs": {"data": None}}}
    assert owner.call("PATCH", f"{path}/{made['id']}", {"data": none}).status_code == 204
    assert owner.delete(f"{ORG.format(**places)}/vcs/{vcs['id']}").status_code == 204


def test_whether_an_organizations_variable_is_sensitive_is_said_once(admin: Api, places: dict[str, str]) -> None:
    path = ORG.format(**places) + "/globalvar"
    attributes = {"key": "k", "value": "hidden", "category": "ENV", "description": "", "sensitive": True, "hcl": False}
    made = admin.made(path, "globalvar", attributes)
    assert "value" not in made["attributes"]
    assert admin.patch(f"{path}/{made['id']}", "globalvar", {"sensitive": False}).status_code == 403
    assert admin.patch(f"{path}/{made['id']}", "globalvar", {"value": "new"}).status_code == 204


def test_operations_are_done_all_or_none(owner: Api, places: dict[str, str]) -> None:
    path = "/" + WS.format(**places) + "/variable"

    def add(key: str, category: str = "ENV") -> dict[str, Any]:
        attributes = {"key": key, "value": "v", "category": category}
        return {"op": "add", "href": path, "data": {"type": "variable", "attributes": attributes}}

    def send(*operations: dict[str, Any]) -> Any:
        media = f'{MEDIA_TYPE};ext="https://jsonapi.org/ext/atomic"'
        return owner.client.post(
            "/api/v1/operations",
            json.dumps({"atomic:operations": operations}),
            content_type=media,
            headers={"Authorization": f"Bearer {owner.token}", "Accept": media},
        )

    response = send(add("a"), add("b", category="nosuch"))
    assert response.status_code == 400
    assert not Variable.objects.exists()
    response = send(add("a"), add("b"))
    assert response.status_code == 200
    results = json.loads(response.content)["atomic:results"]
    assert [result["data"]["attributes"]["key"] for result in results] == ["a", "b"]
    first, second = (result["data"]["id"] for result in results)
    change = {"type": "variable", "id": first, "attributes": {"value": "w"}}
    response = send(
        {"op": "update", "href": f"{path}/{first}", "data": change}, {"op": "remove", "href": f"/api/v1{path}/{second}"}
    )
    assert response.status_code == 200
    assert json.loads(response.content) == {"atomic:results": [{"data": None}, {"data": None}]}
    assert [(row.key, row.value) for row in Variable.objects.all()] == [("a", "w")]


def test_an_operation_names_what_one_before_it_made(admin: Api, organization: Organization) -> None:
    path = f"/organization/{organization.pk}"
    attributes = {"name": "w", "source": "empty", "branch": "main", "terraformVersion": "1.11.4"}
    operations = [
        {"op": "add", "href": f"{path}/vcs", "data": {"type": "vcs", "lid": "v",
         "attributes": {"name": "v", "description": "", "vcsType": "GITLAB"}}},
        {"op": "add", "href": f"{path}/workspace", "data": {"type": "workspace", "lid": "w", "attributes": attributes,
         "relationships": {"vcs": {"data": {"type": "vcs", "lid": "v"}}}}},
        {"op": "update", "ref": {"type": "workspace", "lid": "w"},
         "data": {"type": "workspace", "lid": "w", "attributes": {"description": "made at once"}}},
    ]  # fmt: skip
    response = admin.call("POST", "operations", {"atomic:operations": operations})
    assert response.status_code == 200, response.content
    workspace = Workspace.objects.get()
    assert (workspace.description, workspace.vcs and workspace.vcs.name) == ("made at once", "v")


def test_a_local_id_that_stands_for_nothing_or_for_two_is_refused(admin: Api, organization: Organization) -> None:
    tag = {"op": "add", "href": f"/organization/{organization.pk}/tag"}
    twice = [{**tag, "data": {"type": "tag", "lid": "t", "attributes": {"name": name}}} for name in "ab"]
    unknown = [{"op": "remove", "ref": {"type": "tag", "lid": "nosuch"}}]
    for operations in (twice, unknown, [{"op": "remove", "ref": {"type": "tag", "lid": 5}}]):
        assert admin.call("POST", "operations", {"atomic:operations": operations}).status_code == 400
    assert not Tag.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"atomic:operations": []},
        {"atomic:operations": [5]},
        {"atomic:operations": [{"op": "add"}]},
        {"atomic:operations": [{"op": "add", "href": 5}]},
        {"atomic:operations": [{"op": "nosuch", "href": "/organization"}]},
        {"atomic:operations": [{"op": "add", "href": "/organization", "nosuch": 1}]},
        {"atomic:operations": [{"op": "remove", "ref": {"type": "workspace", "id": "x"}}]},
        {"atomic:operations": [{"op": "remove", "href": "/organization"}] * 101},
    ],
)
def test_operations_that_cannot_be_read_are_400(admin: Api, body: Any) -> None:
    assert admin.call("POST", "operations", body).status_code == 400


def test_a_change_of_what_is_deleted_meanwhile_is_a_conflict(workspace: Workspace) -> None:
    variable = VariableFactory.create(workspace=workspace)
    Variable.objects.all().delete()
    with pytest.raises(WrongState, match="deleted in the meantime"):
        update_record(variable, {"value": "new"}, by=None)


def test_starting_a_job_asks_for_no_more_than_it_needs(
    owner: Api,
    workspace: Workspace,
    template: Template,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    path = f"organization/{workspace.organization_id}/job"
    attributes, related = {"templateReference": str(template.pk)}, {"workspace": ("workspace", workspace.pk)}
    with django_assert_max_num_queries(10):
        owner.made(path, "job", attributes, related)


@pytest.mark.parametrize(("type_name", "field"), [("vcs", "vcs"), ("ssh", "ssh"), ("ssh", "module_ssh_key")])
def test_a_deleted_workspace_holds_no_credential(
    type_name: str, field: str, owner: Api, organization: Organization, workspace: Workspace
) -> None:
    made: Vcs | Ssh = (
        Vcs.objects.create(organization=organization, name="v", vcs_type="GITHUB")
        if type_name == "vcs"
        else Ssh.objects.create(organization=organization, name="s", private_key="key")
    )
    Workspace.objects.filter(pk=workspace.pk).update(**{field: made})
    path = f"organization/{organization.pk}"
    refused = owner.delete(f"{path}/{type_name}/{made.pk}")
    assert (refused.status_code, detail(refused)) == (409, f"{made.name} is still used by core.")
    change = {"deleted": True, "name": "core_DEL_0a1b"}
    assert owner.patch(f"{path}/workspace/{workspace.pk}", "workspace", change).status_code == 204
    assert owner.delete(f"{path}/{type_name}/{made.pk}").status_code == 204
    assert not type(made).objects.exists()
    assert getattr(Workspace.objects.get(), field) is None
