"""git of this site itself: for commands that a step imports, for preflight, and to list branches and folders."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from executors.contract.repository_access import RepositoryAccess, git_environment
from terrakube_site.outgoing import git

TIMEOUT_SECONDS = 30
_PASSED_ON = ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")


class GitTimeout(Exception):
    """git did not answer in time; the text says so, without a full stop."""


class GitFailed(Exception):
    """git ended with an error; the text is what it wrote, without the token."""


@dataclass(frozen=True, slots=True)
class SiteGit:
    """git that may reach one repository and nothing else. ``folder`` is private and goes with it."""

    access: RepositoryAccess
    folder: Path
    environment: dict[str, str]

    def run(self, arguments: Sequence[str], *, cwd: Path | None = None) -> tuple[int, str]:
        """Return git's exit code and what it wrote as errors, without the token. Raises GitTimeout."""
        answer = self._ask(arguments, cwd)
        return answer.returncode, self._errors_of(answer)

    def read(self, arguments: Sequence[str], *, cwd: Path | None = None) -> str:
        """Return what git prints. Raises GitFailed and GitTimeout."""
        answer = self._ask(arguments, cwd)
        if answer.returncode:
            raise GitFailed(self._errors_of(answer))
        return answer.stdout.decode(errors="replace")

    def _ask(self, arguments: Sequence[str], cwd: Path | None) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                ["git", *arguments],
                cwd=cwd,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TIMEOUT_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise GitTimeout(f"git did not answer within {TIMEOUT_SECONDS} s") from error

    def _errors_of(self, answer: subprocess.CompletedProcess[bytes]) -> str:
        text = answer.stderr.decode(errors="replace").strip()
        return text.replace(self.access.access_token, "***") if self.access.access_token else text


@contextmanager
def site_git(access: RepositoryAccess) -> Iterator[SiteGit]:
    """Provide git for one repository. Raises OutgoingError and RepositoryAccessError."""
    with tempfile.TemporaryDirectory(prefix="terrakube-git-") as name:
        folder = Path(name)
        environment = {key: os.environ[key] for key in _PASSED_ON if key in os.environ} | {"HOME": name}
        environment |= git.pinned(access.source)
        with git_environment(access, environment, folder) as environment:
            yield SiteGit(access, folder, git.with_checked_host(environment))
