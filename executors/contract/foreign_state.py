"""A state file that lies in a source, which a step does not touch."""

from __future__ import annotations

import json
from pathlib import Path

STATE_FILE = "terraform.tfstate"


def holds_state(folder: Path) -> bool:
    """Return whether a folder has a state file with something in it."""
    try:
        state = json.loads((folder / STATE_FILE).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(state, dict) and bool(
        state.get("resources") or state.get("outputs") or state.get("encrypted_data")
    )
