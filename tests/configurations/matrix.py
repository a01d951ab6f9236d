"""Every configuration with each program and in each place, and those of these that every test run tries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.configurations.case import Case
from tests.configurations.kinds import CASES
from workspaces.choices import IacType

EVERYDAY_IN_PODS = {
    "sibling-modules", "script-makes-a-file", "ephemeral-variable", "paths-of-the-folder", "git-module", "time-static",
}  # fmt: skip
"""What hangs on the place; other everyday cases run on this machine alone, by one of the programs."""


@dataclass(frozen=True, eq=False)
class Row:
    """One configuration with one program in one place; ``number`` is the case's among all."""

    case: Case
    program: IacType
    in_pods: bool
    number: int

    @property
    def name(self) -> str:
        return f"{self.case.name}-{self.program}-{'pod' if self.in_pods else 'machine'}"

    @property
    def everyday(self) -> bool:
        programs = self.case.programs
        if not self.case.everyday or self.program != programs[self.number % len(programs)]:
            return False
        return not self.in_pods or self.case.name in EVERYDAY_IN_PODS


def _rows() -> Iterator[Row]:
    for number, case in enumerate(CASES):
        for program in case.programs:
            for in_pods in (False, True):
                yield Row(case, program, in_pods, number)


ROWS = [
    pytest.param(
        row,
        id=row.name,
        marks=[pytest.mark.configurations, *([pytest.mark.everyday] if row.everyday else [])],
    )
    for row in _rows()
]
