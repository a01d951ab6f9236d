"""Locks of workspaces: one truth for terminal, panel and REST."""

from __future__ import annotations

import pytest
from auditlog.models import LogEntry

from tests.api.client import Api, token_of
from tests.factories import TeamFactory
from tests.tfe.terminal import Terminal
from workspaces.models import Job, StateLock, Team, Workspace
from workspaces.services.locks import holder_of, lock_workspace, unlock_workspace
from workspaces.services.tokens import create_team_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(workspace: Workspace) -> Terminal:
    return Terminal(Api(token_of("OWNERS", name="owner@example.com")), workspace)


@pytest.fixture
def other(owner: Terminal, workspace: Workspace) -> Terminal:
    return Terminal(Api(token_of("OWNERS", name="other@example.com")), workspace)


@pytest.fixture(autouse=True)
def owners(workspace: Workspace) -> Team:
    name = "OWNERS"
    found: Team | None = Team.objects.filter(organization=workspace.organization, name=name).first()
    return found or TeamFactory.create(organization=workspace.organization, name=name, role="write")


def test_a_lock_has_its_owner(owner: Terminal, other: Terminal) -> None:
    status, found = owner.at("POST", "actions/lock", {"reason": "moving"})
    assert status == 200
    assert found["data"]["attributes"]["locked"] is True
    assert found["data"]["relationships"]["locked-by"]["data"]["type"] == "users"
    owner.workspace.refresh_from_db()
    assert (owner.workspace.lock_description, owner.workspace.locked_by_name) == ("moving", "owner@example.com")
    assert owner.act("lock")[0] == 409
    assert other.act("unlock") == (409, "Workspace core is locked by User owner@example.com")
    assert owner.act("unlock") == (200, "")
    status, sentence = owner.act("unlock")
    assert status == 409
    assert "is locked by" not in sentence


def test_who_manages_the_workspace_unlocks_by_force_and_the_history_says_so(owner: Terminal, other: Terminal) -> None:
    assert owner.act("force-unlock")[0] == 409
    owner.act("lock")
    assert other.act("force-unlock") == (200, "")
    owner.workspace.refresh_from_db()
    assert not owner.workspace.locked
    assert owner.workspace.locked_by_name == ""
    entry = LogEntry.objects.get_for_object(owner.workspace).first()
    assert entry is not None
    assert entry.changes == {"lock": ["locked by owner@example.com", "unlocked by force"]}


def test_a_team_token_locks_for_its_team(owner: Terminal, workspace: Workspace) -> None:
    _record, text = create_team_token(by=None, team="OWNERS")
    team = Terminal(Api(text), workspace)
    status, found = team.at("POST", "actions/lock")
    assert status == 200
    assert found["data"]["relationships"]["locked-by"]["data"]["type"] == "teams"
    assert owner.act("unlock") == (409, "Workspace core is locked by Team OWNERS")
    assert team.act("unlock") == (200, "")


def test_a_job_that_may_change_the_workspace_holds_it(owner: Terminal, workspace: Workspace) -> None:
    job = Job.objects.create(organization=workspace.organization, workspace=workspace, holds_workspace=True)
    assert owner.act("lock") == (409, f"Workspace core is locked by Run run-{job.pk}")
    assert owner.act("unlock") == (409, f"Workspace core is locked by Run run-{job.pk}")
    assert owner.act("force-unlock") == (409, f"Workspace core is locked by Run run-{job.pk}")
    found = holder_of(workspace)
    assert found is not None
    assert found.job == job.pk


def test_force_releases_the_state_lock_that_an_ended_job_left(owner: Terminal, workspace: Workspace) -> None:
    StateLock.objects.create(workspace=workspace, lock_id="left", info={"ID": "left"})
    assert owner.act("force-unlock") == (200, "")
    assert not StateLock.objects.exists()


def test_a_lock_of_the_panel_or_of_rest_is_the_same_lock(owner: Terminal, workspace: Workspace) -> None:
    lock_workspace(workspace, by=None, reason="freeze")
    assert owner.act("lock")[0] == 409
    assert owner.act("unlock") == (409, "Workspace core is locked by User Internal")
    unlock_workspace(workspace, by=None)
    path = f"organization/{workspace.organization_id}/workspace/{workspace.pk}"
    rest = Api(token_of("OWNERS", name="rest@example.com"))
    assert rest.patch(path, "workspace", {"locked": True}).status_code == 204
    assert owner.act("unlock") == (409, "Workspace core is locked by User rest@example.com")
    assert rest.patch(path, "workspace", {"locked": False}).status_code == 204
    workspace.refresh_from_db()
    assert (workspace.locked, workspace.locked_by_name) == (False, "")


def test_a_lock_of_before_owners_were_recorded_is_anybodys(owner: Terminal, workspace: Workspace) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(locked=True)
    assert owner.act("unlock") == (200, "")
