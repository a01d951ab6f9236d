"""docs/faults.md is about the tests in tests/faults: it names none that is not there, and leaves out none that is.

So it is about the terminal's faults, which are tried beside the other tests with a terminal.
"""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs" / "faults.md"


def functions(path: Path) -> set[str]:
    """The tests of a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_fault_of_the_page_has_its_test_and_every_test_its_place_on_the_page() -> None:
    named = set(re.findall(r"`((?:\w+/)+test_\w+)::(test_\w+)", PAGE.read_text(encoding="utf-8")))
    absent = {(module, name) for module, name in named if name not in functions(TESTS / f"{module}.py")}
    assert absent == set()
    modules = [*(TESTS / "faults").glob("test_*.py"), TESTS / "tfe" / "live" / "test_restarts.py"]
    named_by = {path: str(path.relative_to(TESTS).with_suffix("")) for path in modules}
    ours = {(module, name) for path, module in named_by.items() for name in functions(path)}
    assert ours - named == set()
