"""Every address of the site, asked by a stranger: another organization's member with a token, one in the panel, nobody.

A new route is walked by itself. What it takes must be known here, or the test fails and asks for it; what is open to
anybody stands in OPEN.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from django.utils import timezone

from executors.choices import AttemptState, ExecutorKind
from executors.models import Attempt, LogChunk, WarmPod
from tests.api.client import Api
from tests.api.conftest import SECRET
from tests.api.test_boundaries import snapshot
from tests.factories import UserFactory, member
from tests.support.patience import patient
from tests.tfe.routes import names_of
from vcs.models import RepositoryHook
from workspaces.models import AccessToken, ConfigurationVersion, NotificationDelivery, Team

pytestmark = pytest.mark.once

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# What anybody may have: the way in, health, discovery, the description.
OPEN = re.compile(
    r"|admin/(login|logout|jsi18n)/|sign-in/.*|actuator/.*|(tofu|terraform)/index\.json|doc(/openapi\.json)?"
    r"|\.well-known/terraform\.json|metrics|(remote/tfe|api)/v2/ping|callback/v1/vcs/<str:vcs_id>"
    # A provider's signature opens it; tests/vcs/test_receiving.py tries others.
    r"|webhook/v[12]/.*"
)
REFUSED = {301, 302, 400, 401, 403, 404, 405, 409, 410, 415}


@dataclass(frozen=True)
class Route:
    """One address with the ids of foreign records in it, and whether it names any."""

    pattern: str
    address: str
    named: bool


def _patterns(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern).removeprefix("^").removesuffix(r"\Z")
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern.url_patterns, path)
        else:
            yield path, pattern


def _known(everything: dict[str, models.Model]) -> dict[str, str]:
    """What each parameter of an address stands for."""
    keys = {f"{name}_id": str(record.pk) for name, record in everything.items()}
    return (
        names_of(everything)
        | keys
        | {
            "state_id": keys["history_id"],
            "recovered_id": keys["recovered_state_id"],
            "configuration_id": keys["notification_configuration_id"],
            "delivery_id": keys["notificationdelivery_id"],
            "content_type_id": str(ContentType.objects.get_for_model(everything["workspace"]).pk),
            "object_id": keys["workspace_id"],
            "app_label": "workspaces",
            "path": f"workspace/{keys['workspace_id']}",
            "url": f"workspaces/workspace/{keys['workspace_id']}",
        }
    )


def _filled(path: str, known: dict[str, str], everything: dict[str, models.Model]) -> str:
    """The address of a route. Raises KeyError for a parameter that nobody knows here."""
    if match := re.match(r"admin/\w+/(\w+)/", path):
        # Pages of one record take the key of a record of their own model.
        of_model = {type(record)._meta.model_name: str(record.pk) for record in everything.values()}
        key = of_model.get(match[1], "1")
        known = known | {"object_id": key, "pk": key, "id": key}
    # The addresses that Terrakube's executor reports to are written as regular expressions.
    if path.startswith("api/v1/(?P<path>"):
        path = path.replace("(?P<path>", "").replace(")$", "")
        return re.sub(r"(\w+)/\[\^/\]\+", lambda found: f"{found[1]}/{known[f'{found[1]}_id']}", path)
    path = re.sub(r"\(\?P<(\w+)>[^)]*\)", lambda found: known[found[1]], path).removesuffix("$")
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: known[found[1]], path)


@pytest.fixture
def routes(everything: dict[str, models.Model]) -> list[Route]:
    everything = everything | _more(everything)
    known = _known(everything)
    found = []
    for path, pattern in _patterns(get_resolver().url_patterns):
        if OPEN.fullmatch(path):
            continue
        try:
            address = f"/{_filled(path, known, everything)}"
        except KeyError as error:
            pytest.fail(f"Say in this test what {error} in {path} stands for, or that the route is open")
        assert resolve(address).func == pattern.callback or "catch_all" in str(pattern.callback), path
        found.append(Route(path, address, "<" in path and "<app_label>" not in path))
    return found


def _more(everything: dict[str, models.Model]) -> dict[str, models.Model]:
    """Records that the API has no type of."""
    workspace: Any = everything["workspace"]
    step: Any = everything["step"]
    now = timezone.now()
    attempt = Attempt.objects.create(
        step=step,
        number=1,
        executor=ExecutorKind.LOCAL,
        state=AttemptState.ENDED,
        created_at=now,
        not_before=now,
        ended_at=now,
        cleaned_at=now,
        log_size=len(SECRET),
    )
    LogChunk.objects.create(attempt=attempt, offset=0, size=len(SECRET), data=SECRET.encode())
    vcs: Any = everything["vcs"]
    notification: Any = everything["notification_configuration"]
    return {
        "attempt": attempt,
        "pod": WarmPod.objects.create(attempt=attempt, shape="1", namespace="n", job_name="warm-1", created_at=now),
        "repositoryhook": RepositoryHook.objects.create(vcs=vcs, repository_url="https://git.example/a"),
        "notificationdelivery": NotificationDelivery.objects.create(
            configuration=notification,
            organization=workspace.organization,
            workspace=workspace,
            event="failed",
            facts={"event": "failed", "organization": SECRET},
        ),
        "user": UserFactory.create(),
        "version": ConfigurationVersion.objects.create(workspace=workspace, content=SECRET.encode()),
        "token": AccessToken.objects.create(name="ada", team="OWNERS", groups=["OWNERS"], created_by="ada"),
    }


def _ask(client: Client, method: str, address: str, headers: dict[str, str]) -> tuple[int, bytes]:
    response: Any = client.generic(method, address, b"{}", content_type="application/vnd.api+json", headers=headers)
    return response.status_code, _body_of(response)


def _body_of(response: Any) -> bytes:
    if not response.streaming:
        return bytes(response.content)

    async def joined() -> bytes:
        return b"".join([piece async for piece in response])

    return async_to_sync(joined)() if response.is_async else b"".join(response)


@pytest.mark.timeout(patient(300))
@pytest.mark.parametrize("who", ["token", "session", "nobody"])
def test_no_address_shows_or_changes_what_is_another_organization_s(
    who: str, routes: list[Route], everything: dict[str, models.Model], stranger: Api
) -> None:
    client = Client(raise_request_exception=False)
    headers: dict[str, str] = {}
    if who == "token":
        headers["Authorization"] = f"Bearer {stranger.token}"
    if who == "session":
        user = member(Team.objects.get(name="STRANGERS"))
        user.is_staff = True
        user.save()
        client.force_login(user)
    before = snapshot(everything)
    hidden = [SECRET.encode(), *(str(row.pk).encode() for row in everything.values() if len(str(row.pk)) > 30)]
    for route in routes:
        for method in METHODS:
            # Some say on the next page what they were asked for.
            client.cookies.pop("messages", None)
            status, content = _ask(client, method, route.address, headers)
            asked = (who, method, route.pattern, status)
            assert status < 500, asked
            if route.named or who == "nobody":
                assert status in REFUSED, asked
            if status == 200:
                shown = [
                    content[max(0, (at := content.index(text)) - 200) : at + 60] for text in hidden if text in content
                ]
                assert not shown, (*asked, shown)
            assert SECRET.encode() not in content, asked
    assert snapshot(everything) == before
    assert who != "session" or client.get("/admin/").status_code == 200, "the session ended on the way"


def test_what_is_open_is_listed_as_it_is(routes: list[Route]) -> None:
    patterns = {path for path, _ in _patterns(get_resolver().url_patterns)}
    assert len(routes) > 100
    # A name that no route has any more would open the next one that takes it.
    for name in ("admin/login/", "tofu/index.json", "doc", "actuator/health", "metrics"):
        assert name in patterns
        assert OPEN.fullmatch(name)
