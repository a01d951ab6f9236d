"""Select terraform or tofu: an installed one, the one on PATH, or a download.

TERRAKUBE_TOOLS_DIR (default /opt/terrakube/tools) holds `<tool>/<version>/<tool>`; downloads go there in the same
layout if it is writable, else below the user's cache. For a range, the highest installed version wins over a newer
download: a step should not wait for a download that it does not need.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from executors.agent.context import Context
from executors.agent.errors import StepFailed
from terrakube_site.sentences import marked as _
from terrakube_site.terraform.versions import Version, VersionRange

DEFAULT_DIRECTORY = "/opt/terrakube/tools"
_VERSION_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Tool:
    """A terraform or tofu binary. `origin` says in words where it came from."""

    name: str
    version: Version
    path: Path
    origin: str


def find_tool(context: Context, name: str, environ: Mapping[str, str]) -> Tool:
    """Find the binary for the workspace's version; raises StepFailed naming the wanted and the available versions."""
    try:
        accepted = VersionRange(context.job.terraform_version)
    except ValueError as error:
        raise StepFailed(
            "tool-missing",
            _("The {tool} version of the workspace cannot be read: {error}"),
            tool=name,
            error=error,
        ) from None
    directories = _directories(environ)
    ready = {version: path for directory in reversed(directories) for version, path in _installed(directory, name)}
    best = accepted.best(ready)
    if best is not None:
        return Tool(name, best, ready[best], "the tools directory")
    on_path = _on_path(name, environ, directories[-1])
    if on_path is not None and accepted.accepts(on_path.version):
        return on_path
    from .releases import install  # HTTP, TLS and zip are only needed here

    releases = context.claim.tofu_releases if name == "tofu" else context.claim.terraform_releases
    # Terrakube's setting for mirrors knows only terraform.
    index = environ.get("CustomTerraformReleasesUrl") if name == "terraform" else None
    have = sorted({*ready, *({on_path.version} if on_path else ())})
    version, path = install(
        name, accepted, index or releases, _writable(directories), have=have, control=context.control, say=context.say
    )
    return Tool(name, version, path, "a download")


def _directories(environ: Mapping[str, str]) -> list[Path]:
    home = environ.get("XDG_CACHE_HOME") or os.path.join(environ.get("HOME") or "/tmp", ".cache")  # noqa: S108
    return [Path(environ.get("TERRAKUBE_TOOLS_DIR") or DEFAULT_DIRECTORY), Path(home) / "terrakube" / "tools"]


def _writable(directories: list[Path]) -> Path:
    for directory in directories:
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(directory, os.W_OK):
            return directory
    raise StepFailed("tool-missing", _("No tool can be stored: {folder} is not writable."), folder=directories[-1])


def _installed(directory: Path, name: str) -> list[tuple[Version, Path]]:
    try:
        entries = list((directory / name).iterdir())
    except OSError:
        return []
    found = []
    for entry in entries:
        version = Version.parse(entry.name)
        if version is not None and os.access(entry / name, os.X_OK) and (entry / name).is_file():
            found.append((version, entry / name))
    return found


def _on_path(name: str, environ: Mapping[str, str], cache: Path) -> Tool | None:
    path = shutil.which(name, path=environ.get("PATH"))
    if path is None:
        return None
    real = Path(path).resolve()
    status = real.stat()
    key = f"{real}:{status.st_mtime_ns}:{status.st_size}"
    memory = cache / "versions.json"
    known = _read_json(memory)
    text = known.get(key)
    if text is None:
        text = _ask_version(real, environ)
        try:
            cache.mkdir(parents=True, exist_ok=True)
            part = memory.with_suffix(f".{os.getpid()}")
            part.write_text(json.dumps({key: text, **known}))
            part.replace(memory)
        except OSError:
            pass  # only slower the next time
    version = Version.parse(text)
    if version is None:
        return None
    # A binary built from a release's source reports itself as its -dev version.
    release = Version(version.major, version.minor, version.patch) if version.pre == "dev" else version
    return Tool(name, release, real, f"PATH ({path})")


def _ask_version(binary: Path, environ: Mapping[str, str]) -> str:
    kept = {key: value for key, value in environ.items() if key in ("PATH", "HOME", "TMPDIR")}
    try:
        answer = subprocess.run(
            [binary, "version", "-json"],
            env={**kept, "CHECKPOINT_DISABLE": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_VERSION_SECONDS,
            check=True,
        ).stdout
        return str(json.loads(answer)["terraform_version"])
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return ""


def _read_json(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
