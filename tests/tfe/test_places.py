"""The list of tests beside a live site that run on this machine alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tfe import live
from tests.tfe.live.places import MACHINE_ALONE, VARIABLE, in_pods


def test_the_list_names_modules_that_exist() -> None:
    (folder,) = live.__path__
    assert {path.stem for path in Path(folder).glob("test_*.py")} >= MACHINE_ALONE.keys()


def test_a_place_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for place, expected in (("", False), ("machine", False), ("pods", True)):
        monkeypatch.setenv(VARIABLE, place)
        assert in_pods() == expected
    monkeypatch.setenv(VARIABLE, "moon")
    with pytest.raises(pytest.UsageError, match="moon"):
        in_pods()
