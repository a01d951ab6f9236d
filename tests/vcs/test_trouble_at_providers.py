"""What the site asks and says when a provider mints, ends, refuses or limits, and when an App or a repository is gone.

One row for each kind of connection. The provider is a fake that checks each login and each form, and answers with the
provider's own words; a webhook is registered there, as for a workspace that listens to pushes.
"""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.factories import PLAN, TemplateFactory, UserFactory, WorkspaceFactory
from tests.vcs.connections import SECRET, connection, in_minutes, pem
from tests.vcs.fake_api import Answering, Asked, FakeApi, Told
from vcs.connections.problems import kept_problem
from vcs.hooks.synchronization import due_connections, synchronize_hooks
from vcs.models import InstallationToken, RepositoryHook
from vcs.providers.azure_devops.tokens import api_headers as azure_login
from workspaces.choices import ConnectionType, VcsStatus, VcsType
from workspaces.jobs.acting import keep_actor
from workspaces.models import Vcs, Webhook, WebhookEvent, Workspace

pytestmark = pytest.mark.django_db
STANDALONE = ConnectionType.STANDALONE
CALLBACK = "https://terrakube.example/callback/v1/vcs/{}"
SCOPE = "499b84ac-1321-427f-aa17-267ca6975798/.default"
CLIENT = {"client_id": "client-1", "client_secret": SECRET}
RENEWING = {"grant_type": "refresh_token", "refresh_token": "refresh-1"}
NO_MORE = "accepts no more requests until"
MOVED = "{} was renamed or moved. Enter its new address in the workspace."
NO_TOKEN = "refuses a new token (400: {}). Check client ID and client secret, and connect again."
NOT_ACCEPTED = "does not accept the token ({}). Connect again, or enter another token."


def bearer(token: str) -> str:
    return f"Bearer {token}"


def atlassian(text: str) -> dict[str, Any]:
    return {"type": "error", "error": {"message": text}}


def data_center(text: str) -> dict[str, Any]:
    return {"errors": [{"context": None, "message": text, "exceptionName": "com.atlassian.bitbucket.Exception"}]}


@dataclass(frozen=True, kw_only=True)
class Place:
    """One kind of connection: where it asks what, and the provider's words for each trouble.

    ``mint`` is the call that gives a token, with ``form``; empty where a person enters it. ``source`` and ``hook`` have
    the repository's name in braces.
    """

    kind: VcsType
    columns: dict[str, Any]
    source: str
    hook: str
    below: str = "/api"
    login: Callable[[str], str] = bearer
    mint: str = ""
    form: dict[str, Any] = field(default_factory=dict)
    also: dict[str, Told] = field(default_factory=dict)
    refused: Told
    withdrawn: dict[str, Told] = field(default_factory=dict)
    says_withdrawn: str
    lost: bool = True
    limited: Told
    seconds: int
    renamed: Told
    renamed_at: str = ""
    says_renamed: str


GITHUB: dict[str, Any] = {
    "kind": VcsType.GITHUB,
    "source": "https://github.com/acme/{}.git",
    "hook": "POST /api/repos/acme/{}/hooks",
    "refused": Told(401, {"message": "Bad credentials", "status": "401"}),
    "limited": Told(403, {"message": "API rate limit exceeded for user ID 1."}, {"X-RateLimit-Remaining": "0"}),
    "seconds": 900,
    "renamed": Told(307, {"message": "Moved Permanently"}, {"Location": "https://api.github.com/repositories/1/hooks"}),
    "says_renamed": MOVED.format("acme/network"),
}
AZURE: dict[str, Any] = {
    "source": "https://dev.azure.com/acme/infra/_git/{}",
    "hook": "POST /acme/_apis/hooks/subscriptions",
    "below": "/acme",
    "login": lambda token: azure_login(Vcs(), token)["Authorization"],
    "also": {
        f"GET /acme/infra/_apis/git/repositories/{name}": Told(data={"id": name, "project": {"id": "p"}})
        for name in ("network", "dns", "platform")
    },
    "limited": Told(429, {"message": "TF400733: The request has been canceled"}, {"Retry-After": "300"}),
    "seconds": 300,
    "renamed": Told(404, {"message": "TF401019: The Git repository network does not exist"}),
    "renamed_at": "GET /acme/infra/_apis/git/repositories/network",
    "says_renamed": "unless acme/infra/network was renamed or deleted.",
}
REVOKED = "The provided authorization grant is invalid, expired or revoked"
PLACES = {
    "github-app": Place(
        **GITHUB,
        columns={"connection_type": STANDALONE, "private_key": pem(), "client_secret": ""},
        mint="POST /api/app/installations/7/access_tokens",
        form={"repositories": ["network"]},
        also={
            f"GET /api/repos/acme/{name}/installation": Told(data={"id": 7}) for name in ("network", "dns", "platform")
        },
        withdrawn={"GET /api/repos/acme/network/installation": Told(404, {"message": "Not Found"})},
        says_withdrawn="The App is not installed for acme/network. Install it on acme with access to the repository.",
        lost=False,
    ),
    "github-token": Place(**GITHUB, columns={}, says_withdrawn=NOT_ACCEPTED.format("Bad credentials")),
    "gitlab": Place(
        kind=VcsType.GITLAB,
        columns={"refresh_token": "refresh-1"},
        source="https://gitlab.com/acme/{}.git",
        hook="POST /api/projects/acme%2F{}/hooks",
        mint="POST /oauth/token",
        form={**CLIENT, **RENEWING, "redirect_uri": CALLBACK},
        refused=Told(401, {"error": "invalid_token", "error_description": "Token was revoked."}),
        withdrawn={"POST /oauth/token": Told(400, {"error": "invalid_grant", "error_description": REVOKED})},
        says_withdrawn=NO_TOKEN.format(REVOKED),
        limited=Told(429, {"message": "Retry later"}, {"Retry-After": "120", "RateLimit-Remaining": "0"}),
        seconds=120,
        renamed=Told(405, {"message": "Non GET methods are not allowed for moved projects"}),
        says_renamed=MOVED.format("acme/network"),
    ),
    "bitbucket": Place(
        kind=VcsType.BITBUCKET,
        columns={"refresh_token": "refresh-1"},
        source="https://bitbucket.org/acme/{}.git",
        hook="POST /api/repositories/acme/{}/hooks",
        mint="POST /site/oauth2/access_token",
        form=RENEWING,
        refused=Told(401, atlassian("Access token expired. Use your refresh token to obtain a new access token.")),
        withdrawn={"POST /site/oauth2/access_token": Told(400, {"error_description": "Unknown refresh token"})},
        says_withdrawn=NO_TOKEN.format("Unknown refresh token"),
        limited=Told(429, atlassian("Rate limit for this resource has been exceeded")),
        seconds=60,
        renamed=Told(404, atlassian("Repository acme/network not found")),
        says_renamed="unless acme/network was renamed or deleted.",
    ),
    "data-center": Place(
        kind=VcsType.BITBUCKET,
        columns={"connection_type": STANDALONE},
        source="https://git.example/scm/ac/{}.git",
        hook="POST /rest/api/1.0/projects/ac/repos/{}/webhooks",
        below="/rest/api/1.0",
        refused=Told(401, data_center("Authentication failed.")),
        says_withdrawn=NOT_ACCEPTED.format("Authentication failed."),
        limited=Told(429, data_center("You are being rate limited."), {"Retry-After": "90"}),
        seconds=90,
        renamed=Told(404, data_center("Repository ac/network does not exist.")),
        says_renamed="unless scm/ac/network was renamed or deleted.",
    ),
    "azure-token": Place(
        **AZURE,
        kind=VcsType.AZURE_DEVOPS,
        columns={"connection_type": STANDALONE},
        # It answers with its page to sign in.
        refused=Told(203, "<html>Sign in</html>", {"Content-Type": "text/html; charset=utf-8"}),
        says_withdrawn=NOT_ACCEPTED.format("It asks to sign in"),
    ),
    "service-principal": Place(
        **AZURE,
        kind=VcsType.AZURE_SP_MI,
        columns={"connection_type": STANDALONE, "endpoint": "{}/tenant"},
        mint="POST /tenant/oauth2/v2.0/token",
        form={**CLIENT, "grant_type": "client_credentials", "scope": SCOPE},
        refused=Told(401, {"message": "TF400813: The user is not authorized to access this resource."}),
        withdrawn={
            "POST /tenant/oauth2/v2.0/token": Told(
                400, {"error": "unauthorized_client", "error_description": "AADSTS700016: Application not found"}
            )
        },
        says_withdrawn=NO_TOKEN.format("AADSTS700016: Application not found"),
    ),
}
MINTING = {name: place for name, place in PLACES.items() if place.mint}
each_place = pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
each_minting = pytest.mark.parametrize("place", MINTING.values(), ids=MINTING)


class Listening:
    """A workspace that listens to pushes of ``network``, whose connection has the token ``old`` for a long time."""

    def __init__(self, api: FakeApi, place: Place) -> None:
        self.api, self.place = api, place
        self.valid, self.minted = {"old"}, 0
        api.answers = {**place.also, place.hook.format("network"): self.registered}
        if place.mint:
            api.answers[place.mint] = self.mints
        columns = {
            name: value.format(api.url) if name == "endpoint" else value for name, value in place.columns.items()
        }
        is_app = "private_key" in columns
        if not is_app:
            columns |= {"access_token": "old", "token_expiration": in_minutes(300) if place.mint else None}
        self.vcs = connection(api, place.kind, api_url=f"{api.url}{place.below}", **columns)
        if is_app:
            token = {"owner": "acme", "scope": "network write", "token": "old", "expires_at": in_minutes(50)}
            InstallationToken.objects.create(vcs=self.vcs, minted_at=in_minutes(-10), **token)
            # A change of the connection after it would replace it.
            Vcs.objects.filter(pk=self.vcs.pk).update(updated_date=in_minutes(-60))
        self.workspace("network")

    def workspace(self, name: str) -> Workspace:
        source = self.place.source.format(name)
        made = WorkspaceFactory.create(
            organization=self.vcs.organization, name=name, source=source, branch="main", vcs=self.vcs
        )
        template = TemplateFactory.create(organization=self.vcs.organization, name=f"Plan {name}", tcl=PLAN)
        event = WebhookEvent(webhook=Webhook.objects.create(workspace=made, migrated_v2=True), template=template)
        keep_actor(event, None)
        event.save()
        return made

    def mints(self, asked: Asked) -> Told:
        wanted = dict(self.place.form)
        if "redirect_uri" in wanted:
            wanted["redirect_uri"] = CALLBACK.format(self.vcs.pk)
        if "repositories" in wanted:
            # For one repository alone.
            [name] = asked.body["repositories"]
            assert name in {"network", "dns", "platform"}
            wanted["repositories"] = [name]
        assert asked.body == wanted
        self.minted += 1
        token = f"new-{self.minted}"
        self.valid.add(token)
        return Told(201, {"token": token, "access_token": token, "refresh_token": "refresh-2", "expires_in": 7200})

    def registered(self, asked: Asked) -> Told:
        if asked.headers["authorization"] not in {self.place.login(token) for token in self.valid}:
            return self.place.refused
        assert "https://terrakube.example/webhook/v2/" in str(asked.body)
        return Told(201, {"id": 5, "uuid": "{5}"})

    def answer(self, line: str, told: Answering) -> None:
        self.api.answers[line] = told

    def synchronized(self) -> RepositoryHook:
        synchronize_hooks(self.vcs.pk)
        found: RepositoryHook = RepositoryHook.objects.order_by("created_at")[0]
        return found

    def page(self, client: Client) -> str:
        """Return the page of the connection, as an administrator sees it."""
        client.force_login(UserFactory.create(is_superuser=True, is_staff=True))
        return html.unescape(client.get(reverse("admin:workspaces_vcs_change", args=[self.vcs.pk])).content.decode())

    @property
    def lines(self) -> list[str]:
        """What was asked but for looking something up."""
        return [line for line in self.api.lines if not line.startswith("GET")]

    @property
    def state(self) -> tuple[str, str]:
        """The connection's status and problem."""
        vcs = Vcs.objects.get(pk=self.vcs.pk)
        return vcs.status, kept_problem(vcs) or ""


def with_reset(told: Told, seconds: int) -> Told:
    """Return a limit of GitHub, which names the moment at which it ends."""
    if "X-RateLimit-Remaining" not in told.headers:
        return told
    reset = str(int(timezone.now().timestamp()) + seconds)
    return Told(told.status, told.data, {**told.headers, "X-RateLimit-Reset": reset})


WORKS = (VcsStatus.COMPLETED, "")


@each_minting
def test_a_token_is_minted_in_time(api: FakeApi, place: Place) -> None:
    scene = Listening(api, place)
    Vcs.objects.update(token_expiration=in_minutes(5))
    InstallationToken.objects.update(expires_at=in_minutes(5))
    scene.valid.clear()
    assert scene.synchronized().why == ""
    assert scene.lines == [place.mint, place.hook.format("network")]
    assert scene.state == WORKS


@each_place
def test_a_token_that_ended_early_is_replaced_once(api: FakeApi, place: Place) -> None:
    scene = Listening(api, place)
    scene.valid.clear()
    hook = scene.synchronized()
    register = place.hook.format("network")
    if place.mint:
        assert hook.why == ""
        assert scene.lines == [register, place.mint, register]
        assert scene.state == WORKS
        return
    assert scene.lines in ([register], [])
    status, said = scene.state
    assert (status, said) == (VcsStatus.ERROR, hook.why)
    # A person enters another token.
    vcs = Vcs.objects.get(pk=scene.vcs.pk)
    vcs.access_token = "typed"
    vcs.save()
    scene.valid.add("typed")
    assert scene.synchronized().why == ""
    assert scene.state == WORKS


@each_place
def test_a_refusal_names_the_permission_that_is_missing(api: FakeApi, place: Place) -> None:
    scene = Listening(api, place)
    scene.answer(place.hook.format("network"), Told(403, {"message": "Forbidden"}))
    hook = scene.synchronized()
    assert "refuses the webhook (403: Forbidden). The connection needs " in hook.why
    assert hook.next_try_at is not None
    assert scene.state == WORKS


@each_place
def test_a_limit_is_kept_to_for_all_webhooks_of_the_connection(api: FakeApi, place: Place) -> None:
    scene = Listening(api, place)
    scene.workspace("dns")
    lines, before = {place.hook.format(name) for name in ("network", "dns")}, timezone.now()
    for line in lines:
        scene.answer(line, with_reset(place.limited, place.seconds))
    hook = scene.synchronized()
    assert NO_MORE in hook.why
    assert len([line for line in scene.lines if line in lines]) == 1
    assert hook.next_try_at is not None
    # GitHub names its moment in whole seconds.
    assert hook.next_try_at > before + dt.timedelta(seconds=place.seconds - 2)
    assert due_connections(before) == []
    assert due_connections(hook.next_try_at) == [scene.vcs.pk]
    # Nobody asks before it ends, whatever is to be done.
    assert NO_MORE in scene.synchronized().why
    assert len([line for line in scene.lines if line in lines]) == 1
    Vcs.objects.update(limited_until=in_minutes(-1))
    for line in lines:
        scene.answer(line, Told(201, {"id": 5, "uuid": "{5}"}))
    scene.synchronized()
    assert [row.why for row in RepositoryHook.objects.all()] == ["", ""]


@each_place
def test_an_app_that_is_gone_is_told_on_the_page_until_it_is_back(api: FakeApi, client: Client, place: Place) -> None:
    scene = Listening(api, place)
    scene.valid.clear()
    before = dict(api.answers)
    api.answers |= place.withdrawn
    hook = scene.synchronized()
    status, said = scene.state
    assert place.says_withdrawn in said
    assert hook.why == said
    assert status == (VcsStatus.ERROR if place.lost else VcsStatus.COMPLETED)
    text = scene.page(client)
    assert said in text
    assert not any(secret in text for secret in (SECRET, "refresh-1", "old</"))
    api.answers = before
    if not place.mint:
        scene.valid.add("old")
    Vcs.objects.update(next_try_at=in_minutes(-1))
    assert scene.synchronized().why == ""
    assert scene.state == WORKS


@each_place
def test_a_renamed_repository_is_told_and_its_new_address_taken(api: FakeApi, place: Place) -> None:
    scene = Listening(api, place)
    scene.answer(place.renamed_at or place.hook.format("network"), place.renamed)
    assert place.says_renamed in scene.synchronized().why
    Workspace.objects.update(source=place.source.format("platform"))
    scene.answer(place.hook.format("platform"), scene.registered)
    scene.synchronized()
    [hook] = RepositoryHook.objects.all()
    assert (hook.why, "platform" in hook.repository_url) == ("", True)


def test_a_limit_of_minting_is_kept_to_by_all(api: FakeApi) -> None:
    place = PLACES["github-app"]
    scene = Listening(api, place)
    InstallationToken.objects.update(expires_at=in_minutes(-1))
    scene.answer(place.mint, with_reset(place.limited, place.seconds))
    assert NO_MORE in scene.synchronized().why
    assert NO_MORE in scene.state[1]
    asked = len(api.asked)
    scene.synchronized()
    assert len(api.asked) == asked
    scene.answer(place.mint, scene.mints)
    Vcs.objects.update(next_try_at=in_minutes(-1))
    assert scene.synchronized().why == ""
    assert scene.state == WORKS


def test_a_webhook_that_a_renamed_repository_keeps_is_left_to_a_person(api: FakeApi) -> None:
    scene = Listening(api, PLACES["github-token"])
    hook = scene.synchronized()
    Workspace.objects.update(source=scene.place.source.format("platform"))
    scene.answer(scene.place.hook.format("platform"), scene.registered)
    scene.answer(f"DELETE /api/repos/acme/network/hooks/{hook.remote_hook_id}", scene.place.renamed)
    old = scene.synchronized()
    assert old.why == "acme/network was renamed or moved. Remove its webhook to this site at GitHub."
    assert [row.why for row in RepositoryHook.objects.exclude(pk=old.pk)] == [""]
