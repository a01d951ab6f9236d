"""Download terraform and tofu, verified with the release's checksums.

Two kinds of index exist: terraform's (`{"versions": {"1.5.7": {"shasums": …, "builds": […]}}}`) and the list of a
GitHub project's releases (`[{"name": "v1.8.0", "assets": […]}]`).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from executors.agent.control import Control
from executors.agent.errors import StepFailed
from terrakube_site.sentences import marked as _
from terrakube_site.terraform.versions import Version, VersionRange

from .platform import PLATFORM

DEFAULT_INDEXES = {
    "terraform": "https://releases.hashicorp.com/terraform/index.json",
    "tofu": "https://api.github.com/repos/opentofu/opentofu/releases?per_page=100",
}
_BLOCK = 256 * 1024
_READ_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Release:
    """Location of one version's zip for this machine, and of its checksum file ("" if none is named)."""

    version: Version
    file_name: str
    zip_url: str
    checksums_url: str


def install(
    name: str,
    accepted: VersionRange,
    index_url: str,
    directory: Path,
    *,
    have: list[Version],
    control: Control,
    say: Callable[[str], object],
) -> tuple[Version, Path]:
    """Download the highest accepted version into `directory`; return the version and its path; raises StepFailed."""
    index_url = index_url or DEFAULT_INDEXES[name]
    there = ", ".join(str(version) for version in have) or "none"
    wanted = f"{name} {accepted.text!r} is wanted; this image has {there}"
    try:
        releases = read_index(name, json.loads(_get(index_url, control)), index_url)
    except (OSError, ValueError) as error:
        raise StepFailed(
            "tool-missing",
            _("{problem}, and the index of releases cannot be read: {error}."),
            problem=wanted,
            error=_why(error),
        ) from None
    best = accepted.best(releases)
    if best is None:
        newest = f"whose newest is {max(releases)}" if releases else "which has none for this machine"
        raise StepFailed(
            "tool-missing",
            _("{problem}, and the index of releases has no such version ({version})."),
            problem=wanted,
            version=newest,
        )
    release = releases[best]
    if not release.checksums_url:
        raise StepFailed(
            "tool-missing",
            _("{tool} {version} has no checksum file in the index, so it cannot be verified."),
            tool=name,
            version=best,
        )
    say(f"Downloading {name} {best}")
    try:
        path = _download(name, release, directory, control)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise StepFailed(
            "tool-missing",
            _("{tool} {version} could not be downloaded: {error}."),
            tool=name,
            version=best,
            error=_why(error),
        ) from None
    return best, path


def read_index(name: str, index: Any, index_url: str) -> dict[Version, Release]:
    """Return the releases for this machine, from either kind of index. Entries of another shape are left out."""
    found: dict[Version, Release] = {}
    if isinstance(index, dict):
        for text, entry in (index.get("versions") or {}).items():
            version = Version.parse(text)
            for build in entry.get("builds") or ():
                if version is None or f"{build.get('os')}_{build.get('arch')}" != PLATFORM:
                    continue
                zip_url = urljoin(index_url, build.get("url") or "")
                sums = entry.get("shasums")
                found[version] = Release(
                    version,
                    build.get("filename") or zip_url.rpartition("/")[2],
                    zip_url,
                    urljoin(zip_url, sums) if sums else "",
                )
        return found
    for entry in index:
        version = Version.parse(entry.get("name") or entry.get("tag_name") or "")
        assets = {asset.get("name"): asset.get("browser_download_url") for asset in entry.get("assets") or ()}
        file_name = f"{name}_{version}_{PLATFORM}.zip"
        if version is not None and assets.get(file_name):
            sums = assets.get(f"{name}_{version}_SHA256SUMS")
            found[version] = Release(
                version, file_name, urljoin(index_url, assets[file_name]), urljoin(index_url, sums) if sums else ""
            )
    return found


def _download(name: str, release: Release, directory: Path, control: Control) -> Path:
    sums = _get(release.checksums_url, control).decode(errors="replace")
    expected = next((line.split()[0] for line in sums.splitlines() if line.split()[1:] == [release.file_name]), None)
    if expected is None:
        raise ValueError(f"the checksum file does not name {release.file_name}")
    target = directory / name / str(release.version)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=".part-", dir=target.parent))
    try:
        archive = part / "download.zip"
        actual = _fetch(release.zip_url, archive, control)
        if actual != expected.lower():
            raise ValueError(f"its SHA-256 is {actual}, the release says {expected}")
        with zipfile.ZipFile(archive) as content, content.open(name) as binary, (part / name).open("wb") as out:
            shutil.copyfileobj(binary, out, _BLOCK)
        archive.unlink()
        (part / name).chmod(0o755)
        part.chmod(0o755)
        try:
            part.rename(target)
        except OSError:
            # Another process was quicker; its file was verified in the same way.
            if not (target / name).is_file():
                raise
        return target / name
    except KeyError:
        raise ValueError(f"the archive holds no {name}") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _get(url: str, control: Control) -> bytes:
    content = bytearray()
    for block in _blocks(url, control):
        content += block
    return bytes(content)


def _fetch(url: str, path: Path, control: Control) -> str:
    digest = hashlib.sha256()
    with path.open("wb") as out:
        for block in _blocks(url, control):
            digest.update(block)
            out.write(block)
    return digest.hexdigest()


def _blocks(url: str, control: Control) -> Any:
    control.check()
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url!r} is no http address")
    request = urllib.request.Request(  # noqa: S310 - http alone, see above
        url, headers={"Accept": "application/json, */*", "User-Agent": "terrakube-executor"}
    )
    with urllib.request.urlopen(request, timeout=_READ_SECONDS) as answer:  # noqa: S310
        while block := answer.read(_BLOCK):
            control.check()
            yield block


def _why(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP status {error.code}"
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    return str(error)
