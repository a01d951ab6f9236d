"""Jobs and pods as a real cluster showed them, one file for each state; names and addresses are taken out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "recorded"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@dataclass(frozen=True)
class Recorded:
    """One state; ``events`` are those of its pod, where they tell more."""

    job: dict[str, Any] | None
    pods: list[dict[str, Any]]
    events: list[dict[str, Any]]


def recorded(name: str) -> Recorded:
    content = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return Recorded(content["job"], content["pods"], content.get("events", []))
