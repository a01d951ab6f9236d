# ruff: noqa: T201 - a command of the terminal
"""Run go-tfe's own integration tests against a site of this source: ``python -m tests.tfe.gotfe [TEST…]``.

Fails when a test that must pass by the list does not, or when go-tfe has a test that is not in it. Named tests run
whatever the list says; ``--open`` runs those that should pass and do not yet.
"""

from __future__ import annotations

import argparse
import fnmatch
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.tfe.gotfe import listed as lists
from tests.tfe.gotfe import module, outcomes
from tests.tfe.gotfe.outcomes import Outcome
from tests.tfe.gotfe.site import serving

_SECONDS = 900
_TELLING = 40


def main() -> int:
    arguments = _arguments()
    listed = lists.read(lists.LIST.read_text(encoding="utf-8").splitlines())
    program = module.compiled(arguments.folder)
    tests = module.tests_of(program)
    wrong = lists.faults(listed, tests)
    chosen = _chosen(arguments, listed, tests)
    with (
        tempfile.TemporaryDirectory(prefix="go-tfe-site-") as folder,
        serving(Path(folder), recorded=arguments.record) as environ,
    ):
        found = list(_run(program, chosen, listed, environ, arguments.at_once))
    for line in wrong:
        print(line)
    failed = [outcome for outcome in found if not outcome.passed]
    for outcome in failed:
        print(f"\n=== {outcome.test}\n{_telling(outcome)}")
    print(summary(found, listed, len(tests)))
    return 1 if failed or wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.tfe.gotfe", description=__doc__)
    parser.add_argument(
        "tests", nargs="*", metavar="TEST", help="tests or patterns such as 'TestRuns*'; else all that must pass"
    )
    parser.add_argument("--open", action="store_true", help="those that should pass and do not yet")
    parser.add_argument("--at-once", type=int, default=2, metavar="N", help="how many tests run at once (2)")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write requests and answers to a file")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(tempfile.gettempdir()) / "go-tfe",
        help="where go-tfe is compiled, once for all runs",
    )
    return parser.parse_args()


def _chosen(arguments: argparse.Namespace, listed: lists.Listed, tests: Sequence[str]) -> list[str]:
    if arguments.tests:
        return [test for test in tests if any(fnmatch.fnmatchcase(test, one) for one in arguments.tests)]
    if arguments.open:
        return [test for test in tests if listed.out.get(test, "").startswith("open: ")]
    return [test for test in tests if test in listed.run]


def _run(
    program: Path, chosen: Sequence[str], listed: lists.Listed, environ: Mapping[str, str], at_once: int
) -> Iterable[Outcome]:
    def one(test: str) -> Outcome:
        more = {"ENABLE_BETA": "1"} if test in listed.beta else {}
        outcome = outcomes.run(program, test, listed.without(test), {**environ, **more}, _SECONDS)
        passed, others = len(outcome.named("PASS")), len(outcome.named("FAIL"))
        print(f"{outcome.results[test]:5} {test} ({passed} passed{f', {others} failed' if others else ''})", flush=True)
        return outcome

    with ThreadPoolExecutor(at_once) as pool:
        yield from pool.map(one, chosen)


def _telling(outcome: Outcome) -> str:
    """Return the lines of a test's output that tell why it failed."""
    lines = [line for line in outcome.output.splitlines() if not line.startswith(("=== ", "    --- PASS", "PASS"))]
    return "\n".join(lines[:_TELLING])


def summary(found: Sequence[Outcome], listed: lists.Listed, tests: int) -> str:
    """Return the counts of a run: of test functions alone, and of these with their subtests."""
    functions = Counter(outcome.results[outcome.test] for outcome in found)
    everything = Counter(result for outcome in found for result in outcome.results.values())
    reasons = Counter(reason.split(":")[0] for reason in listed.out.values())
    left_out = ", ".join(f"{count} {kind}" for kind, count in sorted(reasons.items()))
    return "\n".join(
        [
            f"go-tfe {module.VERSION}: {functions['PASS']} of {len(found)} tests passed; with their subtests "
            f"{everything['PASS']} passed, {everything['FAIL']} failed, {everything['SKIP']} skipped themselves",
            f"the module has {tests} tests; left out: {left_out}; and {len(listed.less)} subtests of others",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
