"""Commands that a step imports from a git repository (``importCommands`` of a flow)."""

from __future__ import annotations

from pathlib import Path

from django.core.exceptions import ValidationError

from executors.attempts.source_access import access_by
from executors.contract.repository_access import RepositoryAccess, RepositoryAccessError
from executors.launching.errors import LaunchError
from executors.launching.site_git import GitTimeout, SiteGit, site_git
from terrakube_site.outgoing import OutgoingError
from workspaces import flows
from workspaces.models import Step, Vcs
from workspaces.reasons import Reason, reason
from workspaces.services.connection_hosts import import_refusal
from workspaces.services.steps import store_commands

FILE_NAME = "commands.yaml"
MAX_BYTES = 2**20


def import_commands(step: Step) -> None:
    """Fetch the commands of a step and store them in it. Raises LaunchError, whose message holds no token."""
    wanted = flows.from_json(step.flow).import_commands
    if wanted is None:
        return
    access = _access(step, wanted)
    try:
        with site_git(access) as git:
            text = _read(_clone(git, wanted.branch), wanted.folder)
    except OutgoingError as error:
        raise _failed(reason("", "repository-refused", error=error)) from error
    except (RepositoryAccessError, GitTimeout) as error:
        raise _failed(str(error)) from error
    try:
        store_commands(step, flows.parse_commands(text))
    except flows.FlowError as error:
        raise _failed(f"{FILE_NAME}: {error}") from error


def _failed(why: str | Reason) -> LaunchError:
    return LaunchError(reason("import-failed", "not-imported", why=why))


def _access(step: Step, wanted: flows.ImportCommands) -> RepositoryAccess:
    """Return the repository with the login of the VCS connection that the flow names."""
    job, vcs = step.job, None
    if wanted.vcs_id:
        try:
            vcs = Vcs.objects.filter(organization=job.organization_id, pk=wanted.vcs_id).first()
        except ValidationError:
            vcs = None
        if vcs is None:
            raise _failed(f"the organization has no VCS connection {wanted.vcs_id}")
    if vcs is None:
        return RepositoryAccess(source=wanted.repository)
    refused = import_refusal(vcs, wanted.repository)
    if refused is not None:
        # Its flow is a job's own, or older than this check.
        raise _failed(refused)
    access = access_by(vcs, wanted.repository)
    return RepositoryAccess(
        source=wanted.repository,
        vcs_type=access.vcs_type,
        connection_type=access.connection_type,
        access_token=access.token,
    )


def _clone(git: SiteGit, branch: str | None) -> Path:
    target = git.folder / "clone"
    chosen = ["--branch", branch] if branch else []
    # "--" ends the options, so that no address is read as one.
    code, words = git.run(["clone", "--quiet", "--depth", "1", *chosen, "--", git.access.source, str(target)])
    if code != 0:
        raise _failed(words[-300:] or "git clone failed")
    return target


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
