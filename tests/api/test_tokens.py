"""Personal and team tokens, and what a caller may do."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import jwt
import pytest

from tests.api.client import Api, token_of
from workspaces.models import AccessToken, Organization, Workspace


def plain(api: Api) -> Api:
    """The same caller, beside /api/v1."""
    return Api(api.token, prefix="/", client=api.client)


def body(response: Any) -> Any:
    return json.loads(response.content)


def test_a_personal_token_has_its_makers_groups_until_it_is_revoked(owner: Api) -> None:
    caller = plain(owner)
    response = caller.call("POST", "pat/v1", {"description": "CI", "days": 3})
    assert response.status_code == 201
    assert response["Content-Type"] == "application/json"
    token = body(response)["token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["iss"] == "Terrakube"
    assert claims["aud"] == ["Terrakube"]
    assert claims["sub"] == claims["name"] == "owner@example.com (Token)"
    assert claims["email"] == "owner@example.com"
    assert claims["email_verified"] is True
    assert claims["groups"] == ["OWNERS"]
    assert claims["exp"] - claims["iat"] == pytest.approx(3 * 86400, abs=2)
    assert Api(token).get("organization").status_code == 200

    response = caller.get("pat/v1")
    assert response.status_code == 202
    found = next(row for row in body(response) if row["id"] == claims["jti"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", found.pop("createdDate"))
    found.pop("updatedDate")
    assert found == {
        "id": claims["jti"],
        "description": "CI",
        "days": 3,
        "deleted": False,
        "createdBy": "owner@example.com",
        "updatedBy": "owner@example.com",
    }
    assert caller.delete(f"pat/v1/{claims['jti']}").status_code == 202
    assert Api(token).get("organization").status_code == 401
    assert claims["jti"] not in [row["id"] for row in body(caller.get("pat/v1"))]
    assert caller.delete(f"pat/v1/{claims['jti']}").status_code == 400
    assert caller.delete("pat/v1/nonsense").status_code == 400


def test_a_token_of_zero_days_has_no_end(owner: Api) -> None:
    token = body(plain(owner).call("POST", "pat/v1", {"description": "x", "days": 0}))["token"]
    assert "exp" not in jwt.decode(token, options={"verify_signature": False})


def test_nobody_lists_or_revokes_the_token_of_another(owner: Api, reader: Api) -> None:
    token = body(plain(owner).call("POST", "pat/v1", {"description": "x"}))["token"]
    key = jwt.decode(token, options={"verify_signature": False})["jti"]
    assert key not in [row["id"] for row in body(plain(reader).get("pat/v1"))]
    assert plain(reader).delete(f"pat/v1/{key}").status_code == 400
    assert Api(token).get("organization").status_code == 200


def test_a_teams_token_is_made_and_revoked_by_its_members(owner: Api, reader: Api) -> None:
    caller = plain(owner)
    sent = {"description": "CI", "days": 1, "hours": 2, "minutes": 3, "group": "OWNERS"}
    response = caller.call("POST", "access-token/v1/teams", sent)
    assert response.status_code == 201
    token = body(response)["token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["sub"], claims["groups"], claims["description"]) == ("OWNERS (Team Token)", ["OWNERS"], "CI")
    found = body(caller.get("access-token/v1/teams"))
    assert [(row["id"], row["group"], row["days"], row["hours"], row["minutes"]) for row in found] == [
        (claims["jti"], "OWNERS", 1, 2, 3)
    ]
    assert body(plain(reader).get("access-token/v1/teams")) == []
    assert plain(reader).delete(f"access-token/v1/teams/{claims['jti']}").status_code == 400
    assert caller.delete(f"access-token/v1/teams/{claims['jti']}").status_code == 202
    assert Api(token).get("organization").status_code == 401


def test_a_stranger_to_a_group_gets_no_token_of_it(reader: Api) -> None:
    before = AccessToken.objects.count()
    response = plain(reader).call("POST", "access-token/v1/teams", {"group": "OWNERS", "days": 1})
    assert (response.status_code, body(response)) == (201, {"token": ""})
    assert AccessToken.objects.count() == before


@pytest.mark.parametrize(
    "sent", [[], {"days": -1}, {"days": "many"}, {"days": 10**12}, {"description": 5}, {"description": "a\0b"}]
)
def test_a_token_is_not_made_from_nonsense(owner: Api, sent: Any) -> None:
    assert plain(owner).call("POST", "pat/v1", sent).status_code == 400


def test_a_caller_learns_its_groups_and_rights(
    owner: Api, reader: Api, stranger: Api, organization: Organization, workspace: Workspace
) -> None:
    assert body(plain(reader).get("access-token/v1/teams/current-teams")) == {"groups": ["READERS"]}
    path = f"access-token/v1/teams/permissions/organization/{organization.pk}"
    response = plain(owner).get(path)
    assert response.status_code == 202
    assert body(response)["approveJob"] is True
    assert body(response)["managePermission"] is False
    found = body(plain(reader).get(f"{path}/workspace/{workspace.pk}"))
    assert len(found) == 11
    assert not any(found.values())
    assert plain(stranger).get(path).status_code == 403
    assert plain(stranger).get(f"{path}/workspace/{workspace.pk}").status_code == 403


@pytest.mark.parametrize("part", [0, 1])
def test_a_deeply_nested_token_is_a_wrong_one(organization: Organization, part: int) -> None:
    parts = token_of("X").split(".")
    parts[part] = base64.urlsafe_b64encode(b"[" * 30_000).decode()
    assert Api(".".join(parts), prefix="/").get("pat/v1").status_code == 401


def test_no_token_no_answer(organization: Organization) -> None:
    for path in ("pat/v1", "access-token/v1/teams", "access-token/v1/teams/current-teams"):
        assert Api(prefix="/").get(path).status_code == 401
    assert Api(token_of("X"), prefix="/").get("pat/v1", Accept="application/vnd.api+json").status_code == 202
