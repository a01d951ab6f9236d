"""Log git in while init fetches modules: the workspace's login on its source's host, and the SSH key for modules.

A login that the workspace configures comes first: nothing is added where it has a helper or a command of its own.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from executors.agent.context import Context
from executors.contract.repository_access import (
    SSH_OPTIONS,
    RepositoryAccess,
    RepositoryAccessError,
    key_options,
    ssh_command,
    ssh_key,
    token_helper,
)

_SCP_LIKE = re.compile(r"(?:[^@/\s]+@)?([^@/:\s]+):(?!//)\S+")
_HOST = re.compile(r"[A-Za-z0-9._-]+")
_CONFIG_SECONDS = 10


@contextlib.contextmanager
def module_access(context: Context, environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Provide the variables that init needs beside `environment`; files and helper are removed afterwards."""
    private, access = context.private, repository_access(context)
    with contextlib.ExitStack() as stack:
        more = {"GIT_TERMINAL_PROMPT": "0"}
        if access.source.startswith(("https://", "http://")):
            # A source that git cannot log in to was refused at its clone; there is none behind an upload.
            with contextlib.suppress(RepositoryAccessError):
                if access.login() and not _has_own_login(access.source, environment, private):
                    more |= stack.enter_context(token_helper(access, environment, private, beside_others=True))
        command = stack.enter_context(_ssh(context, access, environment))
        if command:
            more["GIT_SSH_COMMAND"] = command
        yield more


def repository_access(context: Context) -> RepositoryAccess:
    """Return the source of the job and its login."""
    job = context.job
    return RepositoryAccess(
        source=job.source,
        vcs_type=job.vcs_type,
        connection_type=job.connection_type,
        access_token=job.access_token,
        ssh_rsa=context.claim.source_ssh_rsa,
    )


@contextlib.contextmanager
def _ssh(context: Context, access: RepositoryAccess, environment: Mapping[str, str]) -> Iterator[str]:
    """Provide GIT_SSH_COMMAND: the key for modules, and on the source's host the source's key behind it; or ""."""
    private, module_key = context.private, context.job.module_ssh_key
    host = _ssh_host(access.source) if access.uses_key and access.access_token else ""
    has_own = "GIT_SSH_COMMAND" in environment or "GIT_SSH" in environment
    with contextlib.ExitStack() as stack:
        if module_key:
            path = stack.enter_context(ssh_key(module_key, private, "module"))
            command = ssh_command(path, ssh_rsa=context.claim.module_ssh_rsa)
        elif host and not has_own:
            command = "ssh"
        else:
            yield ""
            return
        if host:
            key = stack.enter_context(ssh_key(access.access_token or "", private, "source"))
            config = private / "ssh_config"
            config.write_text(_config(host, key, key_options(ssh_rsa=access.ssh_rsa)))
            stack.callback(config.unlink, missing_ok=True)
            command += f" -F '{config}'"
        yield command


def _config(host: str, key: Path, options: Mapping[str, str]) -> str:
    """Return an ssh configuration; what the user's own says, or the system's, counts as ever."""
    return (
        f'Include ~/.ssh/config\nHost {host}\n  IdentityFile "{key}"\n{_lines(options)}'
        f"Host *\n{_lines(SSH_OPTIONS)}Include /etc/ssh/ssh_config\n"
    )


def _lines(options: Mapping[str, str]) -> str:
    return "".join(f"  {name} {value}\n" for name, value in options.items())


def _ssh_host(source: str) -> str:
    """Return the host of a source that is read by ssh, "" if there is none."""
    short = _SCP_LIKE.fullmatch(source)
    if short and "://" not in source:
        host = short[1]
    else:
        try:
            url = urlsplit(source)
        except ValueError:
            return ""
        host = url.hostname or "" if url.scheme in ("ssh", "git+ssh") else ""
    return host if _HOST.fullmatch(host) else ""


def _has_own_login(source: str, environment: Mapping[str, str], private: Path) -> bool:
    """Return True if the workspace itself tells git how to log in on the source's host."""
    if environment.get("GIT_ASKPASS"):
        return True
    try:
        done = subprocess.run(
            ["git", "config", "--get-urlmatch", "credential.helper", source],
            cwd=private,
            # The machine's own helpers know nothing of the workspace.
            env={**environment, "GIT_CONFIG_NOSYSTEM": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_CONFIG_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return bool(done.stdout.strip())
