"""Commands that a step imports from a git repository (``importCommands`` of a flow)."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from django.core.exceptions import ValidationError

from executors.agent.errors import StepFailed
from executors.agent.git_access import git_environment
from executors.job_data import JobData
from executors.launching.errors import LaunchError
from terrakube_site.outgoing import OutgoingError, git
from workspaces import flows
from workspaces.models import Step, Vcs
from workspaces.services.steps import keep_commands

FILE_NAME = "commands.yaml"
MAX_BYTES = 2**20
_TIMEOUT_SECONDS = 30
_PASSED_ON = ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")


def import_commands(step: Step) -> None:
    """Fetch a step's commands and keep them in it. Raises LaunchError, which no token is part of."""
    wanted = flows.from_json(step.flow).import_commands
    if wanted is None:
        return
    access = _access(step, wanted)
    with tempfile.TemporaryDirectory(prefix="terrakube-import-") as name:
        folder = Path(name)
        environment = {key: os.environ[key] for key in _PASSED_ON if key in os.environ} | {"HOME": name}
        try:
            environment |= git.pinned(access.source)
            with git_environment(access, environment, folder) as environment:
                _clone(access, folder / "clone", git.with_checked_host(environment))
        except OutgoingError as error:
            raise _failed(f"its repository may not be asked: {error}") from error
        except StepFailed as error:
            raise _failed(str(error)) from error
        text = _read(folder / "clone", wanted.folder)
    try:
        keep_commands(step, flows.parse_commands(text))
    except flows.FlowError as error:
        raise _failed(f"{FILE_NAME}: {error}") from error


def _failed(why: str) -> LaunchError:
    return LaunchError("import-failed", f"The commands of this step could not be imported: {why}")


def _access(step: Step, wanted: flows.ImportCommands) -> JobData:
    """The repository in the form in which the executor's own git takes it."""
    job, vcs = step.job, None
    if wanted.vcs_id:
        try:
            vcs = Vcs.objects.filter(organization=job.organization_id, pk=wanted.vcs_id).first()
        except ValidationError:
            vcs = None
        if vcs is None:
            raise _failed(f"the organization has no VCS connection {wanted.vcs_id}")
    return JobData(
        type=step.type,
        organization_id=str(job.organization_id),
        workspace_id=str(job.workspace_id),
        job_id=str(job.pk),
        step_id=str(step.pk),
        terraform_version="",
        source=wanted.repository,
        branch=wanted.branch or "",
        vcs_type=vcs.vcs_type if vcs else "PUBLIC",
        connection_type=vcs.connection_type if vcs else None,
        access_token=(vcs.access_token or None) if vcs else None,
    )


def _clone(access: JobData, target: Path, environment: dict[str, str]) -> None:
    command = ["git", "clone", "--quiet", "--depth", "1"]
    if access.branch:
        command += ["--branch", access.branch]
    try:
        # "--" ends the options, so that an address can never be taken for one.
        answer = subprocess.run(
            [*command, "--", access.source, str(target)],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise _failed(f"git did not answer within {_TIMEOUT_SECONDS} s") from error
    if answer.returncode != 0:
        message = answer.stderr.decode(errors="replace").strip()
        if access.access_token:
            message = message.replace(access.access_token, "***")
        raise _failed(message[-300:] or "git clone failed")


def _read(clone: Path, folder: str) -> str:
    path = clone.joinpath(*[part for part in folder.split("/") if part], FILE_NAME).resolve()
    if not path.is_relative_to(clone.resolve()) or not path.is_file():
        raise _failed(f"the repository has no {FILE_NAME} in {folder}")
    if path.stat().st_size > MAX_BYTES:
        raise _failed(f"{FILE_NAME} is larger than {MAX_BYTES // 2**20} MiB")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise _failed(f"{FILE_NAME} is not UTF-8 text") from None
