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
HISTORIES = 150
MOST = 5_000
"""Histories within which a planted fault must be found."""


def _simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    return subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)


def test_no_history_is_wrong() -> None:
    answer = _simulate("--histories", str(HISTORIES))
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert json.loads(answer.stdout.splitlines()[-1])["histories"] == HISTORIES


def test_each_planted_fault_has_a_seed() -> None:
    assert SEEDS.keys() == PLANTED.keys()
    assert max(SEEDS.values()) < MOST


def test_a_history_can_be_repeated_by_its_seed_and_by_its_choices() -> None:
    """Two processes, which order their sets differently."""
    first, second = (_simulate("--seed", "11").stdout for _ in range(2))
    assert "job" in first
    assert first == second


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """For each planted fault, the seed that found it."""
    answer = _simulate("--planted", "all", "--known", "--json", "--histories", str(MOST))
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(found: dict[str, Any], name: str) -> None:
    assert found[name]["seed"] is not None, found[name]
    assert found[name]["seed"] < MOST
