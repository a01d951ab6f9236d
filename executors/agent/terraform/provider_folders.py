"""Let init find other versions of the providers that the image or a volume has.

terraform takes a provider that one of its local folders has from there alone: any other version is "not available". To
ask the registry for all of them would fail where no registry is within reach, and download what is there. So init runs
as at a terminal first, and a second time with the registry for what it missed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from .init_output import InitErrors

_DEFAULT_HOSTS = {"terraform": "registry.terraform.io", "tofu": "registry.opentofu.org"}
_PLAIN = re.compile(r"[^\"\\$\x00-\x1f]+")


def cli_configuration(errors: InitErrors, folder: Path, environment: Mapping[str, str], tool: str) -> str | None:
    """Return a CLI configuration with which init finds in the registry what it missed in its local folders.

    None if it missed nothing there, or if the workspace configures where providers come from.
    """
    missed = {_full_name(name, tool) for name in errors.unavailable | errors.other_checksums}
    folders = {path: local for path in _folders(folder, environment, tool) if (local := _providers(path))}
    local = frozenset[str]().union(*folders.values())
    own = _own_configuration(folder, environment, tool)
    if not missed & local or own is None:
        return None
    mirrors = "".join(
        f"  filesystem_mirror {{\n    path = {json.dumps(str(path))}\n    exclude = {_list(missed)}\n  }}\n"
        for path in folders
    )
    return f"{own}\nprovider_installation {{\n{mirrors}  direct {{\n    exclude = {_list(local - missed)}\n  }}\n}}\n"


def _full_name(name: str, tool: str) -> str:
    return name if name.count("/") == 2 else f"{_DEFAULT_HOSTS[tool]}/{name}"


def _list(names: Iterable[str]) -> str:
    return json.dumps(sorted(names))


def _providers(folder: Path) -> frozenset[str]:
    """Return the providers in a folder, by their full names."""
    found = (path.relative_to(folder).as_posix() for path in folder.glob("*/*/*") if path.is_dir())
    return frozenset(name for name in found if _PLAIN.fullmatch(name))


def _folders(folder: Path, environment: Mapping[str, str], tool: str) -> Iterable[Path]:
    """Return the folders in which the tool looks without any configuration."""
    home = _home(environment)
    data = [environment.get("XDG_DATA_HOME") or str(home / ".local/share")]
    data += (environment.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":")
    found = [folder / "terraform.d/plugins", home / ".terraform.d/plugins"]
    found += [_xdg_configuration(environment) / "plugins"] if tool == "tofu" else []
    found += [Path(path, "terraform/plugins") for path in data if path.startswith("/")]
    return [path for path in dict.fromkeys(found) if _PLAIN.fullmatch(str(path))]


def _own_configuration(folder: Path, environment: Mapping[str, str], tool: str) -> str | None:
    """Return the workspace's own CLI configuration, None if it says already where providers come from."""
    if "-plugin-dir" in environment.get("TF_CLI_ARGS", "") + environment.get("TF_CLI_ARGS_init", ""):
        return None
    try:
        texts = [path.read_text() for path in _own_files(folder, environment, tool)]
    except (OSError, ValueError):
        return None
    # JSON cannot be joined with ours.
    if any("provider_installation" in text or text.lstrip().startswith("{") for text in texts):
        return None
    return "\n".join(texts)


def _own_files(folder: Path, environment: Mapping[str, str], tool: str) -> list[Path]:
    given = environment.get("TF_CLI_CONFIG_FILE") or environment.get("TERRAFORM_CONFIG")
    if given:
        return [folder / given]
    home, xdg = _home(environment), _xdg_configuration(environment)
    main = [home / ".tofurc"] if tool == "tofu" else []
    main += [home / ".terraformrc"]
    main += [xdg / "tofurc"] if tool == "tofu" else []
    more = [home / ".terraform.d", *([xdg] if tool == "tofu" else [])]
    files = [path for path in main if path.is_file()][:1]
    return files + [
        path
        for place in more
        for path in sorted([*place.glob("*.tfrc"), *place.glob("*.tfrc.json")])
        if path.name != "credentials.tfrc.json"
    ]


def _home(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("HOME") or os.path.expanduser("~"))


def _xdg_configuration(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("XDG_CONFIG_HOME") or _home(environment) / ".config") / "opentofu"
