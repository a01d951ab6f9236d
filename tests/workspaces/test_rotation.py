"""Keys are replaced while the site runs: old and new overlap, and what is encrypted is brought under the new one."""

from __future__ import annotations

import io
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from pytest_django import Settings

from tests.factories import UserFactory, VariableFactory, WorkspaceFactory
from tests.panel.site import PanelSite, panel_site, serving
from tests.support.patience import patient
from workspaces.models import StateVersion, Variable
from workspaces.services import rotation
from workspaces.services.tokens import InvalidToken, create_token, user_of

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
VALUE = "s3cr3t-value"


@pytest.fixture
def old_rows(settings: Settings, db: None) -> list[Variable]:
    """Seven values and a state, and the entries of the history of eight variables, which keep values too."""
    settings.ENCRYPTION_KEYS = (OLD,)
    workspace = WorkspaceFactory.create()
    StateVersion.objects.create(workspace=workspace, content=b'{"version": 4}', number=1, md5="x")
    rows = [VariableFactory.create(workspace=workspace, key=f"K{n}", value=VALUE) for n in range(7)]
    VariableFactory.create(workspace=workspace, key="EMPTY", value="")
    return rows


def said(**options: Any) -> str:
    output = io.StringIO()
    call_command("rotate_keys", stdout=output, stderr=output, **options)
    return output.getvalue()


def test_everything_encrypted_is_known_to_the_rotation() -> None:
    found = {str(column) for column in rotation.columns()}
    assert found >= {
        "workspaces.Variable.value", "workspaces.GlobalVariable.value", "workspaces.Item.value",
        "workspaces.Vcs.access_token", "workspaces.Vcs.client_secret", "workspaces.Ssh.private_key",
        "workspaces.StateVersion.content", "workspaces.SavedPlan.content", "workspaces.ConfigurationVersion.content",
    }  # fmt: skip


def test_values_are_read_with_the_new_key_alone_afterwards(old_rows: list[Variable], settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = (NEW, OLD)
    with pytest.raises(CommandError, match="16 values are not under the first key"):
        said(check=True)
    text = said()
    assert "workspaces.Variable.value: 7 of 7 re-encrypted" in text
    assert VALUE not in text
    assert NEW not in text
    settings.ENCRYPTION_KEYS = (NEW,)
    assert set(Variable.objects.exclude(key="EMPTY").values_list("value", flat=True)) == {VALUE}
    assert bytes(StateVersion.objects.get().content or b"") == b'{"version": 4}'
    assert "Everything is under the first key" in said(check=True)


def test_a_rotation_that_was_stopped_goes_on_where_it_was(
    old_rows: list[Variable], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ENCRYPTION_KEYS = (NEW, OLD)
    monkeypatch.setattr(rotation, "TEXT_ROWS", 3)
    column = next(one for one in rotation.columns() if str(one) == "workspaces.Variable.value")
    first = next(rotation.rotate(column))
    assert (first.seen, first.changed, first.total) == (3, 3, 7)
    *_, last = rotation.rotate(column)
    assert (last.seen, last.changed) == (7, 4)


def test_a_value_under_no_known_key_is_named_and_left_alone(old_rows: list[Variable], settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = (NEW,)
    with pytest.raises(CommandError, match="16 values are under none of the 1 keys"):
        said()
    settings.ENCRYPTION_KEYS = (OLD,)
    assert {row.value for row in Variable.objects.exclude(key="EMPTY")} == {VALUE}


@pytest.mark.django_db
def test_a_token_under_an_old_secret_counts_for_as_long_as_that_is_named(settings: Settings) -> None:
    _, token = create_token(by=UserFactory.create(email="ann@example.com"))
    old, settings.PAT_SECRET = settings.PAT_SECRET, Fernet.generate_key().decode()
    with pytest.raises(InvalidToken):
        user_of(token)
    settings.OLD_PAT_SECRETS = (Fernet.generate_key().decode(), old)
    assert user_of(token).email == "ann@example.com"


# ---- a running site --------------------------------------------------------------------------------------------------

_PREPARE = f"""
from django.contrib.auth.models import User
from executors.attempts import lifecycle as attempts
from executors.choices import ExecutorKind
from executors.attempts.tokens import claim_token
from tests.factories import PLAN_AND_APPLY
from workspaces.jobs import transitions
from workspaces.models import Variable, Workspace
from workspaces.services import jobs
from workspaces.services.tokens import create_token
import json
workspace = Workspace.objects.get()
Variable.objects.bulk_create(
    Variable(workspace=workspace, key=f"K{{n}}", value="{VALUE}", category="TERRAFORM") for n in range(600)
)
job = jobs.create_job(workspace, by=None, tcl=PLAN_AND_APPLY)
attempt = attempts.open_attempt(transitions.advance(job.pk), executor=ExecutorKind.KUBERNETES)
token = create_token(by=User.objects.get(username="admin"))[1]
organization = str(workspace.organization_id)
made = {{"attempt": str(attempt.pk), "claim": claim_token(attempt), "token": token, "organization": organization}}
print(json.dumps(made))
"""


def fresh() -> dict[str, str]:
    return {
        "TERRAKUBE_SECRET_KEY": Fernet.generate_key().decode(),
        "InternalSecret": Fernet.generate_key().decode(),
        "PatSecret": Fernet.generate_key().decode(),
    }


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[PanelSite, dict[str, str]]]:
    old = fresh()
    with panel_site(tmp_path, worker=False, **old, TERRAKUBE_ENCRYPTION_KEYS=f"{OLD},{NEW}") as running:
        yield running, old


def ask(url: str, token: str, body: bytes | None = None) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {token}", "Accept": "*/*", "Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:  # noqa: S310 - our own site
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.slow
@pytest.mark.timeout(patient(600))
def test_a_running_site_answers_through_a_rotation_and_an_attempt_of_before_still_claims(
    site: tuple[PanelSite, dict[str, str]],
) -> None:
    running, old = site
    made = json.loads(running.run(_PREPARE))
    address = f"/api/v1/organization/{made['organization']}/workspace/{running.workspace}/variable"
    answers: list[int] = []
    over = threading.Event()

    def keep_asking() -> None:
        while not over.is_set():
            status, body = ask(f"{running.url}{address}?page[size]=20", made["token"])
            answers.append(status if VALUE.encode() in body else 0)

    thread = threading.Thread(target=keep_asking)
    thread.start()
    try:
        environ = {**running.environ, "TERRAKUBE_ENCRYPTION_KEYS": f"{NEW},{OLD}"}
        text = running.manage("rotate_keys", environ=environ)
    finally:
        over.set()
        thread.join()
    assert "re-encrypted" in text
    assert len(answers) > 3
    assert set(answers) == {200}

    # The next processes know the new keys, and of the old ones only what is still out there.
    new = fresh() | {
        "TERRAKUBE_ENCRYPTION_KEYS": NEW,
        "TERRAKUBE_OLD_SECRET_KEYS": old["TERRAKUBE_SECRET_KEY"],
        "TERRAKUBE_OLD_PAT_SECRETS": old["PatSecret"],
    }
    with serving({**running.environ, **new}) as url:
        status, body = ask(f"{url}{address}", made["token"])
        assert status == 200
        assert VALUE.encode() in body
        claim = f"{url}/executor/v1/attempts/{made['attempt']}/claim"
        session = json.dumps({"session": "s" * 43}).encode()
        assert ask(claim, "0" * 64, session)[0] == 401
        status, body = ask(claim, made["claim"], session)
        assert status == 200
        assert json.loads(body)["jobData"]["variables"]["K1"] == VALUE
        assert ask(f"{url}{address}", made["claim"])[0] == 401
