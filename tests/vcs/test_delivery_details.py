"""What a delivery does not say is asked: which files changed, else every path matches; and a commit in full."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import pytest
from django.utils import timezone

from tests.vcs import payloads as sent
from tests.vcs.fake_api import FakeApi, Told
from tests.vcs.payloads import OLD, SHA, ZEROS
from tests.vcs.payloads import Delivery as Sent
from tests.vcs.scene import Scene
from vcs.choices import DeliveryStatus
from vcs.deliveries.handling import handle_delivery
from vcs.models import Delivery, RepositoryHook
from vcs.providers.base import normalized
from workspaces.models import Vcs, WebhookEvent, Workspace

UNKNOWN = "The changed files are unknown, so every path matches."


def cloud_push(before: str = OLD) -> Sent:
    old = None if before == ZEROS else {"name": "main", "target": {"hash": before}}
    return sent.bucket("repo:push", push={"changes": [{**sent.bucket_change(), "old": old}]})


def center_push(before: str = OLD) -> Sent:
    change = {"ref": {"id": "refs/heads/main"}, "fromHash": before, "toHash": SHA, "type": "UPDATE"}
    return sent.center("repo:refs_changed", changes=[change])


def azure_push(before: str = OLD) -> Sent:
    headers, body = sent.azure_push()
    body["resource"]["refUpdates"][0]["oldObjectId"] = before
    return headers, body


class Cloud:
    """Bitbucket Cloud: pages are counted."""

    kind, below, source, push = "BITBUCKET", "/2.0", "https://bitbucket.org/acme/infra.git", staticmethod(cloud_push)
    line = f"GET /2.0/repositories/acme/infra/diffstat/{SHA}..{OLD}"
    queries = ({"topic": "false", "pagelen": "100", "page": "1"}, {"topic": "false", "pagelen": "100", "page": "2"})

    @staticmethod
    def page(query: Mapping[str, str], changed: str, before: str, *, more: bool) -> Any:
        row = {"type": "diffstat", "status": "renamed", "new": {"path": changed}, "old": {"path": before}}
        gone = {"type": "diffstat", "status": "removed", "new": None, "old": {"path": "gone.txt"}}
        return {"values": [row, gone], **({"next": "http://169.254.169.254/"} if more else {})}


class Center:
    """Bitbucket Data Center: pages begin where the one before says."""

    kind, below, push = "BITBUCKET", "/rest/api/1.0", staticmethod(center_push)
    source = "https://git.example/scm/ac/infra.git"
    line = "GET /rest/api/1.0/projects/ac/repos/infra/changes"
    queries = (
        {"since": OLD, "until": SHA, "start": "0", "limit": "100"},
        {"since": OLD, "until": SHA, "start": "77", "limit": "100"},
    )

    @staticmethod
    def page(query: Mapping[str, str], changed: str, before: str, *, more: bool) -> Any:
        row = {"type": "MOVE", "path": {"toString": changed}, "srcPath": {"toString": before}}
        following = int(query["start"]) + 77 if more else None
        return {"values": [row], "isLastPage": not more, "nextPageStart": following}


class Azure:
    """Azure DevOps: a full page has another one behind it; folders are listed too."""

    kind, below, source, push = (
        "AZURE_DEVOPS",
        "",
        "https://dev.azure.com/acme/net/_git/infra",
        staticmethod(azure_push),
    )
    line = "GET /acme/net/_apis/git/repositories/infra/diffs/commits"
    _query = {
        "api-version": "7.0",
        "baseVersion": OLD,
        "baseVersionType": "commit",
        "targetVersion": SHA,
        "targetVersionType": "commit",
        "diffCommonCommit": "false",
        "$top": "1000",
    }
    queries = ({**_query, "$skip": "0"}, {**_query, "$skip": "1000"})

    @staticmethod
    def page(query: Mapping[str, str], changed: str, before: str, *, more: bool) -> Any:
        folder = {"item": {"path": "/envs/dev", "gitObjectType": "tree", "isFolder": True}, "changeType": "edit"}
        row = {"item": {"path": f"/{changed}", "gitObjectType": "blob"}, "changeType": "rename, edit"}
        return {"changes": [folder, {**row, "sourceServerItem": f"/{before}"}] * (500 if more else 1)}


class AzureByOrganization(Azure):
    """Azure DevOps with an API URL that names the organization, as the page of a connection asks for."""

    below = "/acme"


type Place = type[Cloud | Center | Azure]
PLACES: tuple[Place, ...] = (Cloud, Center, Azure, AzureByOrganization)
each_place = pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)


def arranged(scene: Scene, api: FakeApi, place: Place) -> None:
    """Let two workspaces listen to pushes of a repository at the fake, each for its own folder."""
    url = f"{api.url}{place.below}"
    Vcs.objects.filter(pk=scene.vcs.pk).update(
        vcs_type=place.kind, endpoint="", api_url=url, status="COMPLETED", connection_type="STANDALONE"
    )
    vcs = Vcs.objects.get(pk=scene.vcs.pk)
    vcs.access_token = "t0ken"
    vcs.save()
    for name in ("dev", "prod"):
        scene.event(scene.workspace(name, folder=f"/envs/{name}"))
    Workspace.objects.update(source=place.source)
    RepositoryHook.objects.update(source=place.source, repository_url=normalized(place.source))


def delivered(scene: Scene, delivery: Sent) -> Delivery:
    headers, body = delivery
    made: Delivery = Delivery.objects.create(
        hook=RepositoryHook.objects.get(),
        delivery_id=str(Delivery.objects.count()),
        headers=dict(headers),
        payload=json.dumps(body).encode(),
        next_try_at=timezone.now(),
    )
    handle_delivery(made.pk)
    made.refresh_from_db()
    return made


def handled(scene: Scene, place: Place, before: str = OLD) -> tuple[dict[str, str], str]:
    """Return what came of a push for each workspace, and in all."""
    made = delivered(scene, place.push(before))
    return {row.workspace.name: row.code for row in made.outcomes.all()}, str(made.why)


@each_place
def test_only_workspaces_whose_files_changed_start_a_job(scene: Scene, api: FakeApi, place: Place) -> None:
    arranged(scene, api, place)
    api.answers[place.line] = lambda asked: Told(data=place.page(asked.query, "envs/prod/a.tf", "old/a.tf", more=False))
    codes, said = handled(scene, place)
    assert codes == {"dev": "path", "prod": "job"}
    assert UNKNOWN not in said
    [asked] = api.asked
    assert (asked.line, asked.query) == (place.line, place.queries[0])


@each_place
def test_all_pages_are_read_and_old_names_count(scene: Scene, api: FakeApi, place: Place) -> None:
    arranged(scene, api, place)

    def told(asked: Any) -> Told:
        first = len(api.asked) == 1
        names = ("README.md", "x") if first else ("moved.tf", "envs/prod/a.tf")
        return Told(data=place.page(asked.query, *names, more=first))

    api.answers[place.line] = told
    assert handled(scene, place)[0] == {"dev": "path", "prod": "job"}
    assert [asked.query for asked in api.asked] == list(place.queries)


@each_place
def test_a_list_without_an_end_is_given_up(scene: Scene, api: FakeApi, place: Place) -> None:
    arranged(scene, api, place)
    api.answers[place.line] = lambda asked: Told(data=place.page(asked.query, "README.md", "x", more=True))
    codes, said = handled(scene, place)
    assert codes == {"dev": "job", "prod": "job"}
    assert said.endswith(UNKNOWN)
    assert len(api.asked) in {3, 30}


REFUSALS = {
    "limited": (Told(429, {"message": "Too many"}, {"Retry-After": "600"}), "accepts no more requests until"),
    "gone": (Told(404, {"message": "No such commit"}), "refuses the request (404: No such commit)."),
    "token": (Told(401, {"message": "Bad token"}), "does not accept the token (Bad token)."),
    "renamed": (Told(301, None, {"Location": "/other"}), "infra was renamed or moved."),
    "broken": (Told(500), "reports an internal error"),
    "empty": (Told(200), "This site does not understand the answer of"),
    "odd": (Told(data={"values": [{"new": 3, "path": 3}], "changes": [3]}), "This site does not understand the answer"),
}


@each_place
@pytest.mark.parametrize("case", REFUSALS)
def test_without_the_list_every_path_matches_and_the_delivery_says_so(
    scene: Scene, api: FakeApi, place: Place, case: str
) -> None:
    arranged(scene, api, place)
    api.answers[place.line], sentence = REFUSALS[case]
    codes, said = handled(scene, place)
    assert codes == {"dev": "job", "prod": "job"}
    assert sentence in said
    assert said.endswith(UNKNOWN)
    assert "t0ken" not in said


@each_place
@pytest.mark.parametrize("before", [ZEROS, "..", "main"], ids=["new-branch", "path", "name"])
def test_what_is_no_commit_is_not_asked_about(scene: Scene, api: FakeApi, place: Place, before: str) -> None:
    arranged(scene, api, place)
    codes, said = handled(scene, place, before)
    assert codes == {"dev": "job", "prod": "job"}
    assert said.endswith(UNKNOWN)
    assert api.asked == []


def test_no_request_is_sent_where_no_branch_matches(scene: Scene, api: FakeApi) -> None:
    arranged(scene, api, Cloud)
    Workspace.objects.update(branch="other")
    assert handled(scene, Cloud)[0] == {"dev": "branch", "prod": "branch"}
    assert api.asked == []


def test_a_commit_that_cannot_be_asked_for_is_waited_for_as_long_as_the_provider_says(
    scene: Scene, api: FakeApi
) -> None:
    """Bitbucket Cloud shortens the commit of a pull request to twelve digits."""
    arranged(scene, api, Cloud)
    WebhookEvent.objects.update(event="PULL_REQUEST")
    line = "GET /2.0/repositories/acme/infra/pullrequests/12"
    api.answers[line] = Told(429, {"error": {"message": "Slow down"}}, {"Retry-After": "900"})
    begun = timezone.now()
    delivery = delivered(scene, sent.bucket_request("pullrequest:created"))
    assert delivery.status == DeliveryStatus.PENDING
    assert delivery.next_try_at is not None
    assert delivery.next_try_at >= begun + dt.timedelta(seconds=900)
    assert "accepts no more requests until" in str(delivery.why)
    assert str(delivery.why).endswith("It is retried.")
    api.answers[line] = Told(404, {"error": {"message": "No such pull request"}})
    Vcs.objects.update(limited_until=None)
    for _ in range(2):
        Delivery.objects.update(next_try_at=begun)
        handle_delivery(delivery.pk)
    delivery.refresh_from_db()
    assert delivery.status == DeliveryStatus.FAILED
    assert str(delivery.why).endswith("refuses the request (404: No such pull request). It was tried 3 times.")
