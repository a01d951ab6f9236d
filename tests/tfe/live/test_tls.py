"""The site that the tests of this folder stand on."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.factories import WorkspaceFactory
from tests.support.patience import patient
from tests.tfe.tls import TlsSite
from workspaces.actors import TokenUser
from workspaces.choices import JobStatus
from workspaces.services.tokens import create_token


def _get(site: TlsSite, path: str, token: str = "") -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(site.address + path, headers=headers)  # noqa: S310 - this test's own site
    return urllib.request.urlopen(request, context=site.context(), timeout=patient(20))  # noqa: S310


def test_the_site_sees_what_the_test_makes(tls_site: TlsSite) -> None:
    workspace = WorkspaceFactory.create()
    _record, token = create_token(by=TokenUser(name="a", email="a@b.c", groups=frozenset({"TERRAKUBE_ADMIN"})))
    path = f"/api/v1/organization/{workspace.organization_id}/workspace/{workspace.pk}"
    with _get(tls_site, path, token) as answer:
        assert answer.status == 200
    with pytest.raises(urllib.error.HTTPError, match="401"):
        _get(tls_site, path, token[:-4] + "AAAA")


def test_a_command_trusts_the_site(tls_site: TlsSite, tmp_path: Path) -> None:
    provider = f'thing = {{ source = "{tls_site.hostname}/acme/thing" }}'
    (tmp_path / "main.tf").write_text(f"terraform {{\n  required_providers {{\n    {provider}\n  }}\n}}\n")
    done = tls_site.run(["terraform", "init", "-no-color"], home=tls_site.home(tmp_path), folder=tmp_path)
    assert done.returncode == 1
    assert "does not offer a Terraform provider registry" in " ".join(done.stderr.split()), done.stderr


@pytest.mark.slow
def test_a_step_runs_on_this_machine(running_site: TlsSite) -> None:
    workspace = running_site.workspace({"main.tf": 'output "a" {\n  value = 1\n}\n'}, on_cluster=False)
    job = running_site.job(workspace, "flow:\n  - {type: terraformPlan, name: Plan, step: 100}\n")
    running_site.await_status(job, JobStatus.COMPLETED)
