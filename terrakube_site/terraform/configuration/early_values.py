"""Whether tofu needs the values of variables before any command, since it reads nothing without them."""

from __future__ import annotations

import json
from pathlib import Path

from .blocks import Block
from .files import configuration_files, read_blocks


def needs_values_early(module: Path, data_folder: Path) -> bool:
    """Return whether a module's source or version is an expression, here or in a module of it, encryption is set, or
    a provider has instances.

    ``data_folder`` is where init keeps the list of modules.
    """
    try:
        listed = json.loads((data_folder / "modules" / "modules.json").read_text())["Modules"]
        folders = {module, *(module / entry["Dir"] for entry in listed)}
    except (OSError, ValueError, KeyError, TypeError):
        folders = {module}
    files = [path for folder in folders if folder.is_dir() for path in configuration_files(folder, tofu=True)]
    return any(_is_early(block, path.name.endswith(".json")) for path in files for block in read_blocks(path))


def _is_early(block: Block, in_json: bool) -> bool:
    if block.kind == "terraform":
        return bool(block.inner("encryption")) or "encryption" in block.attributes
    if block.kind == "provider":
        return "for_each" in block.attributes
    texts = [block.attributes.get(name, "") for name in ("source", "version")] if block.kind == "module" else []
    return any("${" in text or bool(text and not in_json and not text.startswith('"')) for text in texts)
