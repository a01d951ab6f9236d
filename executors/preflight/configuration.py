"""Check the files of a configuration: override files, blocks of the state, modules, versions, providers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from executors.contract.foreign_state import STATE_FILE, holds_state
from executors.preflight.findings import Finding, finding
from executors.preflight.here import Here
from executors.preflight.source import Source
from terrakube_site.terraform.configuration.files import (
    configuration_files,
    is_override,
    last_override,
    our_name,
    read_blocks,
    state_blocks,
)
from terrakube_site.terraform.configuration.providers import (
    LockedProvider,
    Requirement,
    locked_providers,
    mirrored_versions,
    package_hashes,
    requirements,
)
from terrakube_site.terraform.constraints import meets
from terrakube_site.terraform.versions import Version, VersionRange
from workspaces.choices import IacType
from workspaces.models import Workspace

_SSH = re.compile(r"git::ssh://|git@|ssh://")
_REGISTRY_MODULE = re.compile(r"(?P<host>[\w-]+(?:\.[\w-]+)+(?::\d+)?)/[\w-]+/[\w-]+/[\w-]+(?://.*)?")


def tool_of(workspace: Workspace) -> str:
    """Return the command of the workspace's tool."""
    return "terraform" if workspace.iac_type == IacType.TERRAFORM else "tofu"


def check_configuration(
    workspace: Workspace, source: Source, here: Here, *, foreign_registry: str = ""
) -> Iterator[Finding]:
    """Check the files of a workspace's folder; ``foreign_registry`` is a host whose modules are not here."""
    assert source.folder is not None  # noqa: S101 - only called with one
    folder, tool = source.folder, tool_of(workspace)
    files = configuration_files(folder, tofu=tool == "tofu")
    if not files:
        yield finding("no-configuration", "folder", tool=tool)
    names = [path.name for path in folder.iterdir()]
    if our_name(names) is None:
        yield finding("override-last", source.place(last_override(names)))
    if holds_state(folder):
        yield finding("state-in-source", source.place(STATE_FILE))
    for path in files:
        if is_override(path.name):
            yield finding("override-file", source.place(path.name))
        for block, line in state_blocks(path):
            yield finding("state-block", source.place(f"{path.name}:{line}" if line else path.name), block=block)
        for module in (block for block in read_blocks(path) if block.kind == "module"):
            place = source.place(f"{path.name}:{module.line}" if module.line else path.name)
            yield from _module(workspace, module.label, module.text("source"), place, foreign_registry)
    needed = list(requirements(folder, tofu=tool == "tofu"))
    yield from _tool_version(workspace, source, needed, here)
    yield from _providers(tool, source, [one for one in needed if one.name], here)


def _module(workspace: Workspace, name: str, address: str, place: str, foreign_registry: str) -> Iterator[Finding]:
    if _SSH.match(address) and workspace.module_ssh_key_id is None:
        yield finding("module-without-key", place, module=name)
    match = _REGISTRY_MODULE.fullmatch(address)
    if foreign_registry and match and _domain(match["host"]) == _domain(foreign_registry):
        yield finding("registry-module", place, module=name, host=match["host"])


def _domain(host: str) -> str:
    """Return what the hosts of one installation share: api.terrakube.example and registry.terrakube.example."""
    name = urlsplit(f"//{host}").hostname or ""
    return name.partition(".")[2] if name.count(".") > 1 else name


def _tool_version(workspace: Workspace, source: Source, needed: list[Requirement], here: Here) -> Iterator[Finding]:
    try:
        accepted = VersionRange(workspace.terraform_version)
    except ValueError:
        # The check of the workspace's own texts tells that.
        return
    version = accepted.exact or accepted.best(here.tools)
    for one in needed:
        if not one.name and version is not None and not _meets(version, one.constraint):
            yield finding(
                "tool-version",
                source.place(one.place),
                constraint=one.constraint,
                tool=tool_of(workspace),
                version=str(version),
            )


def _providers(tool: str, source: Source, needed: list[Requirement], here: Here) -> Iterator[Finding]:
    locked = {one.name: one for one in locked_providers(source.folder)} if source.folder else {}
    for one in needed:
        lock = locked.get(one.name)
        version = Version.parse(lock.version) if lock else None
        if lock and version and not _meets(version, one.constraint):
            yield finding(
                "lock-outdated",
                source.place(lock.place),
                provider=lock.name,
                version=lock.version,
                constraint=one.constraint,
                tool=tool,
            )
            continue
        have = mirrored_versions(here.mirrors, one.name, here.platform)
        if have and not any(found == version if version else _meets(found, one.constraint) for found in have):
            yield finding(
                "not-in-mirror",
                source.place(lock.place if lock else one.place),
                provider=one.name,
                wanted=lock.version if lock else one.constraint,
                versions=", ".join(str(found) for found in sorted(have)),
                platform=here.platform,
            )
    for lock in locked.values():
        yield from _lock_entry(tool, source, lock, here)


def _lock_entry(tool: str, source: Source, lock: LockedProvider, here: Here) -> Iterator[Finding]:
    words = {"provider": lock.name, "version": lock.version, "platform": here.platform, "tool": tool}
    version = Version.parse(lock.version)
    package = mirrored_versions(here.mirrors, lock.name, here.platform).get(version) if version else None
    if package is not None:
        try:
            if not package_hashes(package) & lock.hashes:
                # A registry's own checksums are of all platforms, so its package would still be taken.
                has_registrys = any(text.startswith("zh:") for text in lock.hashes)
                yield finding(
                    "lock-not-mirror" if has_registrys else "lock-platform", source.place(lock.place), **words
                )
        except (OSError, ValueError):
            pass  # terraform tells best what is wrong with a damaged mirror
    elif len(lock.hashes) == 1 and next(iter(lock.hashes)).startswith("h1:"):
        # Without a registry's checksums each platform was locked by itself.
        yield finding("lock-one-platform", source.place(lock.place), **words)


def _meets(version: Version, constraint: str) -> bool:
    try:
        return meets(version, constraint)
    except ValueError:
        # terraform tells best what is wrong with it.
        return True
