"""Simulated histories of steps: none is wrong, the same seed is the same history, and planted faults are found.

They run in processes of their own, since they have a clock and a database of their own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.found import SEEDS
from tests.simulation.planted import PLANTED

# In one process, or the planted faults would be looked for in each.
pytestmark = pytest.mark.xdist_group("simulation")
_ROOT = Path(__file__).parents[2]
HISTORIES = 60
COMPARED = 5
"""Histories in which each query is built anew as well."""
MOST = 5_000
"""Histories within which a planted fault must be found."""


def _simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    return subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def many() -> dict[str, Any]:
    """The figures of the first histories, of which none was wrong and no query another than Django's."""
    answer = _simulate("--json", "--histories", str(HISTORIES), "--compare", str(COMPARED))
    assert answer.returncode == 0, answer.stdout + answer.stderr
    figures: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return figures


def test_no_history_is_wrong(many: dict[str, Any]) -> None:
    assert many["histories"] == HISTORIES
    assert many["wrong"] == 0


def test_each_planted_fault_has_a_seed() -> None:
    assert SEEDS.keys() == PLANTED.keys()
    assert max(SEEDS.values()) < MOST


@pytest.fixture(scope="module")
def planted() -> dict[str, Any]:
    answer = _simulate("--planted", "all", "--known", "--json", "--histories", str(MOST))
    planted: dict[str, Any] = json.loads(answer.stdout)
    return planted


@pytest.fixture
def found(planted: dict[str, Any]) -> dict[str, Any]:
    """For each planted fault, the seed that found it."""
    found: dict[str, Any] = planted["found"]
    return found


def test_a_history_can_be_repeated_by_its_seed_and_by_its_choices(
    many: dict[str, Any], planted: dict[str, Any]
) -> None:
    """Two processes, which order their sets differently."""
    assert many["sample"]
    assert many["sample"] == planted["sample"]


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(found: dict[str, Any], name: str) -> None:
    assert found[name]["seed"] is not None, found[name]
    assert found[name]["seed"] < MOST
