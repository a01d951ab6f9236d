"""A configuration means through the site what it means at a terminal, but for the differences that are listed."""

from __future__ import annotations

import json

import pytest

from tests.configurations.differences import DIFFERENCES, listed
from tests.configurations.facts import ABSENT, differing
from tests.configurations.kinds import CASES
from tests.configurations.matrix import EVERYDAY_IN_PODS, ROWS, Row
from tests.configurations.runs import Runs


@pytest.mark.cluster
@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.parametrize("row", ROWS)
def test_the_site_runs_it_as_a_terminal_does(row: Row, runs: Runs) -> None:
    terminal, site = runs.facts(row)
    found, known = differing(terminal, site), listed(row)
    lines = [
        f"{name}\n{place:10}{json.dumps(facts.get(name, ABSENT))}"
        for name in sorted(found | known)
        for place, facts in (("terminal:", terminal), ("site:", site))
    ]
    assert listed(row, clocks=False) <= found <= known, "\n".join(
        [f"differs: {sorted(found)}", f"listed:  {sorted(known)}", *lines]
    )


def test_there_are_enough_configurations_and_each_has_its_own_name() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names)) >= 80
    assert set(names) >= {difference.case for difference in DIFFERENCES} | EVERYDAY_IN_PODS
