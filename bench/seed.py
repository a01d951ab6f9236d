"""The records of the bench: a team's token, workspaces whose pods never start, and one whose pods do."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass

from django.conf import settings

from workspaces.actors import TokenUser
from workspaces.choices import Category, IacType
from workspaces.models import Team, Template, Workspace
from workspaces.pods.catalogue import ENABLE, NODE_SELECTOR
from workspaces.services.organizations import create_organization
from workspaces.services.sources import upload_source
from workspaces.services.tokens import create_team_token
from workspaces.services.workspaces import create_workspace, set_variable

_TEAM = "BENCH"
_RIGHTS = {"plan_job": True, "approve_job": True, "manage_job": True, "manage_workspace": True}
# No node has it, so the pods of these Jobs wait for ever and load nothing.
_NOWHERE = "terrakube.io/bench=nowhere"
_CONFIGURATION = b"""\
resource "terraform_data" "bench" {
  input = timestamp()
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What the measures work with; ids as the REST API takes them."""

    organization: str
    template: str
    token: str
    waiting: tuple[str, ...]
    running: str


def make_records(*, waiting: int, version: str) -> Records:
    """Make everything; ``waiting`` is the number of workspaces whose pods never start, ``version`` terraform's."""
    admin = TokenUser(name="bench", groups=frozenset({settings.ADMIN_GROUP}))
    organization = create_organization(by=admin, name="bench")
    Team.objects.create(organization=organization, name=_TEAM, **_RIGHTS)
    template = Template.objects.get(organization=organization, name="Plan and apply")
    _, token = create_team_token(by=admin, team=_TEAM, description="bench")

    def workspace(name: str, variables: dict[str, str]) -> Workspace:
        made = create_workspace(
            organization,
            by=admin,
            name=name,
            source="empty",
            branch="remote-content",
            terraform_version=version,
            iac_type=IacType.TERRAFORM,
        )
        for key, value in variables.items():
            set_variable(made, by=admin, key=key, value=value, category=Category.ENV)
        set_variable(made, by=admin, key="TOKEN", value="s3cr3t-value", category=Category.ENV, sensitive=True)
        set_variable(made, by=admin, key="region", value="eu-1", category=Category.TERRAFORM)
        return made

    nowhere = {ENABLE: "true", NODE_SELECTOR: _NOWHERE}
    waits = tuple(str(workspace(f"waiting-{number}", nowhere).pk) for number in range(waiting))
    runs = workspace("running", {ENABLE: "true"})
    upload_source(runs, _archive(), by=admin)
    return Records(
        organization=str(organization.pk),
        template=str(template.pk),
        token=token,
        waiting=waits,
        running=str(runs.pk),
    )


def _archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        entry = tarfile.TarInfo("main.tf")
        entry.size = len(_CONFIGURATION)
        archive.addfile(entry, io.BytesIO(_CONFIGURATION))
    return buffer.getvalue()
