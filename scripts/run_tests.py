"""Run pytest; when only a few tests fail, try those once more by themselves, and name what passed then.

Most tests talk to real pods, databases, browsers and git on a machine that is kept busy, and one among thousands may
fail for a reason that is not the change's. Such a test is not forgotten: a line names it as unsteady, for somebody to
look at. A test that fails twice fails the run, and so do more than a few that fail.

    python scripts/run_tests.py ARGUMENTS FOR PYTEST…
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

MOST_FAILED = 3
# xdist's loadgroup adds the group to a test's name.
_GROUP = re.compile(r"@[\w-]+$")


def run_tests(arguments: Sequence[str]) -> int:
    """Return pytest's exit code, 0 if what failed passed when it was tried again."""
    with tempfile.TemporaryDirectory() as cache:
        code = _pytest("-o", f"cache_dir={cache}", *arguments)
        failed = _failed(Path(cache)) if code == 1 else []
    if not 0 < len(failed) <= MOST_FAILED:
        return code
    _say("tried again by themselves", failed)
    code = _pytest("-p", "no:cacheprovider", *failed)
    if code == 0:
        _say("UNSTEADY: failed, then passed when tried again", failed)
    return code


def _pytest(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False).returncode


def _failed(cache: Path) -> list[str]:
    """Return the names of the tests that failed, without xdist's groups."""
    kept = cache / "v" / "cache" / "lastfailed"
    return sorted({_GROUP.sub("", name) for name in json.loads(kept.read_text())}) if kept.exists() else []


def _say(what: str, names: Sequence[str]) -> None:
    print(f"== {what}: {', '.join(names)}", flush=True)


if __name__ == "__main__":
    sys.exit(run_tests(sys.argv[1:]))
