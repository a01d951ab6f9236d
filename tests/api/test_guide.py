"""The commands of docs/rest.md, run as they stand there."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from executors.choices import AttemptState, ExecutorKind
from executors.models import Attempt, LogChunk
from tests.api.client import token_of
from tests.support.patience import patient
from workspaces.choices import Category, JobStatus
from workspaces.jobs import transitions
from workspaces.models import Job, Organization, StateVersion
from workspaces.services.state import current_state
from workspaces.services.workspaces import set_variable

GUIDE = Path(django_settings.BASE_DIR) / "docs" / "rest.md"
DISPATCHED = "Its steps say how far it is"
IMPORT = re.compile(r"^python manage.py (import_state .*)$", re.MULTILINE)
STATE = b'{"version": 4, "serial": 7, "lineage": "3f0c"}'


def commands(text: str) -> str:
    return "\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE))


def run(script: str, folder: Path) -> str:
    """The output of commands in one shell after another, each with the variables of the last."""
    kept = folder / "variables"
    before = f"[ ! -e {kept} ] || . {kept}\n"
    after = f"\ndeclare -p TOKEN API ORG WORKSPACE TEMPLATE JOB >{kept}; declare -f >>{kept}\n"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", before + script + after],
        capture_output=True,
        text=True,
        timeout=patient(60),
        cwd=folder,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "TOKEN": token_of("TERRAKUBE_ADMIN"), "NO_PROXY": "*"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="no curl or no jq on PATH")
@pytest.mark.django_db(transaction=True)
def test_every_command_of_the_guide_works(
    live_server: LiveServer, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PUBLIC_URL = live_server.url
    text = GUIDE.read_text().replace("http://127.0.0.1:8000", live_server.url)
    start, _, rest = text.partition(DISPATCHED)
    run(commands(start), tmp_path)
    job = Job.objects.get()
    transitions.advance(job.pk)
    step, now = job.steps.all()[0], timezone.now()
    attempt = Attempt.objects.create(
        step=step,
        number=1,
        executor=ExecutorKind.LOCAL,
        state=AttemptState.CLAIMED,
        created_at=now,
        not_before=now,
        log_size=6,
    )
    LogChunk.objects.create(attempt=attempt, offset=0, size=6, data=b"hello\n")
    set_variable(job.workspace, by=None, key="region", value="eu-1", category=Category.TERRAFORM, sensitive=False)
    StateVersion.objects.create(workspace=job.workspace, number=1, serial=7, lineage="3f0c", content=STATE)
    first, command, last = IMPORT.split(rest)
    output = run(commands(first), tmp_path)
    # In this process, since its database is no other's.
    monkeypatch.chdir(tmp_path)
    call_command(*command.split(), stdout=io.StringIO())
    run(commands(last), tmp_path)
    assert "hello\n" in output
    job.refresh_from_db()
    assert job.status == JobStatus.CANCELLED
    moved = Organization.objects.get(name="moved")
    assert [row.name for row in moved.teams.all()] == ["DEVELOPERS"]
    workspace = moved.workspaces.get()
    assert (workspace.name, workspace.terraform_version) == ("network", "1.11.4")
    assert current_state(workspace).content == STATE  # type: ignore[union-attr] # None fails too
    found = {row.key: (row.value, row.sensitive, row.category) for row in workspace.variables.all()}
    assert found == {"TOKEN": ("the same s3cr3t", True, "ENV"), "region": ("eu-1", False, "TERRAFORM")}
    assert "s3cr3t" not in output.replace("the same s3cr3t", "")
