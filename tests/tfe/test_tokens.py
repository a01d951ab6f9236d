"""Tokens: each is for its user or the members of its team, and its text is in one answer only."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.api.client import Api, token_of
from tests.factories import TeamFactory, member
from workspaces.models import AccessToken, Organization, Team
from workspaces.services.tokens import create_team_token, create_token

KIND = "authentication-tokens"


@pytest.fixture
def team(organization: Organization) -> Team:
    found: Team = organization.teams.get(name="OWNERS")
    return found


@pytest.fixture
def api(team: Team) -> Api:
    """A user in a team."""
    user = member(team)
    User.objects.filter(pk=user.pk).update(email="ada@example.com")
    user.refresh_from_db()
    return Api(create_token(by=user)[1], prefix="/api/v2/")


def refused_everywhere(text: str) -> bool:
    response = Client().get("/api/v2/account/details", headers={"Authorization": f"Bearer {text}"})
    return response.status_code == 401


def data_of(response: Any) -> Any:
    assert response.status_code in {200, 201}, response.content
    return json.loads(response.content)["data"]


def test_the_account_says_whom_a_token_acts_for(api: Api, team: Team) -> None:
    found = api.read("account/details")["data"]
    assert (found["type"], found["attributes"]["is-service-account"]) == ("users", False)
    assert api.read(f"users/{found['id']}")["data"] == found
    group = Api(create_team_token(by=None, team="OWNERS")[1], prefix="/api/v2/")
    service = group.read("account/details")["data"]
    assert (service["attributes"]["username"], service["attributes"]["is-service-account"]) == ("api-team-OWNERS", True)
    assert group.post(f"users/{service['id']}/authentication-tokens", KIND).status_code == 403
    nobody = Api(token_of("OWNERS", name="robot"), prefix="/api/v2/").read("account/details")["data"]
    assert nobody["attributes"]["username"] == "robot"
    assert len({found["id"], service["id"], nobody["id"]}) == 3


def test_a_user_s_token_is_created_listed_and_revoked(api: Api) -> None:
    path = f"users/{api.read('account/details')['data']['id']}/authentication-tokens"
    expires = {"description": "laptop", "expired-at": "2099-01-31T10:00:00Z"}
    response = api.post(path, KIND, expires)
    assert response["Cache-Control"] == "no-store"
    made = data_of(response)
    assert made["attributes"]["expired-at"] == "2099-01-31T10:00:00.000Z"
    assert made["attributes"]["description"] == "laptop"
    text = made["attributes"]["token"]
    assert Api(text, prefix="/api/v2/").get("account/details").status_code == 200
    found = api.read(path)["data"]
    assert made["id"] in {row["id"] for row in found}
    one = f"authentication-tokens/{made['id']}"
    assert data_of(api.get(one))["attributes"] == made["attributes"] | {"token": None}
    assert all(text not in str(answer) for answer in (found, api.read(one)))
    assert text not in str(list(AccessToken.objects.values()))
    assert api.delete(one).status_code == 204
    assert api.get(one).status_code == 404
    assert refused_everywhere(text)


def test_a_token_without_an_end_gets_one_and_a_past_end_is_refused(api: Api) -> None:
    path = f"users/{api.read('account/details')['data']['id']}/authentication-tokens"
    made = data_of(api.post(path, KIND))["attributes"]
    assert int(made["expired-at"][:4]) == int(made["created-at"][:4]) + 2
    for text in ("2020-01-31T10:00:00Z", "soon", "9999-12-31T23:59:59-12:00", 5):
        response = api.post(path, KIND, {"expired-at": text})
        assert response.status_code == 422, text


def test_tokens_of_others_are_out_of_reach(api: Api, organization: Organization) -> None:
    colleague = member(organization.teams.get(name="READERS"))
    other, _ = create_token(by=colleague)
    foreign, _ = create_team_token(by=None, team=TeamFactory.create(name="FOREIGN").name)
    readers, _ = create_team_token(by=None, team="READERS")
    path = f"users/user-{colleague.pk}/authentication-tokens"
    assert api.get(path).status_code == 403
    assert api.post(path, KIND).status_code == 403
    for token in (other, foreign, readers):
        for method in ("GET", "DELETE"):
            assert api.call(method, f"authentication-tokens/{token.pk}").status_code == 404
    assert api.get("authentication-tokens/nonexisting").status_code == 404
    team = organization.teams.get(name="READERS")
    for address in ("authentication-token", "authentication-tokens"):
        assert api.get(f"teams/{team.pk}/{address}").status_code == 403
        assert api.post(f"teams/{team.pk}/{address}", KIND).status_code == 403
    assert AccessToken.objects.filter(deleted=True).count() == 0


def test_a_new_main_token_of_a_team_replaces_the_one_before(api: Api, team: Team) -> None:
    path = f"teams/{team.pk}/authentication-token"
    assert api.get(path).status_code == 404
    first = data_of(api.call("POST", path))
    assert first["attributes"]["description"] is None
    caller = api.read("account/details")["data"]["id"]
    assert first["relationships"]["created-by"]["data"] == {"id": caller, "type": "users"}
    assert first["relationships"]["team"]["data"] == {"id": str(team.pk), "type": "teams"}
    named = data_of(api.post(f"{path}s", KIND, {"description": "ci"}))
    second = data_of(api.post(path, KIND))
    assert refused_everywhere(first["attributes"]["token"])
    assert data_of(api.get(path))["id"] == second["id"]
    assert api.delete(path).status_code == 204
    assert api.delete(path).status_code == 404
    assert refused_everywhere(second["attributes"]["token"])
    assert not refused_everywhere(named["attributes"]["token"])


def test_tokens_with_descriptions_are_several(api: Api, team: Team) -> None:
    path = f"teams/{team.pk}/authentication-tokens"
    made = [data_of(api.post(path, KIND, {"description": name})) for name in ("ci", "")]
    assert [one["attributes"]["description"] for one in made] == ["ci", ""]
    again = api.post(path, KIND, {"description": "ci"})
    assert again.status_code == 422
    (error,) = json.loads(again.content)["errors"]
    assert (error["title"], error["detail"]) == (
        "invalid attributes", "Validation failed: Description has already been taken"
    )  # fmt: skip
    assert {row["id"] for row in api.read(path)["data"]} == {one["id"] for one in made}
    assert all(row["attributes"]["token"] is None for row in api.read(path)["data"])


def test_team_tokens_of_an_organization_are_filtered_and_sorted(api: Api, organization: Organization) -> None:
    admin = Api(token_of("TERRAKUBE_ADMIN"), prefix="/api/v2/")
    keys = {}
    for name, year in (("OWNERS", 2098), ("READERS", 2097)):
        key = organization.teams.get(name=name).pk
        made = admin.post(f"teams/{key}/authentication-token", KIND, {"expired-at": f"{year}-01-01T00:00:00Z"})
        keys[name] = data_of(made)["id"]
    create_team_token(by=None, team=TeamFactory.create(name="FOREIGN").name)

    def found(caller: Api, query: str = "") -> list[str]:
        return [row["id"] for row in caller.read(f"organizations/net/team-tokens{query}")["data"]]

    assert found(admin, "?sort=expired-at") == [keys["READERS"], keys["OWNERS"]]
    assert found(admin, "?sort=-expired-at") == [keys["OWNERS"], keys["READERS"]]
    assert found(admin, "?q=READ") == [keys["READERS"]]
    assert found(api) == [keys["OWNERS"]]
