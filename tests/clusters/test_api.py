"""Clusters in the API: administrators write and read them, and no answer holds a kubeconfig."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpResponse

from tests.api.client import Api, token_of
from tests.clusters.conftest import KUBECONFIG, Launch
from tests.clusters.test_records import disable
from tests.factories import OrganizationFactory, TeamFactory
from tests.support.secrets import found_in
from tests.warm.conftest import MemoryCluster
from workspaces.models import Cluster

pytestmark = pytest.mark.django_db
NEW = {"name": "west", "namespace": "steps", "kubeconfig": KUBECONFIG.replace("east.example", "west.example")}
TOKEN = "t-o-k-e-n"


@pytest.fixture
def api(conf: object) -> Api:
    return Api(token_of(settings.ADMIN_GROUP))


def detail(answer: HttpResponse) -> str:
    return str(json.loads(answer.content)["errors"][0]["detail"])


def patch(api: Api, record: Any, **attributes: Any) -> HttpResponse:
    data = {"type": "cluster", "id": str(record.pk), "attributes": attributes}
    return api.call("PATCH", f"cluster/{record.pk}", {"data": data})


def test_an_administrator_makes_reads_changes_and_deletes_a_cluster(api: Api) -> None:
    made = api.made("cluster", "cluster", {**NEW, "siteUrl": "https://site.west.example"})
    record = Cluster.objects.get(pk=made["id"])
    assert record.kubeconfig == NEW["kubeconfig"]
    assert made["attributes"]["hasKubeconfig"] is True
    assert (made["attributes"]["organizationIds"], made["attributes"]["restricted"]) == ([], False)

    assert patch(api, record, description="Frankfurt", enabled=False).status_code == 204
    shown = api.read(f"cluster/{record.pk}")["data"]["attributes"]
    assert (shown["description"], shown["enabled"], shown["namespace"]) == ("Frankfurt", False, "steps")
    assert Cluster.objects.get().kubeconfig == NEW["kubeconfig"], "what is not named stays"
    listed = api.read("cluster?filter[cluster]=name==west&sort=name")["data"]
    assert [row["id"] for row in listed] == [made["id"]]

    disable(record)
    assert api.delete(f"cluster/{record.pk}").status_code == 204
    assert not Cluster.objects.exists()


def test_no_answer_holds_a_kubeconfig(api: Api, east: Cluster) -> None:
    answers = [
        api.post("cluster", "cluster", NEW),
        api.get("cluster"),
        api.get(f"cluster/{east.pk}"),
        api.get(f"cluster/{east.pk}?fields[cluster]=kubeconfig"),
        api.get("cluster?sort=kubeconfig"),
        api.get(f"cluster?filter[cluster]=kubeconfig=='*{TOKEN}*'"),
        patch(api, east, kubeconfig=KUBECONFIG.replace("site}}", "other}}")),
        patch(api, east, kubeconfig=[KUBECONFIG]),
        patch(api, east, kubeconfig=f"{KUBECONFIG}\0"),
    ]
    for answer in answers:
        assert answer.status_code < 500
        assert not found_in(answer.content.decode(), TOKEN)
    assert "kubeconfig" not in api.read(f"cluster/{east.pk}")["data"]["attributes"]


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"name": "East"}, 'name: "East" must contain only lowercase letters'),
        ({"name": "default"}, "Choose another name"),
        ({"namespace": "a/b"}, 'namespace: "a/b" must contain only lowercase letters'),
        ({"siteUrl": "site.example"}, 'site_url: "site.example" is not an address such as https://'),
        ({"kubeconfig": "clusters: ["}, "kubeconfig: The kubeconfig is not valid YAML: see line 1"),
        ({"organizationIds": ["x"]}, "an id is a UUID"),
        ({"organizationIds": "x"}, "organizationIds is an array of text"),
        ({"organizationIds": None}, "organizationIds is an array of text"),
        ({"organizationIds": ["00000000-0000-4000-8000-000000000000"]}, "organizationIds are the ids of organizations"),
        ({"enabled": "maybe"}, "enabled is true or false"),
    ],
)
def test_what_cannot_work_is_refused_with_its_field(api: Api, sent: dict[str, Any], words: str) -> None:
    answer = api.post("cluster", "cluster", NEW | sent)
    assert answer.status_code == 400
    assert words in detail(answer)
    assert not Cluster.objects.exists()


def test_a_taken_name_a_taken_place_and_another_name_are_refused(api: Api, east: Cluster) -> None:
    taken = api.post("cluster", "cluster", NEW | {"name": "east"})
    assert (taken.status_code, detail(taken)) == (409, "A cluster named east already exists.")
    twin = api.post("cluster", "cluster", NEW | {"kubeconfig": KUBECONFIG})
    assert twin.status_code == 400
    assert "Cluster east already has this server and namespace steps" in detail(twin)
    renamed = patch(api, east, name="west")
    assert renamed.status_code == 403
    assert "name is set when a cluster is made" in detail(renamed)


def test_a_cluster_with_a_pod_in_it_stays(api: Api, there: MemoryCluster, launch: Launch, east: Cluster) -> None:
    attempt = launch("east")
    for answer in (patch(api, east, namespace="another"), api.delete(f"cluster/{east.pk}")):
        assert answer.status_code == 409
        assert attempt.job_name in detail(answer)
    assert Cluster.objects.get().namespace == "steps"


def test_organizations_are_chosen_by_id_and_stay_where_they_are_not_named(api: Api, east: Cluster) -> None:
    chosen = OrganizationFactory.create()
    assert patch(api, east, organizationIds=[str(chosen.pk), str(chosen.pk)]).status_code == 204
    assert patch(api, east, description="Frankfurt").status_code == 204
    shown = api.read("cluster")["data"][0]["attributes"]
    assert (shown["organizationIds"], shown["restricted"]) == ([str(chosen.pk)], True)
    chosen.delete()
    assert patch(api, east, description="Berlin").status_code == 204
    shown = api.read(f"cluster/{east.pk}")["data"]["attributes"]
    assert (shown["organizationIds"], shown["restricted"]) == ([], True), "not for all by a change of something else"
    assert patch(api, east, organizationIds=[]).status_code == 204
    assert Cluster.objects.get().restricted is False


def test_nobody_else_reads_or_writes_clusters(api: Api, east: Cluster) -> None:
    team = TeamFactory.create(name="OWNERS", role="admin")
    assert patch(api, east, organizationIds=[str(team.organization_id)]).status_code == 204
    member = Api(token_of("OWNERS"))
    assert member.read("cluster")["data"] == []
    answers = [
        member.get(f"cluster/{east.pk}"),
        member.post("cluster", "cluster", NEW),
        patch(member, east, enabled=False),
        member.delete(f"cluster/{east.pk}"),
    ]
    assert {answer.status_code for answer in answers} == {403}
    assert Cluster.objects.get().enabled
