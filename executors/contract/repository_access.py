"""Log git in with a token or key that is in no argument, address or .git/config.

A token is only in the environment of git; a credential helper hands it out for the source's own host alone, so that
a submodule or module elsewhere does not get it. A key is a private file while git runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from terrakube_site.sentences import Sentence
from terrakube_site.sentences import marked as _

SSH_OPTIONS = {
    "BatchMode": "yes",
    "LogLevel": "ERROR",
    "StrictHostKeyChecking": "no",
    "UserKnownHostsFile": "/dev/null",
}
"""Host keys are not verified, as in Terrakube."""
_SSH_RSA = {"HostKeyAlgorithms": "+ssh-rsa", "PubkeyAcceptedAlgorithms": "+ssh-rsa"}
_HELPER = """#!/bin/sh
# git asks with "get"; there is nothing to store or erase.
[ "$1" = get ] || exit 0
printf 'username=%s\\npassword=%s\\n' "$TERRAKUBE_GIT_USERNAME" "$TERRAKUBE_GIT_PASSWORD"
"""
_USERS = {
    "GITLAB": "oauth2",
    "GITEA": "oauth2",
    "BITBUCKET": "x-token-auth",
    "AZURE_DEVOPS": "dummy",
    "AZURE_SP_MI": "dummy",
}
_ATLASSIAN = "ATATT"
"""How API tokens of Atlassian accounts begin, which Bitbucket takes with a user name of their own."""


class RepositoryAccessError(Exception):
    """git cannot log in to the repository; ``sentence`` holds no secret."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryAccess:
    """A repository and its login, in the terms of Terrakube's job data.

    `access_token` is a token, or a PEM key if `vcs_type` begins with SSH; None for a public repository. `ssh_rsa`
    allows that algorithm of old SSH servers, which OpenSSH refuses.
    """

    source: str
    vcs_type: str = "PUBLIC"
    connection_type: str | None = None
    access_token: str | None = field(default=None, repr=False)
    ssh_rsa: bool = False

    @property
    def uses_key(self) -> bool:
        """Return True if the access token is an SSH key."""
        return self.vcs_type.startswith("SSH")

    def login(self) -> tuple[str, str] | None:
        """Return user name and password for the source's host, None for a public source or a key.

        Raises RepositoryAccessError for an unknown kind of repository.
        """
        token = self.access_token
        if not token or self.vcs_type == "PUBLIC" or self.uses_key:
            return None
        if self.vcs_type == "GITHUB":
            return ("x-access-token", token) if self.connection_type == "STANDALONE" else (token, "")
        if self.vcs_type == "BITBUCKET" and token.startswith(_ATLASSIAN):
            return "x-bitbucket-api-token-auth", token
        if self.vcs_type in _USERS:
            return _USERS[self.vcs_type], token
        raise RepositoryAccessError(
            Sentence(_("This executor cannot log in to a repository of type {type}."), type=self.vcs_type)
        )


@contextmanager
def git_environment(
    access: RepositoryAccess, environment: Mapping[str, str], private: Path
) -> Iterator[dict[str, str]]:
    """Provide the environment for git on a repository; helper and key are removed afterwards.

    Raises RepositoryAccessError.
    """
    quiet = {**environment, "GIT_TERMINAL_PROMPT": "0", "GCM_INTERACTIVE": "never", "LC_ALL": "C.UTF-8"}
    if access.uses_key:
        with ssh_key(access.access_token or "", private, "source") as key:
            yield {**quiet, "GIT_SSH_COMMAND": ssh_command(key, ssh_rsa=access.ssh_rsa)}
        return
    with token_helper(access, environment, private) as settings:
        yield {**quiet, **settings}


@contextmanager
def token_helper(
    access: RepositoryAccess, environment: Mapping[str, str], private: Path, *, beside_others: bool = False
) -> Iterator[dict[str, str]]:
    """Provide the variables with which git logs in on the source's host by its token; {} without a token.

    No other credential helper is asked; with `beside_others`, those for other hosts are. Raises RepositoryAccessError.
    """
    credentials = access.login()
    if credentials is None:
        yield {}
        return
    try:
        url = urlsplit(access.source)
    except ValueError:
        raise RepositoryAccessError(Sentence(_("The source is not a valid URL."))) from None
    own = f"credential.{url.scheme}://{url.netloc.rpartition('@')[2]}.helper"
    helper = private / "git-credentials"
    helper.write_text(_HELPER)
    helper.chmod(0o700)
    try:
        # An empty value drops the helpers before it: one that stores what it hears would store the token.
        yield {
            **_configuration([(own if beside_others else "credential.helper", ""), (own, str(helper))], environment),
            "TERRAKUBE_GIT_USERNAME": credentials[0],
            "TERRAKUBE_GIT_PASSWORD": credentials[1],
        }
    finally:
        helper.unlink(missing_ok=True)


@contextmanager
def ssh_key(key: str, private: Path, name: str) -> Iterator[Path]:
    """Provide a private file with this PEM key."""
    path = private / f"{name}.key"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        # OpenSSH refuses a key without its last line end, which is easily lost in a form.
        out.write(key.replace("\r\n", "\n").rstrip("\n") + "\n")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def key_options(*, ssh_rsa: bool) -> dict[str, str]:
    """Return the ssh options that go with a key."""
    return {"IdentitiesOnly": "yes", **(_SSH_RSA if ssh_rsa else {})}


def ssh_command(key: Path, *, ssh_rsa: bool) -> str:
    """Return a value for GIT_SSH_COMMAND that uses this key alone."""
    options = {**key_options(ssh_rsa=ssh_rsa), **SSH_OPTIONS}
    return f"ssh -i '{key}' " + " ".join(f"-o {name}={value}" for name, value in options.items())


def _configuration(settings: list[tuple[str, str]], environment: Mapping[str, str]) -> dict[str, str]:
    """Add git configuration to an environment, after any configuration in it."""
    text = environment.get("GIT_CONFIG_COUNT", "0")
    first = int(text) if text.isdecimal() else 0
    variables = {"GIT_CONFIG_COUNT": str(first + len(settings))}
    for number, (key, value) in enumerate(settings, first):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return variables
