"""How git logs in: a token or key that no argument, address or .git/config ever holds.

A token is in the environment of git alone, and a credential helper hands it out, for the source's own host
only, so that a submodule elsewhere does not get it. A key is a private file for as long as git runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from executors.job_data import JobData

from .errors import StepFailed

_HELPER = """#!/bin/sh
# git asks with "get"; there is nothing to store or erase.
[ "$1" = get ] || exit 0
printf 'username=%s\\npassword=%s\\n' "$TERRAKUBE_GIT_USERNAME" "$TERRAKUBE_GIT_PASSWORD"
"""
_USERS = {"GITLAB": "oauth2", "BITBUCKET": "x-token-auth", "AZURE_DEVOPS": "dummy"}


def login(job: JobData) -> tuple[str, str] | None:
    """User name and password for the source's host, None for a public source or a key."""
    token = job.access_token
    if not token or job.vcs_type == "PUBLIC" or uses_key(job):
        return None
    if job.vcs_type == "GITHUB":
        return ("x-access-token", token) if job.connection_type == "STANDALONE" else (token, "")
    if job.vcs_type in _USERS:
        return _USERS[job.vcs_type], token
    raise StepFailed("source-failed", f"This executor cannot log in to a repository of type {job.vcs_type}.")


def uses_key(job: JobData) -> bool:
    """Whether the access token is an SSH key."""
    return job.vcs_type.startswith("SSH")


@contextmanager
def git_environment(job: JobData, environment: Mapping[str, str], private: Path) -> Iterator[dict[str, str]]:
    """The environment for git on the job's source; helper and key are gone afterwards."""
    quiet = {**environment, "GIT_TERMINAL_PROMPT": "0", "GCM_INTERACTIVE": "never", "LC_ALL": "C.UTF-8"}
    if uses_key(job):
        with ssh_key(job.access_token or "", private, "source") as command:
            yield {**quiet, "GIT_SSH_COMMAND": command}
        return
    credentials = login(job)
    if credentials is None:
        yield quiet
        return
    try:
        url = urlsplit(job.source)
    except ValueError:
        raise StepFailed("source-failed", "The source is no address that can be read.") from None
    helper = private / "git-credentials"
    helper.write_text(_HELPER)
    helper.chmod(0o700)
    settings = [
        ("credential.helper", ""),
        (f"credential.{url.scheme}://{url.netloc.rpartition('@')[2]}.helper", str(helper)),
    ]
    try:
        yield {
            **quiet,
            **_configuration(settings, environment),
            "TERRAKUBE_GIT_USERNAME": credentials[0],
            "TERRAKUBE_GIT_PASSWORD": credentials[1],
        }
    finally:
        helper.unlink(missing_ok=True)


@contextmanager
def ssh_key(key: str, private: Path, name: str) -> Iterator[str]:
    """A value for GIT_SSH_COMMAND that uses this PEM key; host keys are not verified, as in Terrakube."""
    path = private / f"{name}.key"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        # OpenSSH refuses a key without its last line end, which is easily lost in a form.
        out.write(key.replace("\r\n", "\n").rstrip("\n") + "\n")
    try:
        yield (
            f"ssh -i '{path}' -o IdentitiesOnly=yes -o BatchMode=yes -o LogLevel=ERROR"
            " -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
        )
    finally:
        path.unlink(missing_ok=True)


def _configuration(settings: list[tuple[str, str]], environment: Mapping[str, str]) -> dict[str, str]:
    """git configuration by environment, after what the environment already has."""
    text = environment.get("GIT_CONFIG_COUNT", "0")
    first = int(text) if text.isdecimal() else 0
    variables = {"GIT_CONFIG_COUNT": str(first + len(settings))}
    for number, (key, value) in enumerate(settings, first):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return variables
