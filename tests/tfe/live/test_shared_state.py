"""A step that reads the state of another workspace: the real programs, with the token of their own attempt."""

from __future__ import annotations

import json

import pytest

from executors.logs import store
from executors.models import Attempt
from tests.tfe.tls import TlsSite
from workspaces.choices import IacType, JobStatus
from workspaces.models import Job, Workspace
from workspaces.services.state import add_state_version, current_state

pytestmark = pytest.mark.slow
APPLY = "flow:\n  - {type: terraformPlan, name: Plan, step: 100}\n  - {type: terraformApply, name: Apply, step: 200}\n"
STATE = {
    "version": 4,
    "terraform_version": "1.11.4",
    "serial": 1,
    "lineage": "shared",
    "outputs": {"network": {"value": "net-7", "type": "string"}},
    "resources": [],
    "check_results": None,
}
SHOWS_TOKENS = (
    "flow:\n  - {type: customScripts, name: Show, step: 100, commands: [{runtime: BASH, script: env | sort}]}\n"
)


def reading(site: TlsSite, source: Workspace) -> str:
    return f"""
data "terraform_remote_state" "source" {{
  backend = "remote"
  config = {{
    hostname     = "{site.hostname}"
    organization = "{source.organization.name}"
    workspaces   = {{ name = "{source.name}" }}
  }}
}}
output "read" {{
  value = data.terraform_remote_state.source.outputs.network
}}
"""


def source_of(site: TlsSite, *, shared: bool) -> Workspace:
    found = site.workspace(on_cluster=False, global_remote_state=shared)
    add_state_version(found, json.dumps(STATE).encode(), None)
    return found


def log_of(job: Job) -> str:
    attempts = Attempt.objects.filter(step__job=job).order_by("created_at")
    return b"".join(piece.data for attempt in attempts for piece in store.pieces(attempt)).decode()


@pytest.mark.parametrize("tool", [IacType.TERRAFORM, IacType.TOFU])
def test_a_step_reads_what_is_shared_with_its_workspace(running_site: TlsSite, tool: IacType) -> None:
    source = source_of(running_site, shared=True)
    reader = running_site.workspace({"main.tf": reading(running_site, source)}, tool=tool, on_cluster=False)
    running_site.await_status(running_site.job(reader, APPLY), JobStatus.COMPLETED, JobStatus.NO_CHANGES)
    written = current_state(reader)
    assert written is not None
    assert json.loads(written.content or b"{}")["outputs"]["read"]["value"] == "net-7"


def test_a_step_is_told_which_switch_shares_a_state(running_site: TlsSite) -> None:
    source = source_of(running_site, shared=False)
    reader = running_site.workspace({"main.tf": reading(running_site, source)}, on_cluster=False)
    job = running_site.await_status(running_site.job(reader, APPLY), JobStatus.FAILED)
    said = " ".join(log_of(job).replace("│", " ").split())
    assert "globalRemoteState" in said
    assert Workspace.objects.filter(organization=source.organization, name=source.name).count() == 1


def test_the_token_of_a_step_is_masked_in_its_log(running_site: TlsSite) -> None:
    workspace = running_site.workspace(on_cluster=False)
    job = running_site.await_status(running_site.job(workspace, SHOWS_TOKENS), JobStatus.COMPLETED)
    said = log_of(job)
    assert f"TF_TOKEN_{running_site.hostname.replace('.', '_')}=" in said
    assert "tkrun." not in said
