"""No test judges by the machine's clock: a busy machine takes several times as long for everything."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
CLOCKS = {"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"}
# The matrix of faults notes how long each takes until it is said, and fails for none of it; so does the test of many
# deliveries. The fake of a provider holds callers to the seconds of its own Retry-After.
NOTED = {
    *("faults/measures.py", "faults/test_long_outage.py", "faults/test_node.py", "faults/trial.py"),
    *("vcs/test_many_deliveries.py", "vcs/provider/faults.py"),
    # It says now and then how far it is.
    "simulation/__main__.py",
}


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(TESTS.rglob("*.py")):
        yield str(path.relative_to(TESTS)), ast.parse(path.read_text(encoding="utf-8"))


def is_clock(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS


def test_none_measures_how_long_something_took() -> None:
    found = [
        f"{name}:{node.lineno}"
        for name, tree in sources()
        if name not in NOTED
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and is_clock(node.left)
    ]
    assert found == [], "speed is measured in bench/; a test asserts order and counts"


def test_each_deadline_of_a_wait_is_patient() -> None:
    found = [
        f"{name}:{node.lineno}"
        for name, tree in sources()
        if name not in NOTED
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Add)
        and is_clock(node.left)
        and not _is_patient(node.right, tree)
    ]
    assert found == [], "tests.support.patience.patient() makes a deadline of what a quiet machine takes"


def _is_patient(node: ast.AST, tree: ast.Module) -> bool:
    """Whether a number of seconds is a call of ``patient``, or a name that is given one."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "patient"
    return isinstance(node, ast.Name) and any(
        isinstance(one, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == node.id for target in one.targets)
        and _is_patient(one.value, tree)
        for one in ast.walk(tree)
    )
