"""Each recorded incident is decided as it was then; a report from a user becomes a test by its bundle alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from executors.incidents.replaying import replay

FOLDER = Path(__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
WHAT_THEY_SHOW = {
    "deadline": ("nothing", "deadline"),
    "evicted": ("reword", "evicted"),
    "image-registry-unreachable": ("replace", "image-registry-unreachable"),
    "out-of-memory": ("lose", "oom-killed"),
    "pod-removed-at-once": ("nothing", "pod-deleted"),
    "quota-refused": ("fail", "start-timeout"),
    "unschedulable": ("replace", "unschedulable-selector"),
}


@pytest.mark.parametrize("name", NAMES)
def test_an_incident_is_decided_as_it_was_then(name: str) -> None:
    looks = replay(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))
    assert looks, "it shows nothing"
    assert [f"then {look.then}, now {look.now}" for look in looks if look.differs] == []


@pytest.mark.parametrize("name", WHAT_THEY_SHOW)
def test_what_an_incident_shows_is_still_in_it(name: str) -> None:
    last = replay(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))[-1]
    assert (last.now.act, last.now.code) == WHAT_THEY_SHOW[name]
