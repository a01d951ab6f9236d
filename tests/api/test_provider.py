"""Terrakube's Terraform provider, played by a fake: every resource and data source, created to destroyed.

Everything is done with an administrator's token in an organization of the provider's own, as its users do it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from tests.api.client import Api, detail
from tests.api.provider import UNKNOWN, Managed, destroy_all, found, live
from tests.factories import PLAN
from workspaces.models import AccessToken, Organization, StateVersion, Workspace

TCL = base64.b64encode(f"# Zwölf\r\n{PLAN}\n\n".encode()).decode()
DELETED = {"disabled": True, "name": "infra_DEL_aB3d", "description": "Deleted from terraform provider", "icon": None}
type Make = Callable[..., Managed]


@pytest.fixture
def infra(admin: Api) -> Managed:
    config = {"name": "infra", "description": None, "executionMode": "remote", "icon": None}
    made = Managed(admin, "organization", "organization", config, deletion=DELETED)
    made.create()
    return made


@pytest.fixture
def home(infra: Managed) -> str:
    return infra.address


@pytest.fixture
def make(admin: Api, home: str) -> Make:
    """Create a resource of the organization."""

    def make(type_name: str, config: dict[str, Any], **more: Any) -> Managed:
        made = Managed(admin, type_name, more.pop("path", f"{home}/{type_name}"), config, **more)
        made.create()
        return made

    return make


def template(make: Make) -> Managed:
    return make("template", {"name": "flow", "description": None, "version": None, "tcl": TCL})


def vcs_config() -> dict[str, Any]:
    return {
        "name": "hub", "description": "d", "vcsType": "GITHUB", "connectionType": "OAUTH", "clientId": "id",
        "clientSecret": "client-secret", "privateKey": None, "endpoint": UNKNOWN, "apiUrl": UNKNOWN,
        "status": "PENDING",
    }  # fmt: skip


def vcs(make: Make) -> Managed:
    return make("vcs", vcs_config(), secret=("clientSecret", "privateKey"))


def ssh(make: Make) -> Managed:
    config = {"name": "key", "description": None, "privateKey": "private-key", "sshType": "rsa"}
    return make("ssh", config, secret=("privateKey",))


def cli_config(**changes: Any) -> dict[str, Any]:
    return {
        "name": "cli", "description": None, "source": "empty", "branch": "remote-content", "iacType": "terraform",
        "terraformVersion": "1.11.4", "executionMode": "remote", "moduleSshKey": UNKNOWN, "project": UNKNOWN, **changes,
    }  # fmt: skip


def gone(name: str) -> dict[str, Any]:
    """What the provider says of a workspace that it deletes; it leaves its folder and credentials out."""
    return {"name": f"{name}_DEL_x9Zq", "deleted": True, "folder": "", "vcs": None, "ssh": None, "moduleSshKey": None}


def cli(make: Make, **changes: Any) -> Managed:
    config = cli_config(**changes)
    return make("workspace", config, deletion=gone(config["name"]))


# ---- resources ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [None, "", "words"])
def test_an_organization(admin: Api, text: str | None) -> None:
    config = {"name": "o", "description": text, "executionMode": "local", "icon": text}
    made = Managed(admin, "organization", "organization", config, deletion=DELETED)
    live(made, description=None if text else "other", executionMode="remote", name="p")
    assert found(admin, "organization?filter[organization]=name==p", "organization")[0]["id"] == made.state["id"]
    destroy_all([made])


@pytest.mark.parametrize("text", [None, "", "1.0"])
def test_a_template(admin: Api, home: str, text: str | None) -> None:
    config = {"name": "Two words", "description": text, "version": text, "tcl": TCL}
    made = Managed(admin, "template", f"{home}/template", config)
    live(made, version=None if text else "2", tcl=base64.b64encode(PLAN.encode()).decode())
    assert found(admin, f"{home}/template?filter[template]=name=='Two%20words'", "template") == [made.read()]
    destroy_all([made])


def test_a_tag(admin: Api, home: str) -> None:
    made = Managed(admin, "tag", f"{home}/tag", {"name": "t"})
    live(made, name="u")
    assert found(admin, f"{home}/tag?filter[tag]=name==u", "tag") == [made.read()]
    destroy_all([made])


@pytest.mark.parametrize("sensitive", [False, True])
@pytest.mark.parametrize("description", ["", "d"])
def test_an_organization_s_variable(admin: Api, home: str, sensitive: bool, description: str) -> None:
    config = {
        "key": "K", "value": "v", "description": description, "category": "ENV", "sensitive": sensitive, "hcl": False,
    }  # fmt: skip
    made = Managed(admin, "globalvar", f"{home}/globalvar", config, only_created=("sensitive",))
    live(made, value='["w"]', category="TERRAFORM", hcl=True, description="other")
    destroy_all([made])


FLAGS = [
    f"manage{what}" for what in ["State", "Workspace", "Module", "Provider", "Vcs", "Template", "Job", "Collection"]
]


@pytest.mark.parametrize("role", [UNKNOWN, "admin", "write", "plan", "read", "custom"])
def test_a_team(admin: Api, home: str, role: Any) -> None:
    config = {"name": "DEV", **dict.fromkeys(FLAGS, False), "planJob": UNKNOWN, "approveJob": UNKNOWN, "role": role}
    made = Managed(admin, "team", f"{home}/team", config)
    live(made, manageState=True, manageWorkspace=True)
    assert found(admin, f"{home}/team?filter[team]=name==DEV", "team")[0]["id"] == made.state["id"]
    destroy_all([made])


@pytest.mark.parametrize(
    "parts",
    [(0, 0, 0), (30, 0, 0), (0, 30, 0), (1, 48, 90), (0, 0, 100_000)],
    ids=lambda parts: ":".join(map(str, parts)),
)
def test_a_team_s_token(admin: Api, make: Make, parts: tuple[int, int, int]) -> None:
    """Its id is that in the token. It is replaced when the list of all says another lifetime than the configuration."""
    make("team", {"name": "DEV", **dict.fromkeys(FLAGS, False), "planJob": UNKNOWN, "approveJob": UNKNOWN})
    caller = Api(admin.token, prefix="/", client=admin.client)
    config = {"description": "CI", "days": parts[0], "hours": parts[1], "minutes": parts[2], "group": "DEV"}
    answer = caller.call("POST", "access-token/v1/teams", {"id": "", **config, "token": ""})
    token = json.loads(answer.content)["token"]
    key = jwt.decode(token, options={"verify_signature": False})["jti"]
    rows = {row["id"]: row for row in json.loads(caller.get("access-token/v1/teams").content)}
    assert {name: rows[key][name] for name in config} == config
    assert caller.delete(f"access-token/v1/teams/{key}").status_code == 202
    assert key not in [row["id"] for row in json.loads(caller.get("access-token/v1/teams").content)]


def test_a_token_of_before_shows_the_lifetime_that_it_had(admin: Api, make: Make) -> None:
    caller = Api(admin.token, prefix="/", client=admin.client)
    caller.call("POST", "access-token/v1/teams", {"group": "DEV", "hours": 30, "minutes": 5})
    AccessToken.objects.filter(team="DEV").update(lifetime=None)
    [row] = json.loads(caller.get("access-token/v1/teams").content)
    assert (row["days"], row["hours"], row["minutes"]) == (1, 6, 5)


@pytest.mark.parametrize("text", [None, "", "words"])
@pytest.mark.parametrize("module_key", [UNKNOWN, "", "key"])
def test_a_cli_workspace(admin: Api, home: str, make: Make, text: str | None, module_key: Any) -> None:
    key = ssh(make)
    module_key = key.state["id"] if module_key == "key" else module_key
    made = Managed(admin, "workspace", f"{home}/workspace", cli_config(description=text, moduleSshKey=module_key))
    made.deletion = gone("cli")
    live(made, description=None if text else "other", iacType="tofu", executionMode="local")
    [source] = found(admin, f"{home}/workspace?filter[workspace]=name==cli", "workspace")
    assert source["id"] == made.state["id"]
    made.change(moduleSshKey="")
    assert made.plan() == {}
    destroy_all([key, made])


def test_a_connection_that_needs_no_browser_is_complete(make: Make) -> None:
    config = {**vcs_config(), "connectionType": "STANDALONE", "privateKey": "key", "status": "COMPLETED"}
    made = make("vcs", config, secret=("clientSecret", "privateKey"))
    assert made.state["status"] == "COMPLETED"


@pytest.mark.parametrize("credential", [None, "vcs", "ssh"])
def test_a_vcs_workspace(admin: Api, home: str, make: Make, credential: str | None) -> None:
    flow, of_vcs, key = template(make), vcs(make), ssh(make)
    config = {
        "name": "net", "description": None, "source": "https://git.example/net.git", "branch": "main", "folder": "/",
        "defaultTemplate": flow.state["id"], "iacType": "terraform", "terraformVersion": "1.11.4",
        "executionMode": "remote", "allowRemoteApply": False, "moduleSshKey": UNKNOWN, "project": UNKNOWN,
        "vcs": of_vcs.state["id"] if credential == "vcs" else None,
        "ssh": key.state["id"] if credential == "ssh" else None,
    }  # fmt: skip
    made = Managed(admin, "workspace", f"{home}/workspace", config, deletion=gone("net"))
    live(made, folder="/modules/net", branch="main,dev", allowRemoteApply=True, source="git@git.example:net.git")
    made.change(folder="", branch="v1.0")
    assert made.plan() == {}
    destroy_all([flow, of_vcs, key, made])


@pytest.mark.parametrize("longest", ["organization", "workspace"])
def test_what_has_the_longest_name_is_deleted_too(make: Make, infra: Managed, longest: str) -> None:
    name = longest[0] * 64
    if longest == "workspace":
        made = cli(make, name=name)
    else:
        infra.change(name=name)
        made = infra
        made.deletion = DELETED | {"name": f"{name}_DEL_aB3d"}
    destroy_all([made])


def test_a_workspace_s_tag(admin: Api, make: Make) -> None:
    tag, workspace = make("tag", {"name": "t"}), cli(make)
    made = Managed(admin, "workspacetag", f"{workspace.address}/workspaceTag", {"tagId": tag.state["id"]})
    live(made)
    for value in ("network", "access", None):
        # Its document of a change has the value alone.
        assert admin.patch(made.address, "workspacetag", {"value": value}).status_code == 204
        made.config["value"] = value
        assert made.plan() == {}
    made.destroy()
    valued = Managed(admin, "workspacetag", made.path, {"tagId": tag.state["id"], "value": "network"})
    live(valued)
    destroy_all([tag, workspace, valued])


@pytest.mark.parametrize("sensitive", [False, True])
@pytest.mark.parametrize("description", ["", "d"])
def test_a_workspace_s_variable(admin: Api, make: Make, sensitive: bool, description: str) -> None:
    workspace = cli(make)
    config = {
        "key": "k", "value": "v", "description": description, "category": "TERRAFORM", "sensitive": sensitive,
        "hcl": False,
    }  # fmt: skip
    made = Managed(admin, "variable", f"{workspace.address}/variable", config)
    live(made, value="w", category="ENV", hcl=False, key="l")
    destroy_all([workspace, made])


def test_a_schedule(admin: Api, make: Make) -> None:
    flow, workspace = template(make), cli(make)
    config = {"cron": "0 0 20 ? * FRI", "templateReference": flow.state["id"]}
    made = Managed(admin, "schedule", f"workspace/{workspace.state['id']}/schedule", config)
    live(made, cron="0 0/15 * * * ?")
    destroy_all([flow, workspace, made])


@pytest.mark.parametrize("role", [UNKNOWN, "admin", "write", "plan", "read", "custom"])
def test_an_access(admin: Api, make: Make, role: Any) -> None:
    workspace = cli(make)
    flags = dict.fromkeys(["manageState", "manageWorkspace", "manageJob"], False)
    config = {"name": "GUESTS", **flags, "planJob": UNKNOWN, "approveJob": UNKNOWN, "role": role}
    made = Managed(admin, "access", f"{workspace.address}/access", config)
    live(made, manageState=True)
    destroy_all([workspace, made])


@pytest.mark.parametrize("text", [None, "", "words"])
@pytest.mark.parametrize("role", [UNKNOWN, "write"])
def test_a_project_with_its_access_and_workspace(
    admin: Api, home: str, make: Make, text: str | None, role: Any
) -> None:
    project = Managed(admin, "project", f"{home}/project", {"name": "networks", "description": text})
    live(project, description=None if text else "other", name="nets")
    assert found(admin, f"{home}/project?filter[project]=name==nets", "project") == [project.read()]
    flags = dict.fromkeys(["manageState", "manageWorkspace", "manageJob"], False)
    config = {"name": "GUESTS", **flags, "planJob": UNKNOWN, "approveJob": UNKNOWN, "role": role}
    access = Managed(admin, "project_access", f"{project.address}/projectAccess", config)
    live(access, manageWorkspace=True)
    workspace = Managed(admin, "workspace", f"{home}/workspace", cli_config(project=project.state["id"]))
    workspace.deletion = gone("cli") | {"project": None}
    live(workspace, description="other")
    other = make("project", {"name": "other", "description": None})
    workspace.change(project=other.state["id"])
    assert workspace.plan() == {}
    destroy_all([project, access, other, workspace])


@pytest.mark.parametrize("type_name", ["GITHUB", "GITLAB", "BITBUCKET", "AZURE_DEVOPS"])
def test_a_connection(admin: Api, home: str, type_name: str) -> None:
    config = vcs_config() | {"vcsType": type_name}
    made = Managed(admin, "vcs", f"{home}/vcs", config, secret=("clientSecret", "privateKey"))
    live(made, endpoint="https://hub.example", apiUrl="https://hub.example/api", description="other")
    assert found(admin, f"{home}/vcs?filter[vcs]=name=='hub'", "vcs")[0]["id"] == made.state["id"]
    destroy_all([made])


@pytest.mark.parametrize("text", [None, "", "words"])
def test_an_ssh_key(admin: Api, home: str, text: str | None) -> None:
    config = {"name": "key", "description": text, "privateKey": "private-key", "sshType": "rsa"}
    made = Managed(admin, "ssh", f"{home}/ssh", config, secret=("privateKey",))
    live(made, description=None if text else "other", sshType="ed25519", privateKey="another-key")
    assert found(admin, f"{home}/ssh?filter[ssh]=name==key", "ssh")[0]["id"] == made.state["id"]
    destroy_all([made])


def test_an_agent(admin: Api, home: str) -> None:
    config = {"name": "a", "description": "", "url": "http://agent.example:8090"}
    made = Managed(admin, "agent", f"{home}/agent", config)
    live(made, description="d", url="http://agent.example")
    destroy_all([made])


@pytest.mark.parametrize("text", [None, "", "words"])
@pytest.mark.parametrize("sensitive", [False, True])
def test_a_collection_with_its_item_and_reference(
    admin: Api, home: str, make: Make, text: str | None, sensitive: bool
) -> None:
    collection = Managed(admin, "collection", f"{home}/collection", {"name": "c", "description": text, "priority": 0})
    live(collection, description=None if text else "other", priority=7)
    config = {
        "key": "k", "value": "v", "description": text, "category": "ENV", "sensitive": sensitive, "hcl": False,
    }  # fmt: skip
    item = Managed(admin, "item", f"{collection.address}/item", config)
    live(item, value="w", description=None if text else "other")
    workspace = cli(make)
    config = {"description": text, "workspace": workspace.state["id"], "collection": collection.state["id"]}
    reference = Managed(admin, "reference", f"{collection.address}/reference", config, place="reference")
    live(reference, description=None if text else "other")
    destroy_all([collection, item, workspace, reference])


def test_an_item_that_was_made_again_is_found_by_its_key(admin: Api, make: Make) -> None:
    collection = make("collection", {"name": "c", "description": None, "priority": 1})
    path = f"{collection.address}/item"
    missing = admin.get(f"{path}/6f1c1c9e-3d0b-4f0e-8f39-4f3b3c1f0d11")
    assert missing.status_code == 404
    words = detail(missing)
    assert words.startswith("Unknown identifier ")
    assert words.endswith(" for item")


# ---- data sources beside those above --------------------------------------------------------------------------------


def test_the_outputs_of_a_workspace(admin: Api, home: str, make: Make) -> None:
    """The newest entry of the history leads to the outputs."""
    made = cli(make, name="net")
    workspace = Workspace.objects.get(pk=made.state["id"])
    outputs = {"values": {"outputs": {"cidr": {"value": "10.0.0.0/8", "sensitive": False, "type": "string"}}}}
    StateVersion.objects.create(workspace=workspace, number=1, content=b"{}", json=json.dumps(outputs).encode())
    [organization] = found(admin, "organization?filter[organization]=name==infra", "organization")
    path = f"organization/{organization['id']}/workspace"
    [source] = found(admin, f"{path}?filter[workspace]=name==net", "workspace")
    history = found(admin, f"{path}/{source['id']}/history?sort=-createdDate", "history")
    address = history[0]["output"].split("://", 1)[1].partition("/")[2]
    assert Api(admin.token, prefix="/").read(address) == outputs


# ---- what is not here -----------------------------------------------------------------------------------------------

ABSENT = [
    ("POST", "{home}/module", "Modules"),
    ("POST", "federated", "Federated credentials"),
    ("GET", "federated?filter[federated]=name==f", "Federated credentials"),
    ("POST", "{home}/policySet", "Policy sets"),
    ("GET", "policy_set/6f1c1c9e-3d0b-4f0e-8f39-4f3b3c1f0d11", "Policy sets"),
    ("POST", "policy_set/6f1c1c9e-3d0b-4f0e-8f39-4f3b3c1f0d11/attachments", "Policy sets"),
    ("GET", "policy_exemption/6f1c1c9e-3d0b-4f0e-8f39-4f3b3c1f0d11", "Policy sets"),
]


@pytest.mark.parametrize(("method", "path", "said"), ABSENT)
def test_what_is_not_here_is_refused_in_words(admin: Api, home: str, method: str, path: str, said: str) -> None:
    answer = admin.call(method, path.format(home=home), None if method == "GET" else {"data": {}})
    assert (answer.status_code, detail(answer)) == (404, f"{said} are not available on this site")


def test_a_whole_configuration_is_destroyed_with_what_ran_in_it(admin: Api, make: Make, infra: Managed) -> None:
    """A template and credentials go though jobs and the hidden workspace named them."""
    flow, key = template(make), ssh(make)
    workspace = cli(make, moduleSshKey=key.state["id"])
    related = {"workspace": ("workspace", workspace.state["id"])}
    admin.made(f"{infra.address}/job", "job", {"templateReference": flow.state["id"]}, related)
    destroy_all([infra, flow, key, workspace])
    assert Organization.objects.get().name == DELETED["name"]
