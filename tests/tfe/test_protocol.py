"""What every answer of the protocol has: headers, documents, pages, refusals."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from tests.api.client import Api, token_of
from tests.factories import OrganizationFactory, TeamFactory
from tests.tfe.routes import BASES

pytestmark = pytest.mark.django_db


@pytest.fixture(params=BASES)
def api(request: pytest.FixtureRequest) -> Api:
    for number in range(25):
        TeamFactory.create(organization=OrganizationFactory.create(name=f"org{number:02}"), name="OWNERS")
    return Api(token_of("OWNERS"), prefix=f"/{request.param}")


def test_ping_needs_no_token_and_says_what_the_server_can(client: Client) -> None:
    for base in BASES:
        response = client.get(f"/{base}ping")
        assert response.status_code == 204
        assert response["TFP-API-Version"] == "2.6"
        assert response["X-TFE-Version"].startswith("v2")


def test_discovery_names_the_protocol(client: Client) -> None:
    found = client.get("/.well-known/terraform.json").json()
    assert {found[name] for name in ("tfe.v2", "tfe.v2.1", "tfe.v2.2", "state.v2")} == {"/remote/tfe/v2/"}


def test_lists_come_in_pages(api: Api) -> None:
    first = api.read("organizations")
    assert len(first["data"]) == 20
    assert first["meta"]["pagination"] == {
        "current-page": 1, "page-size": 20, "prev-page": None, "next-page": 2, "total-pages": 2, "total-count": 25
    }  # fmt: skip
    assert len(api.read("organizations?page%5Bnumber%5D=2")["data"]) == 5
    assert api.read("organizations?page%5Bnumber%5D=999")["data"] == []
    assert len(api.read("organizations?page%5Bsize%5D=100&page%5Bnumber%5D=x")["data"]) == 25


def test_what_is_not_there_is_404_with_the_headers(api: Api) -> None:
    for path in ("organizations/none", "organizations/none/entitlement-set", "cost-estimates/ce-1", "no/such/thing"):
        response = api.get(path)
        assert response.status_code == 404
        assert response["TFP-API-Version"] == "2.6"
        (error,) = json.loads(response.content)["errors"]
        assert error["status"] == "404"


def test_a_wrong_token_is_401(api: Api) -> None:
    api.token = "wrong"
    response = api.get("organizations")
    assert response.status_code == 401
    assert json.loads(response.content)["errors"][0]["status"] == "401"
