"""The rules of a policy in the API: who writes and reads them, and what they refuse there."""

from __future__ import annotations

import json
from typing import Any

from tests.api.client import Api
from tests.factories import VariableFactory
from workspaces.models import Organization, PolicyRule, Workspace

ACCOUNT = "EPHEMERAL_CONFIG_SERVICE_ACCOUNT"


def test_an_administrator_writes_rules_of_the_installation_and_of_an_organization(
    organization: Organization, admin: Api
) -> None:
    made = admin.made("policyrule", "policyrule", {"setting": ACCOUNT, "allowed": "tf-*\nrunner"})
    assert made["relationships"]["organization"]["data"] is None
    body = {"setting": ACCOUNT, "allowed": "tf-net-*", "reason": "Ask us."}
    below = admin.made("policyrule", "policyrule", body, {"organization": ("organization", organization.pk)})
    assert PolicyRule.objects.get(pk=below["id"]).organization == organization
    changed = admin.call(
        "PATCH",
        f"policyrule/{below['id']}",
        {"data": {"type": "policyrule", "id": below["id"], "attributes": {"allowed": "*"}}},
    )
    assert changed.status_code == 400
    assert (
        "is not within what the policy of the installation allows" in json.loads(changed.content)["errors"][0]["detail"]
    )
    assert admin.call("DELETE", f"policyrule/{made['id']}").status_code == 204


def test_members_read_the_rules_that_count_for_them_and_write_none(
    organization: Organization, admin: Api, owner: Api, stranger: Api
) -> None:
    admin.made("policyrule", "policyrule", {"setting": ACCOUNT, "effect": "forbidden"})
    relationships = {"organization": ("organization", organization.pk)}
    admin.made("policyrule", "policyrule", {"setting": "PVC_CLAIM_NAME", "allowed": "a"}, relationships)
    assert len(owner.read("policyrule")["data"]) == 2
    assert [row["attributes"]["setting"] for row in stranger.read("policyrule")["data"]] == [ACCOUNT]
    for given in (None, relationships):
        answer = owner.post("policyrule", "policyrule", {"setting": "EPHEMERAL_CPU_LIMIT", "maximum": "2"}, given)
        assert answer.status_code == 403
    (rule,) = stranger.read("policyrule")["data"]
    assert owner.call("DELETE", f"policyrule/{rule['id']}").status_code == 403
    assert PolicyRule.objects.count() == 2


def test_what_a_rule_refuses_is_refused_in_several_operations_at_once(
    workspace: Workspace, admin: Api, owner: Api
) -> None:
    admin.made("policyrule", "policyrule", {"setting": ACCOUNT, "allowed": "tf-*"})
    href = f"/organization/{workspace.organization_id}/workspace/{workspace.pk}/variable"
    operations = [
        {
            "op": "add",
            "href": href,
            "data": {
                "type": "variable",
                "attributes": {"key": key, "value": value, "category": "ENV", "hcl": False, "sensitive": False},
            },
        }
        for key, value in (("A", "1"), (ACCOUNT, "admin"))
    ]
    answer = owner.call("POST", "operations", {"atomic:operations": operations})
    assert answer.status_code == 400
    assert "is not allowed by the policy of the installation; allowed: tf-*" in answer.content.decode()
    assert not workspace.variables.exists()


def runs_in_pods(workspace: Workspace, **settings: str) -> None:
    for key, value in {"TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR": "1", **settings}.items():
        VariableFactory.create(workspace=workspace, key=key, value=value, category="ENV")


def test_the_answer_names_the_workspaces_that_a_rule_newly_refuses(workspace: Workspace, admin: Api) -> None:
    runs_in_pods(workspace, EPHEMERAL_CPU_LIMIT="4", EPHEMERAL_MEMORY_LIMIT="4Gi")
    harmless = admin.post("policyrule", "policyrule", {"setting": "EPHEMERAL_CPU_LIMIT", "maximum": "8"})
    assert (harmless.status_code, "meta" in json.loads(harmless.content)) == (201, False)
    made = json.loads(
        admin.post("policyrule", "policyrule", {"setting": "EPHEMERAL_MEMORY_LIMIT", "maximum": "2Gi"}).content
    )
    told = made["meta"]["newlyRefused"]
    (row,) = told["workspaces"]
    assert (told["total"], row["id"], row["name"]) == (1, str(workspace.pk), workspace.name)
    assert row["organization"] == workspace.organization.name
    assert "at most 2Gi" in row["why"][0] or "2Gi" in row["why"][0]

    rule = PolicyRule.objects.get(setting="EPHEMERAL_CPU_LIMIT")

    def changed(**attributes: str) -> tuple[int, Any]:
        data = {"type": "policyrule", "id": str(rule.pk), "attributes": attributes}
        answer = admin.call("PATCH", f"policyrule/{rule.pk}", {"data": data})
        return answer.status_code, json.loads(answer.content or "null")

    assert changed(maximum="6") == (204, None)
    status, body = changed(maximum="1")
    assert (status, body["meta"]["newlyRefused"]["total"]) == (200, 1)
    assert changed(maximum="2") == (204, None), "what is refused already is not new"
    assert changed(reason="Ask us.") == (204, None)


def test_operations_tell_of_it_too(workspace: Workspace, admin: Api) -> None:
    runs_in_pods(workspace, EPHEMERAL_CPU_LIMIT="4")
    data = {"type": "policyrule", "attributes": {"setting": "EPHEMERAL_CPU_LIMIT", "maximum": "2"}}
    body = {"atomic:operations": [{"op": "add", "href": "/policyrule", "data": data}]}
    (result,) = json.loads(admin.call("POST", "operations", body).content)["atomic:results"]
    assert result["meta"]["newlyRefused"]["workspaces"][0]["name"] == workspace.name
