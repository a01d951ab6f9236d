"""The list of go-tfe's tests: which must pass, and why each of the others is left out.

A line is a word, a test, and a reason where there is one; ``#`` begins a comment::

    run   TestOrganizationsDelete
    less  TestOrganizationsList/with_list_options    itself: go-tfe skips it
    out   TestAdminRuns_List_RunDependent            hosted: administration of Terraform Enterprise

``run`` must pass, ``beta`` too, with ENABLE_BETA set; ``less`` is a subtest that is left out of such a test; ``out`` is
a whole test that is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

LIST = Path(__file__).parent / "list.txt"
KINDS = {
    "absent": "the site has no such thing",
    "beta": "go-tfe skips it without ENABLE_BETA",
    "differs": "the site means to answer otherwise",
    "external": "it needs a service outside",
    "hosted": "of HCP Terraform or the administration of Terraform Enterprise",
    "itself": "go-tfe skips it here",
    "open": "the site should pass it and does not yet",
}
"""The kinds of reasons."""


@dataclass(frozen=True)
class Listed:
    """What the list says; reasons are ``kind: text``, keyed by test or subtest."""

    run: tuple[str, ...]
    beta: frozenset[str] = frozenset()
    """Those of them that go-tfe runs with ENABLE_BETA alone."""
    less: dict[str, str] = field(default_factory=dict)
    out: dict[str, str] = field(default_factory=dict)

    def without(self, test: str) -> list[str]:
        """Return the subtests that are left out of a test."""
        return [name for name in self.less if name.split("/")[0] == test]


def read(lines: Iterable[str]) -> Listed:
    """Read the lines of a list. Raises ValueError for one that is none, naming it."""
    run: dict[str, None] = {}
    beta: set[str] = set()
    less: dict[str, str] = {}
    out: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        word, name, *rest = line.split(maxsplit=2)
        reason = rest[0].strip() if rest else ""
        if name in run or name in less or name in out:
            raise ValueError(f"line {number}: {name} is listed twice")
        kind, _, text = reason.partition(": ")
        if word in ("run", "beta") and not reason and "/" not in name:
            run[name] = None
            beta |= {name} if word == "beta" else set()
        elif word == "less" and "/" in name and name.split("/")[0] in run and kind in KINDS and text:
            less[name] = reason
        elif word == "out" and "/" not in name and kind in KINDS and text:
            out[name] = reason
        else:
            raise ValueError(f"line {number}: {line.strip()}")
    return Listed(tuple(run), frozenset(beta), less, out)


def faults(listed: Listed, tests: Iterable[str]) -> list[str]:
    """Return what the list says wrong about the tests that the module has."""
    known, have = {*listed.run, *listed.out}, set(tests)
    return [
        *(f"{name} is in the module and not in the list" for name in sorted(have - known)),
        *(f"{name} is in the list and not in the module" for name in sorted(known - have)),
    ]
