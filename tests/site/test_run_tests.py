"""scripts/run_tests.py: what fails in a whole run is tried once more by itself, if it is little."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "run_tests.py"
_TESTS = """
import pathlib, pytest

def test_steady():
    pass

@pytest.mark.xdist_group("group-of_one")
@pytest.mark.parametrize("who", ["mia@home"])
def test_unsteady(who):
    mark = pathlib.Path("was-here")
    there = mark.exists()
    mark.touch()
    assert there

@pytest.mark.parametrize("number", range({broken}))
def test_broken(number):
    with open("tries", "a") as tries:
        tries.write("x")
    assert False
"""


@pytest.mark.parametrize(
    ("broken", "code", "tries", "said"),
    [
        (0, 0, 0, "== UNSTEADY: failed, then passed when tried again: test_some.py::test_unsteady[mia@home]"),
        (1, 1, 2, "== tried again by themselves: test_some.py::test_broken[0], test_some.py::test_unsteady[mia@home]"),
        (3, 1, 3, "4 failed"),
    ],
)
def test_what_fails_is_tried_once_more_if_it_is_little(
    tmp_path: Path, broken: int, code: int, tries: int, said: str
) -> None:
    (tmp_path / "test_some.py").write_text(_TESTS.replace("{broken}", str(broken)))
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = xdist_group\naddopts = -p xdist\n")
    arguments = ["-n", "1", "--dist", "loadgroup", "-q"]
    # Each of the four processes would else load every plugin that is installed.
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, _SCRIPT, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, said in done.stdout) == (code, True), done.stdout
    kept = tmp_path / "tries"
    assert (len(kept.read_text()) if kept.exists() else 0) == tries
    if code:
        assert "UNSTEADY" not in done.stdout
