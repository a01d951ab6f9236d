"""What a connection reaches is listed for who may choose a repository, each provider asked in its own way."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.api.client import Api, token_of
from tests.vcs.connections import app_connection, connection
from tests.vcs.fake_api import FakeApi, Told
from workspaces.choices import ConnectionType, VcsType
from workspaces.models import Team, Vcs

pytestmark = pytest.mark.django_db
ROW = {"name": "network", "fullName": "acme/network", "group": "acme", "privateRepo": True, "defaultBranch": "main"}
URL = "https://git.example/acme/network.git"
GITHUB_ROW = {
    "name": "network",
    "full_name": "acme/network",
    "owner": {"login": "acme"},
    "clone_url": URL,
    "private": True,
    "default_branch": "main",
}
GITLAB_ROW = {
    "path": "network",
    "path_with_namespace": "acme/network",
    "namespace": {"full_path": "acme"},
    "http_url_to_repo": URL,
    "visibility": "private",
    "default_branch": "main",
}
BITBUCKET_ROW = {
    "name": "network",
    "full_name": "acme/network",
    "is_private": True,
    "mainbranch": {"name": "main"},
    "links": {"clone": [{"name": "ssh", "href": "x"}, {"name": "https", "href": URL.replace("//", "//ann@")}]},
}
SERVER_ROW = {"slug": "network", "project": {"key": "acme"}, "public": False, "links": BITBUCKET_ROW["links"]}
AZURE_ROW = {
    "name": "network",
    "project": {"name": "acme", "visibility": "private"},
    "remoteUrl": URL.replace("//", "//ann@"),
    "defaultBranch": "refs/heads/main",
}


def reader(vcs: Vcs, **rights: bool) -> Api:
    Team.objects.get_or_create(organization=vcs.organization, name="CHOOSERS", defaults=rights)
    return Api(token_of("CHOOSERS", name="ann@example.com"), prefix="/")


def answer_of(vcs: Vcs, path: str, **query: str) -> tuple[int, Any]:
    caller = reader(vcs, manage_vcs=True)
    response = caller.call("GET", f"vcs/v1/{vcs.pk}/{path}?{urlencode(query)}")
    return response.status_code, json.loads(response.content)


GROUPS: dict[str, tuple[VcsType, dict[str, Told], list[dict[str, str]]]] = {
    "github": (
        VcsType.GITHUB,
        {"GET /api/user": Told(data={"login": "ann"}), "GET /api/user/orgs": Told(data=[{"login": "acme"}])},
        [{"id": "@me", "name": "ann (personal)"}, {"id": "acme", "name": "acme"}],
    ),
    "gitlab": (
        VcsType.GITLAB,
        {
            "GET /api/user": Told(data={"username": "ann"}),
            "GET /api/groups": Told(data=[{"id": 7, "full_path": "acme/infra"}]),
        },
        [{"id": "@me", "name": "ann (personal)"}, {"id": "7", "name": "acme/infra"}],
    ),
    "bitbucket": (
        VcsType.BITBUCKET,
        {"GET /api/workspaces": Told(data={"values": [{"slug": "acme", "name": "Acme"}]})},
        [{"id": "acme", "name": "Acme"}],
    ),
    "gitea": (
        VcsType.GITEA,
        {"GET /api/user": Told(data={"login": "ann"}), "GET /api/user/orgs": Told(data=[{"username": "acme"}])},
        [{"id": "@me", "name": "ann (personal)"}, {"id": "acme", "name": "acme"}],
    ),
    # The API's address names the organization.
    "azure": (VcsType.AZURE_DEVOPS, {}, [{"id": "api", "name": "api"}]),
}


@pytest.mark.parametrize(("kind", "told", "wanted"), GROUPS.values(), ids=GROUPS)
def test_groups_are_listed(api: FakeApi, kind: VcsType, told: dict[str, Told], wanted: list[dict[str, str]]) -> None:
    api.answers |= told
    assert answer_of(connection(api, kind, access_token="glpat-1"), "groups") == (200, wanted)
    assert all(asked.headers["authorization"] for asked in api.asked)


def test_groups_of_azure_are_the_accounts_of_the_person(api: FakeApi) -> None:
    vcs = connection(api, VcsType.AZURE_DEVOPS, access_token="a.b.c", api_url=api.url)
    api.answers |= {
        "GET /_apis/profile/profiles/me": Told(data={"id": "m-1", "displayName": "Ann"}),
        "GET /_apis/accounts": Told(data={"value": [{"accountName": "acme"}]}),
    }
    assert answer_of(vcs, "groups") == (200, [{"id": "acme", "name": "acme"}])
    assert api.asked[1].query == {"memberId": "m-1", "api-version": "6.0"}


LISTS: dict[str, tuple[VcsType, str, Told, dict[str, str], bool]] = {
    "github": (
        VcsType.GITHUB,
        "GET /api/search/repositories",
        Told(data={"items": [GITHUB_ROW] * 50}),
        {"q": "net in:name user:acme fork:true", "per_page": "50", "page": "2"},
        True,
    ),
    "gitlab": (
        VcsType.GITLAB,
        "GET /api/groups/acme/projects",
        Told(data=[GITLAB_ROW], headers={"X-Next-Page": "3"}),
        {
            "include_subgroups": "true",
            "order_by": "name",
            "sort": "asc",
            "per_page": "50",
            "page": "2",
            "search": "net",
        },
        True,
    ),
    "bitbucket": (
        VcsType.BITBUCKET,
        "GET /api/repositories/acme",
        Told(data={"values": [BITBUCKET_ROW]}),
        {"q": 'name~"net"', "sort": "name", "pagelen": "50", "page": "2"},
        False,
    ),
    "gitea": (
        VcsType.GITEA,
        "GET /api/orgs/acme/repos",
        Told(data=[GITHUB_ROW, {**GITHUB_ROW, "full_name": "acme/other"}]),
        {"limit": "50", "page": "2"},
        False,
    ),
}


@pytest.mark.parametrize(("kind", "line", "told", "query", "more"), LISTS.values(), ids=LISTS)
def test_repositories_of_a_group_are_listed_by_page_and_search(
    api: FakeApi, kind: VcsType, line: str, told: Told, query: dict[str, str], more: bool
) -> None:
    api.answers[line] = told
    vcs = connection(api, kind, access_token="glpat-1")
    status, found = answer_of(vcs, "repositories", group="acme", search="net", page="2")
    assert status == 200
    assert found["items"][0] == {**ROW, "url": URL}
    assert len({row["fullName"] for row in found["items"]}) == 1
    assert (found["hasMore"], found["page"], api.asked[-1].query) == (more, 2, query)


def test_ones_own_repositories_are_a_group(api: FakeApi) -> None:
    vcs = connection(api, VcsType.GITHUB, access_token="glpat-1")
    api.answers["GET /api/user/repos"] = Told(data=[GITHUB_ROW])
    assert answer_of(vcs, "repositories", group="@me")[1]["items"] == [{**ROW, "url": URL}]
    assert api.asked[-1].query["affiliation"] == "owner"


def test_azure_lists_all_projects_of_an_organization(api: FakeApi) -> None:
    vcs = connection(api, VcsType.AZURE_DEVOPS, access_token="pat", api_url=api.url)
    rows = [AZURE_ROW, *({**AZURE_ROW, "name": f"r{number:03}"} for number in range(60))]
    api.answers["GET /acme/_apis/git/repositories"] = Told(data={"value": rows})
    first = answer_of(vcs, "repositories", group="acme", search="net")[1]
    assert first["items"] == [{**ROW, "url": URL}]
    second = answer_of(vcs, "repositories", group="acme", page="2")[1]
    assert ([row["name"] for row in second["items"]][-1], len(second["items"])) == ("r059", 11)
    assert not second["hasMore"]


def test_a_data_center_lists_projects(api: FakeApi) -> None:
    vcs = connection(api, VcsType.BITBUCKET, access_token="glpat-1", api_url=f"{api.url}/rest/api/1.0")
    api.answers["GET /rest/api/1.0/projects/acme/repos"] = Told(data={"values": [SERVER_ROW], "isLastPage": False})
    _, found = answer_of(vcs, "repositories", group="acme", page="2")
    assert found["items"] == [{**ROW, "url": URL, "defaultBranch": ""}]
    assert (found["hasMore"], api.asked[0].query) == (True, {"limit": "50", "start": "50"})


def test_an_app_lists_what_it_is_installed_on(api: FakeApi) -> None:
    vcs = app_connection(api)
    api.answers |= {
        "GET /api/app/installations": Told(data=[{"id": 7, "account": {"login": "acme"}}]),
        "POST /api/app/installations/7/access_tokens": Told(201, {"token": "ghs_1"}),
        "GET /api/installation/repositories": Told(
            data={"repositories": [GITHUB_ROW, {**GITHUB_ROW, "full_name": "acme/other"}]}
        ),
    }
    assert answer_of(vcs, "groups") == (200, [{"id": "acme", "name": "acme"}])
    status, found = answer_of(vcs, "repositories", group="acme", search="net")
    assert (status, found["items"]) == (200, [{**ROW, "url": URL}])
    assert api.asked[-1].headers["authorization"] == "Bearer ghs_1"


EMPTY: dict[str, dict[str, Any]] = {
    "public": {"kind": VcsType.PUBLIC},
    "not-connected": {"kind": VcsType.GITLAB},
    "managed-identity": {"kind": VcsType.AZURE_SP_MI, "client_secret": ""},
    "app-without-key": {"kind": VcsType.GITHUB, "connection_type": ConnectionType.STANDALONE},
}


@pytest.mark.parametrize("columns", EMPTY.values(), ids=EMPTY)
def test_what_cannot_list_answers_422(api: FakeApi, columns: dict[str, Any]) -> None:
    vcs = connection(api, **columns)
    assert answer_of(vcs, "groups") == (422, [])
    empty = {"items": [], "hasMore": False, "page": 1}
    assert answer_of(vcs, "repositories", group="acme") == (422, empty)


TROUBLE: dict[str, tuple[Told, str]] = {
    "expired": (Told(401, {"message": "Bad credentials"}), "does not accept the token (Bad credentials)"),
    "scope": (Told(403, {"message": "insufficient_scope"}), "may not do this"),
    "rate": (Told(429, None, {"Retry-After": "30"}), "accepts no more requests until"),
    "down": (Told(500), "reports an internal error"),
    "page": (Told(data=["x"]), "This site does not understand the answer"),
}


@pytest.mark.parametrize(("told", "sentence"), TROUBLE.values(), ids=TROUBLE)
def test_a_providers_trouble_is_said(api: FakeApi, told: Told, sentence: str) -> None:
    api.answers["GET /api/user"] = told
    status, found = answer_of(connection(api, VcsType.GITHUB, access_token="glpat-1"), "groups")
    assert status == 502
    assert sentence in found["errors"][0]["detail"]


@pytest.mark.parametrize("query", [{}, {"group": "a", "page": "0"}, {"group": "a", "page": "x"}, {"group": "a" * 300}])
def test_a_wrong_parameter_is_refused(api: FakeApi, query: dict[str, str]) -> None:
    assert answer_of(connection(api, VcsType.GITHUB, access_token="glpat-1"), "repositories", **query)[0] == 400


@pytest.mark.parametrize(
    ("rights", "status"),
    [({"manage_vcs": True}, 200), ({"manage_workspace": True}, 200), ({"plan_job": True}, 403), ({}, 403)],
    ids=["manageVcs", "manageWorkspace", "planJob", "member"],
)
def test_who_manages_connections_or_workspaces_may_choose(api: FakeApi, rights: dict[str, Any], status: int) -> None:
    vcs = connection(api, VcsType.AZURE_DEVOPS, access_token="glpat-1")
    api.answers["GET /api/_apis/git/repositories"] = Told(data={"value": []})
    caller = reader(vcs, **rights)
    assert caller.call("GET", f"vcs/v1/{vcs.pk}/groups").status_code == status
    assert caller.call("GET", f"vcs/v1/{vcs.pk}/repositories?group=api").status_code == status
    stranger = Api(token_of("OTHERS", name="eve@example.com"), prefix="/")
    assert stranger.call("GET", f"vcs/v1/{vcs.pk}/groups").status_code == 404
    nobody = Api("", prefix="/")
    assert nobody.call("GET", f"vcs/v1/{vcs.pk}/groups").status_code == 401
