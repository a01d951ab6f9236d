"""Who may deliver: signatures of each provider, unknown webhooks, replays, sizes; and how fast it is answered."""

from __future__ import annotations

import datetime as dt
import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import models
from django.test import Client
from django.utils import timezone

from terrakube_site.http import failure_limit
from tests.support.patience import patient
from tests.vcs import payloads as sent
from tests.vcs.scene import Scene
from vcs.deliveries import limits
from vcs.deliveries.receiving import MAX_BYTES
from vcs.models import Delivery, RepositoryHook
from workspaces.models import Vcs

BODY = b'{"a":  "\\u00e9\\/", "number": 1.0}'
"""Which a parser would write in another way."""


def signed(body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), body, "sha256").hexdigest()


def test_a_delivery_is_stored_as_it_came_and_queued(scene: Scene, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        response = scene.send_bytes(BODY, headers={"X-GitHub-Event": "push", "Authorization": "Basic c2VjcmV0"})
    assert response.status_code == 202
    delivery = Delivery.objects.get()
    assert bytes(delivery.payload) == BODY
    assert delivery.headers["x-github-event"] == "push"
    assert "c2VjcmV0" not in json.dumps(delivery.headers)
    assert "signature" not in json.dumps(delivery.headers)
    assert ["handle_delivery" in repr(callback) for callback in callbacks] == [True]
    scene.hook.refresh_from_db()
    assert scene.hook.last_delivery_at is not None
    assert scene.hook.last_delivery_at <= delivery.received_at


@pytest.mark.parametrize(
    "case", ["wrong secret", "changed body", "no signature", "unknown hook", "no id", "other hook"]
)
def test_an_unknown_webhook_and_a_wrong_signature_have_one_answer(scene: Scene, case: str) -> None:
    headers = {"X-GitHub-Event": "push"}
    match case:
        case "wrong secret":
            response = scene.send_bytes(BODY, headers=headers, secret="guessed")
        case "changed body":
            headers["X-Hub-Signature-256"] = f"sha256={signed(BODY + b' ', scene.hook.secret)}"
            response = scene.send_bytes(BODY, headers=headers)
        case "no signature":
            response = scene.send_bytes(BODY, headers=headers | {"X-Hub-Signature-256": ""})
        case "unknown hook":
            response = scene.send_bytes(BODY, headers=headers, path=f"/webhook/v2/{uuid4()}")
        case "no id":
            response = scene.send_bytes(BODY, headers=headers, path="/webhook/v2/x")
        case _:
            other = RepositoryHook.objects.create(vcs=scene.vcs, repository_url="https://github.com/acme/other")
            response = scene.send_bytes(BODY, headers=headers, path=other.path)
    assert response.status_code == 401
    assert json.loads(response.content)["errors"][0]["detail"] == "The webhook is unknown, or the signature is wrong."
    assert not Delivery.objects.exists()


def test_a_workspace_s_own_webhook_has_its_own_address(scene: Scene) -> None:
    """Terrakube's address of the first kind answers 200 whatever comes, and takes what is signed."""
    workspace = scene.workspace("core")
    own = RepositoryHook.objects.create(
        vcs=scene.vcs, repository_url=scene.hook.repository_url, webhook_id=workspace.webhook.pk
    )
    assert own.path == f"/webhook/v1/{workspace.webhook.pk}"
    assert own.secret != scene.hook.secret
    headers = {"X-GitHub-Event": "push"}
    assert scene.send_bytes(BODY, headers=headers, path=own.path).status_code == 200
    assert scene.send_bytes(BODY, headers=headers, path=f"/webhook/v1/{uuid4()}").status_code == 200
    assert not Delivery.objects.exists()
    assert scene.send_bytes(BODY, headers=headers, path=own.path, secret=own.secret).status_code == 202
    # The key of a webhook of the one kind is none of the other.
    assert scene.send_bytes(BODY, headers=headers, path=f"/webhook/v2/{own.pk}", secret=own.secret).status_code == 401


def test_a_delivery_that_comes_again_is_not_handled_twice(scene: Scene) -> None:
    first = scene.send(sent.hub_push("a.tf"), delivery_id="one")
    again = scene.send(sent.hub_push("a.tf"), delivery_id="one")
    other = scene.send(sent.hub_push("a.tf"), delivery_id="two")
    assert [response.status_code for response in (first, again, other)] == [202, 200, 202]
    assert Delivery.objects.count() == 2


def test_a_delivery_without_an_id_is_known_by_its_body(scene: Scene) -> None:
    headers = {"X-GitHub-Event": "push", "X-GitHub-Delivery": ""}
    statuses = [scene.send_bytes(body, headers=headers).status_code for body in (BODY, BODY, b"{}")]
    assert statuses == [202, 200, 202]


def test_a_large_delivery_is_refused(scene: Scene) -> None:
    body = b'{"a": "' + b"a" * MAX_BYTES + b'"}'
    assert scene.send_bytes(body, headers={"X-GitHub-Event": "push"}).status_code == 413
    assert not Delivery.objects.exists()


def test_only_post_is_answered(scene: Scene) -> None:
    assert [scene.client.get(path).status_code for path in (scene.hook.path, f"/webhook/v1/{uuid4()}")] == [405, 405]


PROVIDERS: dict[str, Callable[[bytes, str], dict[str, str]]] = {
    "GITHUB": lambda body, secret: {"X-Hub-Signature-256": f"sha256={signed(body, secret)}"},
    "GITLAB": lambda body, secret: {"X-Gitlab-Token": secret},
    "BITBUCKET": lambda body, secret: {"X-Hub-Signature": f"sha256={signed(body, secret)}"},
    "AZURE_DEVOPS": lambda body, secret: {"X-Terrakube-Token": secret},
    "AZURE_SP_MI": lambda body, secret: {"X-Terrakube-Token": secret},
    "GITEA": lambda body, secret: {"X-Gitea-Signature": signed(body, secret)},
    "GITEA as Forgejo": lambda body, secret: {"X-Forgejo-Signature": signed(body, secret)},
}


@pytest.mark.parametrize("name", PROVIDERS)
def test_each_provider_s_signature_is_checked_over_the_bytes(scene: Scene, name: str) -> None:
    Vcs.objects.filter(pk=scene.vcs.pk).update(vcs_type=name.partition(" ")[0])
    client = Client(raise_request_exception=False)

    def status(body: bytes, headers: dict[str, str]) -> int:
        response: Any = client.generic("POST", scene.hook.path, body, "application/json", headers=headers)
        return int(response.status_code)

    right, wrong = PROVIDERS[name](BODY, scene.hook.secret), PROVIDERS[name](BODY, "guessed")
    assert status(BODY, wrong) == 401
    assert status(BODY, {}) == 401
    assert status(BODY, dict.fromkeys(right, "")) == 401
    assert status(BODY, {key: f"{value}\u00e9" for key, value in right.items()}) == 401
    assert status(BODY, right) == 202
    if "Signature" in next(iter(right)):
        assert status(json.dumps(json.loads(BODY)).encode(), right) == 401


def test_a_delivery_is_answered_quickly(scene: Scene) -> None:
    """The answer waits for the check and one row, however many workspaces listen."""
    workspace = scene.workspace("core")
    scene.event(workspace)
    scene.send(sent.hub_push("a.tf"))
    begun = time.process_time()
    for _ in range(10):
        assert scene.send(sent.hub_push("a.tf")).status_code == 202
    assert (time.process_time() - begun) / 10 < patient(0.1)


def test_no_secret_is_shown(scene: Scene) -> None:
    shown = [repr(scene.hook), str(scene.hook)]
    for model in (RepositoryHook, Delivery):
        assert issubclass(model, models.Model)
    assert not any(scene.hook.secret in text for text in shown)


# ---- too many -------------------------------------------------------------------------------------------------------

LATER = {"minute": dt.timedelta(seconds=60), "day": dt.timedelta(days=1)}


@pytest.mark.parametrize("limit", LATER)
def test_a_webhook_that_delivers_too_much_is_put_off(
    scene: Scene, settings: Any, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    now = dt.datetime(2026, 5, 4, 12, 0, 30, tzinfo=dt.UTC)
    monkeypatch.setattr(timezone, "now", lambda: now)
    if limit == "minute":
        settings.DELIVERIES_PER_MINUTE = 3
    else:
        settings.DELIVERY_BYTES_PER_DAY = 3 * limits.LEAST_BYTES
    other = RepositoryHook.objects.create(vcs=scene.vcs, repository_url="https://github.com/acme/other")
    push = sent.hub_push("a.tf")
    assert [scene.send(push).status_code for _ in range(3)] == [202, 202, 202]
    refused = [scene.send(push) for _ in range(5)]
    assert {response.status_code for response in refused} == {429}
    seconds = 30 if limit == "minute" else 12 * 3600 - 30
    assert {response["Retry-After"] for response in refused} == {str(seconds)}
    assert Delivery.objects.count() == 3
    scene.hook.refresh_from_db()
    assert limits.is_limited(scene.hook)
    assert scene.send(push, path=other.path, secret=other.secret).status_code == 202, "another repository's own"
    now += LATER[limit]
    assert scene.send(push).status_code == 202
    assert not limits.is_limited(scene.hook)


def test_a_large_delivery_counts_by_its_size(scene: Scene, settings: Any) -> None:
    settings.DELIVERY_BYTES_PER_DAY = 2**20
    body = b'{"a": "' + b"a" * 2**20 + b'"}'
    headers = {"X-GitHub-Event": "push"}
    assert [scene.send_bytes(body, headers=headers).status_code for _ in range(2)] == [202, 429]


def test_what_is_not_signed_is_put_off_and_keeps_nothing_signed_away(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failure_limit, "FAILURES_ALLOWED", 2)
    push = sent.hub_push("a.tf")

    def statuses(**how: str) -> list[int]:
        return [scene.send(push, **how).status_code for _ in range(4)]

    assert statuses(secret="guessed") == [401, 401, 429, 429]
    assert statuses() == [202, 202, 202, 202]
    assert statuses(path=f"/webhook/v2/{uuid4()}") == [401, 401, 429, 429]
    assert statuses(path=f"/webhook/v1/{uuid4()}") == [429, 429, 429, 429]
    assert Delivery.objects.count() == 4
    assert scene.send(push, secret="guessed")["Retry-After"] == "60"


def test_a_delivery_takes_few_queries(scene: Scene, django_assert_max_num_queries: Any) -> None:
    scene.send(sent.hub_push("a.tf"))
    # The webhook, its count, and the delivery with its task in a transaction.
    with django_assert_max_num_queries(5):
        assert scene.send(sent.hub_push("a.tf")).status_code == 202
