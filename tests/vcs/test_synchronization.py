"""Webhooks at the providers: what is sent to register, change and remove one, and what a refusal says on the page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from tests.factories import PLAN, TemplateFactory
from tests.vcs.fake_api import FakeApi, Told
from tests.vcs.scene import Scene
from vcs import upkeep
from vcs.connections import tokens
from vcs.hooks import synchronization
from vcs.hooks.synchronization import due_connections, register_again, register_now, synchronize_hooks
from vcs.models import RepositoryHook
from vcs.providers.base import Api
from workspaces.models import Vcs, Webhook, WebhookEvent, Workspace
from workspaces.services.webhooks import SYNCHRONIZE

HUB = "/repos/Acme/infra/hooks"


@pytest.fixture
def hub(scene: Scene, api: FakeApi) -> Scene:
    """The scene with a connection to the fake, and no webhook there yet."""
    scene.hook.delete()
    Vcs.objects.filter(pk=scene.vcs.pk).update(access_token="", api_url=api.url, endpoint=api.url, status="COMPLETED")
    scene.vcs.refresh_from_db()
    scene.vcs.access_token = "connection-token"
    scene.vcs.api_url = scene.vcs.endpoint = api.url
    scene.vcs.save()
    api.answers[f"POST {HUB}"] = Told(201, {"id": 41})
    api.answers[f"PATCH {HUB}/41"] = Told(200, {"id": 41})
    api.answers[f"DELETE {HUB}/41"] = Told(204)
    return scene


def synchronized(scene: Scene) -> RepositoryHook | None:
    synchronize_hooks(scene.vcs.pk)
    return RepositoryHook.objects.first()


def test_one_webhook_serves_all_workspaces_of_a_repository(hub: Scene, api: FakeApi) -> None:
    hub.event(hub.workspace("a"))
    hub.event(hub.workspace("b"), event="PULL_REQUEST", pr_workflow_enabled=True)
    hook = synchronized(hub)
    assert hook is not None
    [asked] = api.asked
    assert asked.line == f"POST {HUB}"
    assert asked.headers["authorization"] == "Bearer connection-token"
    assert asked.body == {
        "name": "web",
        "active": True,
        "events": ["issue_comment", "pull_request", "push"],
        "config": {
            "url": f"https://terrakube.example/webhook/v2/{hook.pk}",
            "secret": hook.secret,
            "content_type": "json",
            "insecure_ssl": "0",
        },
    }
    assert (hook.remote_hook_id, hook.problem) == ("41", None)
    assert len(hook.secret) > 40
    # What is as it must be is left alone.
    synchronized(hub)
    assert len(api.asked) == 1


def test_a_workspace_s_own_webhook_tells_its_id(hub: Scene, api: FakeApi) -> None:
    workspace = hub.workspace("a")
    Webhook.objects.update(migrated_v2=False)
    hub.event(workspace)
    hook = synchronized(hub)
    assert hook is not None
    assert api.asked[0].body["config"]["url"] == f"https://terrakube.example/webhook/v1/{workspace.webhook.pk}"
    assert Webhook.objects.get().remote_hook_id == "41"


def test_it_changes_with_the_events_and_goes_with_the_last(hub: Scene, api: FakeApi) -> None:
    event = hub.event(hub.workspace("a"))
    synchronized(hub)
    WebhookEvent.objects.filter(pk=event.pk).update(event="RELEASE")
    synchronized(hub)
    assert api.asked[-1].line == f"PATCH {HUB}/41"
    assert api.asked[-1].body["events"] == ["release"]
    Workspace.objects.update(deleted=True)
    assert synchronized(hub) is None
    assert api.asked[-1].line == f"DELETE {HUB}/41"


def meanwhile(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object], hub: Scene) -> None:
    """While the first webhook is leased, change a record, and let the change's own task find the webhook leased."""
    changes = [change]

    def api_for(vcs: Vcs, source: str) -> Api:
        if changes:
            changes.pop()()
            synchronize_hooks(hub.vcs.pk)
        return tokens.api_for(vcs, source)

    monkeypatch.setattr(synchronization, "api_for", api_for)


def test_a_change_that_finds_the_webhook_leased_is_not_lost(
    hub: Scene, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = hub.workspace("a")
    hub.event(workspace)
    meanwhile(monkeypatch, lambda: hub.event(workspace, event="RELEASE"), hub)
    hook = synchronized(hub)
    assert [asked.line for asked in api.asked] == [f"POST {HUB}", f"PATCH {HUB}/41"]
    assert hook is not None
    assert (hook.events, hook.lease_until) == (["PUSH", "RELEASE"], None)


def test_a_change_while_a_webhook_is_registered_at_once_is_left_to_the_task(
    hub: Scene, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = hub.workspace("a")
    Webhook.objects.update(migrated_v2=False)
    hub.event(workspace)
    queued: list[tuple[object, ...]] = []
    monkeypatch.setattr(synchronization, "enqueue", lambda *what: queued.append(what))
    assert register_now(workspace.webhook) == ""
    assert not queued
    WebhookEvent.objects.update(event="TAG")
    meanwhile(monkeypatch, lambda: hub.event(workspace, event="RELEASE"), hub)
    assert register_now(workspace.webhook) == ""
    assert queued == [(SYNCHRONIZE, str(hub.vcs.pk))]


def test_a_webhook_that_is_unwanted_while_it_is_registered_is_removed(
    hub: Scene, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = hub.event(hub.workspace("a"))
    meanwhile(monkeypatch, event.delete, hub)
    assert synchronized(hub) is None
    assert [asked.line for asked in api.asked] == [f"POST {HUB}", f"DELETE {HUB}/41"]


def test_a_refusal_is_not_asked_again_at_once(hub: Scene, api: FakeApi) -> None:
    hub.event(hub.workspace("a"))
    api.answers[f"POST {HUB}"] = Told(403, {"message": "Resource not accessible"})
    synchronized(hub)
    assert len(api.asked) == 1


def test_one_that_was_deleted_at_the_provider_is_registered_anew(hub: Scene, api: FakeApi) -> None:
    event = hub.event(hub.workspace("a"))
    synchronized(hub)
    del api.answers[f"PATCH {HUB}/41"]
    api.answers[f"POST {HUB}"] = Told(201, {"id": 42})
    WebhookEvent.objects.filter(pk=event.pk).update(event="TAG")
    hook = synchronized(hub)
    assert hook is not None
    assert hook.remote_hook_id == "42"
    # Nothing is left to remove there, which is no error either.
    WebhookEvent.objects.all().delete()
    assert synchronized(hub) is None


def test_another_repository_gets_another_webhook(hub: Scene, api: FakeApi) -> None:
    hub.event(hub.workspace("a"))
    first = synchronized(hub)
    Workspace.objects.update(source="https://github.com/acme/other.git")
    api.answers["POST /repos/acme/other/hooks"] = Told(201, {"id": 43})
    second = synchronized(hub)
    assert first is not None
    assert second is not None
    assert RepositoryHook.objects.count() == 1
    assert second.secret != first.secret
    assert [asked.line for asked in api.asked[1:]] == [f"DELETE {HUB}/41", "POST /repos/acme/other/hooks"]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (403, "GitHub refuses the webhook (403: Resource not accessible). The connection needs the permission "),
        (404, "GitHub refuses the webhook (404: Resource not accessible). The connection needs the permission "),
        (422, "GitHub refuses the webhook (422: Resource not accessible)."),
    ],
)
def test_a_refusal_is_kept_with_the_provider_s_words(hub: Scene, api: FakeApi, status: int, said: str) -> None:
    hub.event(hub.workspace("a"))
    api.answers[f"POST {HUB}"] = Told(status, {"message": "Resource not accessible"})
    hook = synchronized(hub)
    assert hook is not None
    assert str(hook.why).startswith(said)
    assert "connection-token" not in str(hook.why)
    assert hook.secret not in str(hook.why)
    assert hook.failed_tries == 1
    assert hook.next_try_at is not None
    assert due_connections(timezone.now()) == []
    assert due_connections(hook.next_try_at + dt.timedelta(seconds=1)) == [hub.vcs.pk]
    # It is tried again later, and by a person at once.
    api.answers[f"POST {HUB}"] = Told(201, {"id": 44})
    register_again(hook)
    hook = synchronized(hub)
    assert hook is not None
    assert (hook.remote_hook_id, hook.problem, hook.failed_tries) == ("44", None, 0)


def test_a_connection_without_a_token_says_so(hub: Scene, api: FakeApi) -> None:
    hub.event(hub.workspace("a"))
    hub.vcs.access_token = ""
    hub.vcs.save()
    hook = synchronized(hub)
    assert hook is not None
    assert str(hook.why).startswith("The connection “hub” has no token.")
    assert api.asked == []


def test_upkeep_queues_what_is_due(hub: Scene, django_capture_on_commit_callbacks: Any) -> None:
    hub.event(hub.workspace("a"))
    minute = timezone.now().replace(minute=hub.vcs.pk.int % 60)
    with django_capture_on_commit_callbacks() as callbacks:
        upkeep.turn(minute)
    assert sum("synchronize_hooks" in repr(callback) for callback in callbacks) == 1
    with django_capture_on_commit_callbacks() as callbacks:
        upkeep.turn(minute + dt.timedelta(minutes=1))
    assert callbacks == []


# ---- the other providers --------------------------------------------------------------------------------------------


def other(scene: Scene, vcs_type: str, source: str) -> None:
    Vcs.objects.filter(pk=scene.vcs.pk).update(vcs_type=vcs_type)
    template = TemplateFactory.create(organization=scene.organization, name="Plan", tcl=PLAN)
    workspace = scene.workspace("a")
    Workspace.objects.filter(pk=workspace.pk).update(source=source)
    for event in ("PUSH", "PULL_REQUEST"):
        scene.event(workspace, event=event, template=template, pr_workflow_enabled=True)


def test_gitlab(hub: Scene, api: FakeApi) -> None:
    other(hub, "GITLAB", "https://gitlab.com/acme/sub/infra.git")
    api.answers["POST /projects/acme%2Fsub%2Finfra/hooks"] = Told(201, {"id": 5})
    hook = synchronized(hub)
    assert hook is not None
    assert hook.remote_hook_id == "5"
    assert api.asked[-1].body == {
        "url": f"https://terrakube.example/webhook/v2/{hook.pk}", "token": hook.secret, "push_events": True,
        "tag_push_events": False, "merge_requests_events": True, "releases_events": False, "note_events": True,
        "enable_ssl_verification": True,
    }  # fmt: skip
    WebhookEvent.objects.filter(event="PUSH").delete()
    api.answers["PUT /projects/acme%2Fsub%2Finfra/hooks/5"] = Told(200, {"id": 5})
    synchronized(hub)
    assert api.asked[-1].body["push_events"] is False
    WebhookEvent.objects.all().delete()
    api.answers["DELETE /projects/acme%2Fsub%2Finfra/hooks/5"] = Told(204)
    assert synchronized(hub) is None


def test_bitbucket(hub: Scene, api: FakeApi) -> None:
    other(hub, "BITBUCKET", "https://bitbucket.org/acme/infra.git")
    api.answers["POST /repositories/acme/infra/hooks"] = Told(201, {"uuid": "{5}"})
    hook = synchronized(hub)
    assert hook is not None
    assert hook.remote_hook_id == "{5}"
    assert api.asked[-1].body == {
        "description": "Terrakube", "url": f"https://terrakube.example/webhook/v2/{hook.pk}", "active": True,
        "secret": hook.secret,
        "events": [
            "pullrequest:comment_created", "pullrequest:created", "pullrequest:fulfilled", "pullrequest:rejected",
            "pullrequest:updated", "repo:push",
        ],
    }  # fmt: skip


def test_gitea(hub: Scene, api: FakeApi) -> None:
    other(hub, "GITEA", "https://gitea.example/acme/infra.git")
    api.answers["POST /repos/acme/infra/hooks"] = Told(201, {"id": 5})
    hook = synchronized(hub)
    assert hook is not None
    assert api.asked[-1].body == {
        "type": "gitea", "active": True, "branch_filter": "*",
        "events": ["issue_comment", "pull_request", "pull_request_comment", "pull_request_sync", "push"],
        "config": {
            "url": f"https://terrakube.example/webhook/v2/{hook.pk}", "secret": hook.secret, "content_type": "json",
        },
    }  # fmt: skip


def test_azure_devops_has_a_subscription_for_each_event(hub: Scene, api: FakeApi) -> None:
    other(hub, "AZURE_DEVOPS", "https://dev.azure.com/acme/net/_git/infra")
    api.answers["GET /acme/net/_apis/git/repositories/infra"] = Told(200, {"id": "r", "project": {"id": "p"}})
    ids = iter(["s1", "s2", "s3", "s4"])
    api.answers["POST /acme/_apis/hooks/subscriptions"] = lambda asked: Told(200, {"id": next(ids)})
    hook = synchronized(hub)
    assert hook is not None, api.lines
    assert hook.problem is None, str(hook.why)
    assert hook.remote_hook_id == "s1,s2,s3,s4"
    sent = [asked.body for asked in api.asked if asked.method == "POST"]
    assert [body["eventType"] for body in sent] == [
        "git.pullrequest.created", "git.pullrequest.updated", "git.push", "ms.vss-code.git-pullrequest-comment-event",
    ]  # fmt: skip
    inputs = sent[0]["consumerInputs"]
    assert inputs["httpHeaders"] == f"x-terrakube-token:{hook.secret}"
    assert inputs["acceptUntrustedCerts"] == "false"
    assert sent[0]["publisherInputs"] == {"projectId": "p", "repository": "r"}
    WebhookEvent.objects.all().delete()
    for one in ("s1", "s2", "s3", "s4"):
        api.answers[f"DELETE /acme/_apis/hooks/subscriptions/{one}"] = Told(204)
    assert synchronized(hub) is None
    assert api.lines[-4:] == [f"DELETE /acme/_apis/hooks/subscriptions/s{number}" for number in range(1, 5)]
