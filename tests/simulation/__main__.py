"""Simulate histories of steps, and say whether one is wrong: ``python -m tests.simulation --help``."""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import logging
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.simulation import environment
from tests.simulation.pieces import Log, digest_of_code, pieces
from tests.simulation.shrinking import as_text, from_text, shrunk

if TYPE_CHECKING:
    from tests.simulation.runs import Runner
    from tests.simulation.world import Outcome

PROGRESS_SECONDS = 30.0
SAMPLE = 11
"""The seed of a history that must be the same each time."""


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--histories", type=int, default=1000, help="how many (1000)")
    parser.add_argument("--first", "--from", type=int, default=0, metavar="SEED", help="the first one's seed (0)")
    parser.add_argument("--processes", type=int, default=1, help="how many at once (1)")
    parser.add_argument(
        "--log", type=Path, metavar="FILE", help="keep in FILE what is done, and go on there the next time"
    )
    parser.add_argument(
        "--share", default="0/1", metavar="N/OF", help="only this process's share, counted from 0 (0/1)"
    )
    parser.add_argument("--seed", type=int, help="repeat the history of this seed, and tell it")
    parser.add_argument("--choices", help="repeat the history of these choices, as a failure prints them, and tell it")
    parser.add_argument(
        "--planted", action="append", metavar="NAME", help="with this fault in the product; 'all': each"
    )
    parser.add_argument("--known", action="store_true", help="begin where each planted fault was found last")
    parser.add_argument(
        "--compare", type=int, default=0, metavar="N", help="build the queries of the first N anew, and compare"
    )
    parser.add_argument("--json", action="store_true", help="write figures as JSON")
    return parser.parse_args()


def _say(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    asked = _asked()
    if asked.processes > 1:
        return _in_processes(asked)
    with tempfile.TemporaryDirectory(prefix="simulation.") as folder:
        environment.set_up(folder)
        import django

        django.setup()
        logging.disable(logging.CRITICAL)
        from tests.simulation import quick_records, recorded_queries
        from tests.simulation.runs import Runner

        recorded_queries.record_queries()
        quick_records.make_records_quickly()
        runner = Runner()
        # Nothing that is here now will ever be garbage.
        gc.freeze()
        gc.set_threshold(100_000)
        if asked.seed is not None or asked.choices is not None:
            return _tell(runner, asked)
        if asked.planted:
            return _find_planted(runner, asked)
        return _many(runner, asked)


def _tell(runner: Runner, asked: argparse.Namespace) -> int:
    from tests.simulation.planted import PLANTED, Planted

    fault = PLANTED[asked.planted[0]] if asked.planted else Planted("", list)
    with fault.in_place():
        outcome = runner.history(asked.seed or 0, None if asked.choices is None else from_text(asked.choices))
    _say("\n".join(outcome.lines))
    _say(f"choices: {as_text(outcome.choices)}")
    _say("\n".join(outcome.violations) or "nothing is wrong")
    return 1 if outcome.violations else 0


def _sample(runner: Runner) -> str:
    """Return a digest of one history, which is the same in each process; "" if its choices lead to another one."""
    outcome = runner.history(SAMPLE)
    if runner.history(SAMPLE, outcome.choices).lines != outcome.lines:
        return ""
    return hashlib.sha256("\n".join(outcome.lines).encode()).hexdigest()


def _log(asked: argparse.Namespace) -> Log:
    return Log(asked.log, digest_of_code() if asked.log else "")


def _many(runner: Runner, asked: argparse.Namespace) -> int:
    from tests.simulation import recorded_queries

    share, shares = map(int, asked.share.split("/"))
    log = _log(asked)
    # The share before what is left, or two processes that begin at different times would take the same.
    left = log.left(list(pieces(asked.first, asked.histories))[share::shares])
    begin, told = time.process_time(), time.monotonic()
    done, found = 0, 0
    for piece in left:
        before, wrong = time.process_time(), []
        for seed in piece.seeds:
            recorded_queries.CHECKS = done < asked.compare
            outcome = runner.history(seed)
            done += 1
            if outcome.violations:
                wrong.append(seed)
                _report(runner, seed, outcome)
            if time.monotonic() - told > PROGRESS_SECONDS:
                told = time.monotonic()
                of = sum(one.histories for one in left)
                sys.stderr.write(f"simulation: {done} of {of} histories, at seed {seed}, {found + len(wrong)} wrong\n")
        found += len(wrong)
        log.add(piece, wrong, time.process_time() - before)
    figures = {"histories": done, "wrong": found, "cpuSeconds": round(time.process_time() - begin, 1)}
    _say(json.dumps(figures | ({"sample": _sample(runner)} if asked.json else {})))
    return 1 if found else 0


def _report(runner: Runner, seed: int, outcome: Outcome) -> None:
    """Print a wrong history as small as it gets, with the commands that repeat it."""
    again = runner.history(seed)
    if again.lines != outcome.lines:
        _say(f"seed {seed} is another history the second time")
    fewer = shrunk(outcome.choices, outcome.violations, lambda choices: runner.history(seed, choices).violations)
    small = runner.history(seed, fewer)
    _say(f"== seed {seed}", *outcome.violations, "-- as small as it gets", *small.lines)
    _say(f"repeat it: python -m tests.simulation --seed {seed}")
    _say(f'       or: python -m tests.simulation --choices "{as_text(fewer)}"')


def _find_planted(runner: Runner, asked: argparse.Namespace) -> int:
    from tests.simulation.found import SEEDS
    from tests.simulation.planted import PLANTED

    names = list(PLANTED) if "all" in asked.planted else asked.planted
    found: dict[str, Any] = {}
    sample = _sample(runner) if asked.json else ""
    for name in names:
        begin = time.process_time()
        found[name] = {"seed": None, "violation": ""}
        with PLANTED[name].in_place():
            known = [SEEDS[name]] if asked.known and name in SEEDS else []
            for seed in (*known, *range(asked.first, asked.first + asked.histories)):
                violations = runner.history(seed).violations
                if violations:
                    found[name] = {"seed": seed, "violation": violations[0]}
                    break
        found[name]["cpuSeconds"] = round(time.process_time() - begin, 1)
        if not asked.json:
            _say(f"{name}: {found[name]}")
    if asked.json:
        _say(json.dumps({"found": found, "sample": sample}))
    return 0 if all(one["seed"] is not None for one in found.values()) else 1


def _in_processes(asked: argparse.Namespace) -> int:
    number = asked.processes
    children = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.simulation"),
                *("--histories", str(asked.histories), "--first", str(asked.first), "--share", f"{index}/{number}"),
                *(("--log", str(asked.log)) if asked.log else ()),
            ]
        )
        for index in range(number)
    ]
    worst = max(child.wait() for child in children)
    if asked.log:
        log = _log(asked)
        left = sum(piece.histories for piece in log.left(pieces(asked.first, asked.histories)))
        _say(f"{asked.histories - left} of {asked.histories} histories are done; wrong seeds: {log.wrong() or 'none'}")
    return worst


if __name__ == "__main__":
    sys.exit(main())
