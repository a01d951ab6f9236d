"""The providers that a module requires, those of its lock file, and those of a mirror on the disk."""

from __future__ import annotations

import base64
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from terrakube_site.terraform.versions import Version

from .blocks import hcl_blocks
from .files import configuration_files, read_blocks

LOCK_FILE = ".terraform.lock.hcl"
_SOURCE = re.compile(r'"?\bsource"?\s*[=:]\s*"([^"]*)"')
_VERSION = re.compile(r'"?\bversion"?\s*[=:]\s*"([^"]*)"')
_HASH = re.compile(r'"((?:h1|zh):[^"]+)"')


@dataclass(frozen=True, slots=True)
class Requirement:
    """One mention of a provider, or of the tool itself, with a version constraint."""

    name: str  # host/namespace/type, or "" for the tool
    constraint: str
    place: str


@dataclass(frozen=True, slots=True)
class LockedProvider:
    """One provider of the lock file."""

    name: str
    version: str
    hashes: frozenset[str]
    place: str


def requirements(module: Path, *, tofu: bool) -> Iterator[Requirement]:
    """Return the constraints of a module's own files. Raises OSError."""
    for path in configuration_files(module, tofu=tofu):
        for block in read_blocks(path):
            if block.kind != "terraform":
                continue
            place = f"{path.name}:{block.line}" if block.line else path.name
            if block.text("required_version"):
                yield Requirement("", block.text("required_version"), place)
            for inner in block.inner("required_providers"):
                place = f"{path.name}:{inner.line}" if inner.line else path.name
                for local, text in inner.attributes.items():
                    source = match[1] if (match := _SOURCE.search(text)) else local
                    version = match[1] if (match := _VERSION.search(text)) else ""
                    yield Requirement(full_name(source, tofu=tofu), version or _plain(text), place)


def locked_providers(module: Path) -> list[LockedProvider]:
    """Return the providers of a module's lock file."""
    try:
        blocks = hcl_blocks((module / LOCK_FILE).read_text(errors="replace"))
    except OSError:
        return []
    return [
        LockedProvider(
            block.label,
            block.text("version"),
            frozenset(_HASH.findall(block.attributes.get("hashes", ""))),
            f"{LOCK_FILE}:{block.line}",
        )
        for block in blocks
        if block.kind == "provider"
    ]


def full_name(source: str, *, tofu: bool) -> str:
    """Return host/namespace/type of a provider's source address."""
    parts = source.lower().split("/")
    host = "registry.opentofu.org" if tofu else "registry.terraform.io"
    return "/".join([host, "hashicorp", *parts][-3:] if len(parts) == 1 else [host, *parts][-3:])


def mirrored_versions(mirrors: Iterable[Path], name: str, platform: str) -> dict[Version, Path]:
    """Return the versions of a provider in these mirrors for a platform, packed or not."""
    found: dict[Version, Path] = {}
    for folder in (mirror.joinpath(*name.split("/")) for mirror in mirrors):
        kind = name.rpartition("/")[2]
        packed = re.compile(rf"terraform-provider-{re.escape(kind)}_(.+)_{re.escape(platform)}\.zip")
        for entry in _entries(folder):
            match = packed.fullmatch(entry.name)
            version = Version.parse(match[1] if match else entry.name)
            path = entry if match else entry / platform
            if version is not None and path.exists():
                found.setdefault(version, path)
    return found


def package_hashes(package: Path) -> frozenset[str]:
    """Return the checksums that a lock file may have of a package: h1, and zh of one that is packed. Raises OSError."""
    if package.is_dir():
        files = {str(path.relative_to(package)): path for path in package.rglob("*") if path.is_file()}
        return frozenset({_h1({name: _sha256(path) for name, path in files.items()})})
    with zipfile.ZipFile(package) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        sums = {name: sha256(archive.read(name)).hexdigest() for name in names}
    return frozenset({_h1(sums), f"zh:{_sha256(package)}"})


def _h1(sums: dict[str, str]) -> str:
    # https://pkg.go.dev/golang.org/x/mod/sumdb/dirhash#Hash1
    lines = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
    return "h1:" + base64.b64encode(sha256(lines.encode()).digest()).decode()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        digest = sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _plain(text: str) -> str:
    """Return a constraint that stands alone, as before terraform 0.13."""
    return "" if text.startswith("{") else text.strip('"')
