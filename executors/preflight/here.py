"""What of this installation meets a configuration: the platform of its steps, tools and mirrors of providers."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from executors.installation.settings import installation
from terrakube_site.terraform.versions import Version

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_DATA_FOLDERS = "/usr/local/share:/usr/share"


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """Where steps run. ``mirrors`` are folders of providers, empty where they cannot be seen from here.

    ``mounted`` is the folder of a ConfigMap in the pod, "" without one.
    """

    platform: str
    mirrors: tuple[Path, ...] = ()
    tools: tuple[Version, ...] = ()
    mounted: str = ""
    in_pods: bool = False

    def may_have_file(self, path: str) -> bool:
        """Return whether steps find a file, as far as that can be seen from here."""
        if self.in_pods:
            return bool(self.mounted) and Path(path).is_relative_to(self.mounted)
        return Path(path).is_file()


def this_machine(tool: str) -> Here:
    """Return what steps on this machine have."""
    shared = os.environ.get("XDG_DATA_DIRS") or _DATA_FOLDERS
    return Here(
        platform=f"linux_{_ARCHITECTURES.get(platform.machine(), platform.machine())}",
        mirrors=tuple(Path(folder) / "terraform" / "plugins" for folder in shared.split(":") if folder),
        tools=tuple(_tools(tool)),
    )


def in_pods(architecture: str, mirrors: tuple[Path, ...], mounted: str) -> Here:
    """Return what steps in pods have; ``mirrors`` are copies of their image's or volume's."""
    return Here(platform=f"linux_{architecture}", mirrors=mirrors, mounted=mounted, in_pods=True)


def _tools(tool: str) -> list[Version]:
    """Return the versions in the folder of tools, of which a range takes the highest."""
    try:
        names = [path.name for path in (installation().local_work_dir / "tools" / tool).iterdir()]
    except OSError:
        return []
    return [version for name in names if (version := Version.parse(name)) is not None]
