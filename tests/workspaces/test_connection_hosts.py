"""A connection's token goes to the host of a workspace's source: who may pair the two."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from executors.launching.errors import LaunchError
from executors.launching.imported_commands import import_commands
from tests.factories import OrganizationFactory, TeamFactory, UserFactory, WorkspaceFactory
from workspaces.actors import Actor
from workspaces.errors import InvalidInput
from workspaces.jobs import transitions
from workspaces.models import Organization, Template, Vcs, Workspace
from workspaces.services.jobs import create_job
from workspaces.services.records import create_record, update_record
from workspaces.services.workspaces import create_workspace, update_workspace

OWN, ELSEWHERE = "https://github.com/acme/infra.git", "https://github.example/acme/infra.git"


@pytest.fixture
def organization(db: None) -> Organization:
    return OrganizationFactory.create(name="net")


@pytest.fixture
def hub(organization: Organization) -> Vcs:
    return Vcs.objects.create(organization=organization, name="hub", vcs_type="GITHUB", access_token="text-of-it")


def somebody(organization: Organization, **rights: bool) -> User:
    team = TeamFactory.create(organization=organization, manage_workspace=True, **rights)
    user: User = UserFactory.create()
    user.groups.add(Group.objects.get_or_create(name=team.name)[0])
    return user


def workspace(organization: Organization, by: Actor, **columns: Any) -> Workspace:
    return create_workspace(organization, by=by, name="w", iac_type="terraform", terraform_version="1.11.4", **columns)


def test_a_source_on_another_host_needs_the_right_to_manage_connections(organization: Organization, hub: Vcs) -> None:
    editor = somebody(organization)
    with pytest.raises(InvalidInput) as refused:
        workspace(organization, editor, source=ELSEWHERE, branch="main", vcs=hub)
    assert refused.value.fields.keys() == {"source"}
    assert "github.com" in refused.value.message
    assert "manageVcs" in refused.value.message
    assert "text-of-it" not in refused.value.message
    made = workspace(organization, somebody(organization, manage_vcs=True), source=ELSEWHERE, branch="main", vcs=hub)
    assert (made.source, made.vcs) == (ELSEWHERE, hub)


@pytest.mark.parametrize(
    "source",
    [OWN, "https://GitHub.com/acme/infra", "git@github.example:acme/infra.git", "ssh://git@github.example/acme/infra"],
)
def test_a_source_there_or_by_ssh_is_saved(organization: Organization, hub: Vcs, source: str) -> None:
    assert workspace(organization, somebody(organization), source=source, branch="main", vcs=hub).source == source


@pytest.mark.parametrize(
    ("vcs_type", "more", "source"),
    [
        ("AZURE_DEVOPS", {}, "https://acme@dev.azure.com/acme/net/_git/infra"),
        ("AZURE_DEVOPS", {}, "https://acme.visualstudio.com/net/_git/infra"),
        ("AZURE_SP_MI", {"endpoint": "https://login.microsoftonline.com/t"}, "https://dev.azure.com/acme/net/_git/i"),
        ("GITLAB", {"endpoint": "https://git.example/gitlab"}, "https://git.example/gitlab/acme/infra.git"),
        ("GITEA", {"api_url": "https://git.example:3000/api/v1"}, "https://git.example:3000/acme/infra"),
        ("BITBUCKET", {}, "https://bitbucket.org/acme/infra.git"),
    ],
)
def test_each_providers_ways_to_write_its_host_are_known(
    organization: Organization, vcs_type: str, more: dict[str, str], source: str
) -> None:
    vcs = Vcs.objects.create(organization=organization, name="ours", vcs_type=vcs_type, **more)
    made: Workspace = WorkspaceFactory.create(organization=organization, source=source, branch="main")
    assert update_workspace(made, {"vcs": vcs}, by=somebody(organization)).vcs == vcs
    with pytest.raises(InvalidInput):
        update_workspace(made, {"source": "https://elsewhere.example/acme/infra"}, by=somebody(organization))


def test_what_was_saved_before_may_be_changed_otherwise(organization: Organization, hub: Vcs) -> None:
    editor = somebody(organization)
    made: Workspace = WorkspaceFactory.create(organization=organization, source=ELSEWHERE, branch="main", vcs=hub)
    # A form sends all columns.
    update_workspace(made, {"source": ELSEWHERE, "vcs": hub, "branch": "next"}, by=editor)
    made.refresh_from_db()
    assert made.branch == "next"
    with pytest.raises(InvalidInput):
        update_workspace(made, {"source": "https://third.example/acme/infra.git"}, by=editor)
    update_workspace(made, {"vcs": None, "source": "https://third.example/acme/infra.git"}, by=editor)
    with pytest.raises(InvalidInput):
        update_workspace(made, {"vcs": hub}, by=editor)


def importing(vcs: Vcs, repository: str) -> str:
    place = f"{{repository: '{repository}', vcsId: {vcs.pk}}}"
    return f"flow:\n  - {{type: terraformPlan, step: 100, importCommands: {place}}}\n"


def test_commands_are_imported_by_a_connection_from_its_own_host_alone(
    organization: Organization, hub: Vcs, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr("executors.launching.imported_commands.site_git", asked.append)
    author = somebody(organization, manage_template=True)
    bad, good = importing(hub, ELSEWHERE), importing(hub, OWN)
    with pytest.raises(InvalidInput, match="no other host gets the token") as refused:
        create_record(Template(organization=organization, name="imports", tcl=bad), by=author)
    assert refused.value.fields.keys() == {"tcl"}
    kept = create_record(Template(organization=organization, name="imports", tcl=good), by=author)
    with pytest.raises(InvalidInput, match=r"github\.com"):
        update_record(kept, {"tcl": bad}, by=author)
    # A job's own flow is no record, and a stored template may be older than the check.
    job = create_job(WorkspaceFactory.create(organization=organization), by=None, tcl=bad)
    transitions.advance(job.pk)
    with pytest.raises(LaunchError, match="no other host gets the token"):
        import_commands(job.steps.get())
    assert not asked
