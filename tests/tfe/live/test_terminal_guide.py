"""The commands of docs/terminal.md, run as they stand there: a state is moved to the site, and goes on there."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.api.client import token_of
from tests.support.patience import patient
from tests.tfe.tls import TlsSite
from workspaces.choices import JobStatus
from workspaces.models import Workspace
from workspaces.services.organizations import create_organization
from workspaces.services.state import current_state

GUIDE = Path(settings.BASE_DIR) / "docs" / "terminal.md"
HOST = "terrakube.example.com"
_SECONDS = 60

pytestmark = pytest.mark.slow


def run(script: str, site: TlsSite, home: Path, folder: Path) -> str:
    """The output of the commands, which all succeed."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=site.client_environ(home),
        capture_output=True,
        text=True,
        timeout=patient(_SECONDS),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def resources(state: bytes | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(bytes(state or b"{}"))["resources"]
    return found


def test_every_command_of_the_guide_works(running_site: TlsSite, tmp_path: Path) -> None:
    text = GUIDE.read_text(encoding="utf-8").replace(HOST, running_site.hostname)
    configuration, moving, running, pipeline = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    create_organization(by=None, name="example")
    home = running_site.home(tmp_path, token=token_of("TERRAKUBE_ADMIN"))
    folder = tmp_path / "configuration"
    folder.mkdir()

    run(f"{configuration}\nterraform init\nterraform apply -auto-approve\n", running_site, home, folder)
    before = (folder / "terraform.tfstate").read_bytes()
    moved = run(moving, running_site, home, folder)
    assert "terraform_data.example" in moved
    assert "No changes" in moved
    workspace = Workspace.objects.get(name="network")
    state = current_state(workspace)
    assert state is not None
    assert resources(state.content) == resources(before)

    assert run(running, running_site, home, folder).endswith("3")
    run(pipeline, running_site, home, folder)
    assert set(workspace.jobs.values_list("status", flat=True)) <= {JobStatus.COMPLETED, JobStatus.NO_CHANGES}
