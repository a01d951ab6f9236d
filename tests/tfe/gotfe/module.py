"""go-tfe's source: fetched as a Go module, copied, fitted to this site in two places, its tests compiled."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

VERSION = "v1.111.2"
_MODULE = f"github.com/hashicorp/go-tfe@{VERSION}"
_EDITS = (
    # terraform has this one built in, so that nothing is fetched.
    ("test-fixtures/config-version/main.tf", '"null_resource"', '"terraform_data"'),
    # The name of a variable begins with a letter, which this site holds already when it is saved.
    ("helper_test.go", "\t}\n\treturn v\n", '\t}\n\treturn "r" + v[1:]\n'),
)
_SECONDS = 3600


def compiled(folder: Path) -> Path:
    """Return the program of go-tfe's tests, in whose folder they must run; compile it unless it is there."""
    source = folder / VERSION
    program = source / "go-tfe.test"
    if not program.exists():
        _copy(source)
        _go(["test", "-vet=off", "-c", "-o", str(program), "."], source)
    return program


def tests_of(program: Path) -> list[str]:
    """Return the tests of the module."""
    done = subprocess.run([program, "-test.list", "."], cwd=program.parent, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if line.startswith("Test")]


def _copy(source: Path) -> None:
    shutil.rmtree(source, ignore_errors=True)
    source.parent.mkdir(parents=True, exist_ok=True)
    fetched = json.loads(_go(["mod", "download", "-json", _MODULE], source.parent))
    # What the module cache holds is read-only.
    shutil.copytree(fetched["Dir"], source, copy_function=shutil.copyfile)
    for path in (source, *source.rglob("*")):
        path.chmod(path.stat().st_mode | stat.S_IWUSR)
    for name, before, after in _EDITS:
        file = source / name
        text = file.read_text(encoding="utf-8")
        if before not in text:
            raise SystemExit(f"{name} of go-tfe has changed: {before!r} is not in it")
        file.write_text(text.replace(before, after), encoding="utf-8")


def _go(arguments: list[str], folder: Path) -> str:
    # One package at a time, so that other work of the machine goes on.
    environ = os.environ | {"GOFLAGS": "-mod=mod -p=1"}
    done = subprocess.run(
        ["go", *arguments], cwd=folder, env=environ, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"go {' '.join(arguments)} failed:\n{done.stderr}{done.stdout}")
    return done.stdout
