"""What a run of one test says about it and its subtests."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(r"^ *--- (PASS|FAIL|SKIP): (\S+) \(", re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    """How a test ended: PASS, FAIL or SKIP for it and each subtest; what it said."""

    test: str
    results: Mapping[str, str]
    output: str

    @property
    def passed(self) -> bool:
        """Whether it ran and nothing of it failed."""
        return self.results.get(self.test) == "PASS"

    def named(self, result: str) -> list[str]:
        """Return the test and subtests that ended so."""
        return [name for name, found in self.results.items() if found == result]


def outcome_of(test: str, output: str) -> Outcome:
    """Return what the verbose output of a test tells; a test that did not end has failed."""
    results = {name: result for result, name in _LINE.findall(output)}
    results.setdefault(test, "FAIL")
    return Outcome(test, results, output)


def run(program: Path, test: str, without: Sequence[str], environ: Mapping[str, str], seconds: float) -> Outcome:
    """Run one test without some of its subtests."""
    command = [str(program), "-test.v", "-test.run", f"^{test}$", "-test.timeout", f"{seconds:.0f}s"]
    if without:
        patterns = ("/".join(f"^{re.escape(part)}$" for part in name.split("/")) for name in without)
        command += ["-test.skip", "|".join(patterns)]
    done = subprocess.run(
        command,
        cwd=program.parent,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=seconds + 60,
    )
    return outcome_of(test, done.stdout.decode(errors="replace"))
