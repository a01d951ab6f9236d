"""A repository as providers call it, and the address by which the same repository is found again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

_SCP = re.compile(r"(?:[^@/\s]+@)?([A-Za-z0-9._-]+):(?!//)(\S+)")


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository: its address for ``git clone``, and its path at the provider, as in ``group/subgroup/name``."""

    url: str
    path: str

    @property
    def owner(self) -> str:
        """All of the path but the name."""
        return self.path.rpartition("/")[0]

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @classmethod
    def of(cls, url: str, endpoint: str = "") -> Repository:
        """Return the repository of a source. ``endpoint`` is the provider's own address, whose path does not count.

        Raises ValueError if the source names no repository.
        """
        _, path = _host_and_path(url.strip())
        below = urlsplit(endpoint).path.strip("/")
        if below and path.lower().startswith(f"{below.lower()}/"):
            path = path[len(below) + 1 :]
        if "/" not in path:
            raise ValueError("The source is not a repository")
        return cls(url.strip(), path)


def normalized(url: str) -> str:
    """Return an address that is the same for each way to write a repository's: no login, no ``.git``, lower case.

    An SSH address becomes the one by https, and the older host of Azure DevOps the newer. Empty for what names no
    repository.
    """
    try:
        host, path = _host_and_path(url.strip())
    except ValueError:
        return ""
    return f"https://{host}/{path}".lower() if host and path else ""


def web_address(url: str) -> str:
    """Return the address of a repository's page; empty for what names no repository."""
    try:
        host, path = _host_and_path(url.strip())
    except ValueError:
        return ""
    scheme = "http" if url.strip().startswith("http://") else "https"
    return f"{scheme}://{host}/{quote(path)}" if host and path else ""


def _host_and_path(url: str) -> tuple[str, str]:
    """Return the host, with a port of http, and the path without slashes at its ends. Raises ValueError."""
    scp = _SCP.fullmatch(url) if "//" not in url else None
    if scp is not None:
        host, path = scp[1], scp[2]
    else:
        parts = urlsplit(url)
        host, path = parts.hostname or "", unquote(parts.path)
        if parts.scheme in {"http", "https"} and parts.port not in {None, 80, 443}:
            host = f"{host}:{parts.port}"
    path = re.sub(r"/+", "/", path).strip("/").removesuffix(".git").strip("/")
    return _of_azure(host.lower(), path)


def _of_azure(host: str, path: str) -> tuple[str, str]:
    """Bring the ways of Azure DevOps to write an address to ``dev.azure.com/ORGANIZATION/PROJECT/REPOSITORY``.

    A repository with the name of its project may be written without the project: ``ORGANIZATION/_git/NAME``.
    """
    if host in {"ssh.dev.azure.com", "vs-ssh.visualstudio.com"}:
        host, path = "dev.azure.com", path.removeprefix("v3/")
    elif host.endswith(".visualstudio.com"):
        path = f"{host.removesuffix('.visualstudio.com')}/{path.removeprefix('DefaultCollection/')}"
        host = "dev.azure.com"
    before, git, name = path.partition("/_git/")
    if git:
        project = before if "/" in before or host != "dev.azure.com" else f"{before}/{name}"
        path = f"{project}/{name}"
    return host, path
