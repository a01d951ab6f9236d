"""Each import contract of pyproject.toml refuses an import that it is there to refuse."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.draw_layers import ROOF

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("terrakube_site", "workspaces", "vcs", "executors", "tfe")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS = {contract["name"]: contract for contract in PROJECT["tool"]["importlinter"]["contracts"]}

BREACHES = [
    ("workspaces know nothing of executors", "workspaces/services/planted.py", "from executors import choices"),
    ("workspaces know nothing of executors", "workspaces/pods/planted.py", "import kubernetes"),
    ("workspaces know nothing of executors", "workspaces/services/planted.py", "from vcs import choices"),
    (
        "connections and webhooks know nothing of executors",
        "vcs/connections/planted.py",
        "from executors.contract import exit_codes",
    ),
    ("executors know nothing of the protocol of terminals", "executors/runs/planted.py", "from tfe import lookup"),
    ("only executors.cluster.api imports kubernetes", "executors/watching/planted.py", "import kubernetes.client"),
    (
        "the program in the pod stands on the standard library alone",
        "executors/contract/planted.py",
        "from django.utils import timezone",
    ),
    ("the program in the pod stands on the standard library alone", "executors/agent/planted.py", "import requests"),
    (
        "the site knows the program in the pod by their contract alone",
        "executors/launching/planted.py",
        "from executors.agent import claim",
    ),
    ("settings import no application", "terrakube_site/settings.py", "from workspaces import choices"),
    ("the ground floor imports nothing above it", "terrakube_site/http/planted.py", "from workspaces import choices"),
    ("the ground floor imports nothing above it", "terrakube_site/keys.py", "from terrakube_site import urls"),
    (
        "no two parts of a package import each other",
        "workspaces/pods/planted.py",
        "from workspaces.services import workspaces",
    ),
    (
        "no two parts of a package import each other",
        "executors/cluster/planted.py",
        "from executors.launching import launcher",
    ),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The modules alone, in a folder of their own, with what was read of them so far."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("pyproject.toml", "scripts/import_contracts.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    for package in PACKAGES:
        for source in (ROOT / package).rglob("*.py"):
            target = folder / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    return folder


@pytest.fixture
def planted(copy: Path, request: pytest.FixtureRequest) -> Iterator[None]:
    path, line = copy / request.param[0], request.param[1]
    before = path.read_text() if path.exists() else None
    path.write_text(f"{before or ''}\n{line}\n")
    yield
    if before is None:
        path.unlink()
    else:
        path.write_text(before)


def broken(copy: Path) -> set[str]:
    """The names of the contracts that the copy breaks."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo"]
    said = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    found = {name for name in CONTRACTS if f"{name} BROKEN" in said.stdout}
    kept = {name for name in CONTRACTS if f"{name} KEPT" in said.stdout}
    assert found | kept == CONTRACTS.keys(), said.stdout + said.stderr
    assert said.returncode == (1 if found else 0)
    return found


def test_the_code_keeps_them_all(copy: Path) -> None:
    assert broken(copy) == set()


@pytest.mark.parametrize(
    ("name", "planted"),
    [(name, (path, line)) for name, path, line in BREACHES],
    indirect=["planted"],
    ids=[f"{path}: {line}" for _, path, line in BREACHES],
)
def test_a_planted_import_breaks_its_contract(name: str, planted: None, copy: Path) -> None:
    assert name in broken(copy)


def test_each_contract_is_tried() -> None:
    assert {name for name, _, _ in BREACHES} == CONTRACTS.keys()


def test_every_module_of_the_site_is_ground_floor_or_roof() -> None:
    contract = CONTRACTS["the ground floor imports nothing above it"]
    floor = set(contract["source_modules"])
    roof = {f"terrakube_site.{name}" for name in ROOF}
    assert roof == {name for name in contract["forbidden_modules"] if "." in name}
    assert not floor & roof
    paths = (ROOT / "terrakube_site").iterdir()
    there = {path.stem for path in paths if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert {f"terrakube_site.{name}" for name in there - {"__init__"}} == floor | roof
