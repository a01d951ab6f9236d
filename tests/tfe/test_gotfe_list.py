"""The list of go-tfe's tests says of each once whether it must pass, and why not; how a run of one is read."""

from __future__ import annotations

import pytest

from tests.tfe.gotfe import listed as lists
from tests.tfe.gotfe.outcomes import outcome_of

OUTPUT = """\
=== RUN   TestA
=== RUN   TestA/one
    a_test.go:3: no
--- FAIL: TestA (0.10s)
    --- FAIL: TestA/one (0.05s)
        --- PASS: TestA/one/deep (0.05s)
    --- SKIP: TestA/two (0.00s)
FAIL
"""


def test_the_list_can_be_read() -> None:
    found = lists.read(lists.LIST.read_text(encoding="utf-8").splitlines())
    assert found.run
    assert found.out


def test_a_line_without_a_reason_is_refused() -> None:
    assert lists.read(["run TestA", "less TestA/b  open: c", "out TestD  beta: e"]).without("TestA") == ["TestA/b"]
    for line in ("out TestB", "out TestB  because", "less TestB/c  open: d", "run TestA", "walk TestB"):
        with pytest.raises(ValueError, match="line 2"):
            lists.read(["run TestA", line])


def test_a_test_in_no_list_is_a_fault() -> None:
    listed = lists.read(["run TestA", "out TestB  beta: c"])
    assert lists.faults(listed, ["TestA", "TestB"]) == []
    assert len(lists.faults(listed, ["TestA", "TestC"])) == 2


def test_results_are_read_from_the_output() -> None:
    found = outcome_of("TestA", OUTPUT)
    assert dict(found.results) == {"TestA": "FAIL", "TestA/one": "FAIL", "TestA/one/deep": "PASS", "TestA/two": "SKIP"}
    assert not found.passed
    assert not outcome_of("TestB", "panic: no").passed
