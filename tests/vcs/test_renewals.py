"""Tokens are renewed before they end, also of connections that no step uses."""

from __future__ import annotations

from typing import Any

import pytest

from executors import tasks as executor_tasks
from tests.vcs.connections import app_connection, connection, expiring, in_minutes
from tests.vcs.fake_api import FakeApi, Told
from vcs import tasks
from vcs.models import InstallationToken
from workspaces.choices import VcsStatus, VcsType

pytestmark = pytest.mark.django_db
DUE = {
    "ends-soon": ({}, True),
    "ended": ({"token_expiration": -60}, True),
    "lasts": ({"token_expiration": 30}, False),
    "no-refresh-token": ({"refresh_token": ""}, False),
    "no-end": ({"token_expiration": None}, False),
    "postponed": ({"next_try_at": 5, "status": VcsStatus.ERROR}, False),
    "due-again": ({"next_try_at": -1, "status": VcsStatus.ERROR}, True),
    "being-renewed": ({"lease_until": 1}, False),
    "public": ({"vcs_type": VcsType.PUBLIC}, False),
}


@pytest.mark.parametrize(("columns", "queued"), DUE.values(), ids=DUE)
def test_the_beat_queues_what_is_due(
    api: FakeApi,
    columns: dict[str, Any],
    queued: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Numbers are minutes from now.
    given: dict[str, Any] = {
        name: in_minutes(value) if isinstance(value, int) else value for name, value in columns.items()
    }
    vcs = expiring(api, **given)
    found: list[tuple[str, ...]] = []
    monkeypatch.setattr("vcs.connections.renewals.enqueue", lambda *call: found.append(call))
    executor_tasks.beat()
    assert found == ([("vcs.tasks.renew_connection", str(vcs.pk))] if queued else [])


def test_the_beat_forgets_tokens_that_have_ended(api: FakeApi) -> None:
    vcs = app_connection(api)
    rows = InstallationToken.objects
    for scope, ends in (("ended", -1), ("lasts", 1)):
        rows.create(vcs=vcs, owner="acme", scope=scope, token="ghs_1", expires_at=in_minutes(ends))
    executor_tasks.beat()
    assert {row.scope: row.token for row in rows.all()} == {"ended": "", "lasts": "ghs_1"}


def test_the_task_renews_and_keeps_a_failure(api: FakeApi) -> None:
    vcs = expiring(api)
    tasks.renew_connection(str(vcs.pk))
    vcs.refresh_from_db()
    assert (vcs.status, vcs.failed_tries) == (VcsStatus.ERROR, 1)
    mended = expiring(api)
    api.answers["POST /oauth/token"] = Told(data={"access_token": "new", "expires_in": 7200})
    tasks.renew_connection(str(mended.pk))
    mended.refresh_from_db()
    assert mended.access_token == "new"
    typed = connection(api, VcsType.GITLAB, access_token="typed")
    tasks.renew_connection(str(typed.pk))
    tasks.renew_connection("11111111-1111-1111-1111-111111111111")
