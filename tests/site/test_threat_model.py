"""The threat model names tests that exist."""

import ast
import re

from terrakube_site.settings import BASE_DIR

_NAMED = re.compile(r"`([a-z_/]+\.py)::(test_\w+)`")


def test_every_test_that_the_threat_model_names_exists() -> None:
    text = (BASE_DIR / "docs" / "threat-model.md").read_text(encoding="utf-8")
    named = _NAMED.findall(text)
    assert len(named) == text.count("::test_") > 60
    known: dict[str, set[str]] = {}
    for file, name in named:
        if file not in known:
            tree = ast.parse((BASE_DIR / "tests" / file).read_text(encoding="utf-8"))
            functions = (ast.FunctionDef, ast.AsyncFunctionDef)
            known[file] = {node.name for node in ast.walk(tree) if isinstance(node, functions)}
        assert name in known[file], f"{file}::{name}"


def test_every_boundary_of_the_threat_model_says_what_crosses_it() -> None:
    text = (BASE_DIR / "docs" / "threat-model.md").read_text(encoding="utf-8")
    boundaries = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert {one.partition("\n")[0] for one in boundaries} == {
        "Browser", "REST client", "Executor pod", "Terrakube's own executor", "Database", "Redis", "Object storage",
        "Kubernetes API", "VCS, release indexes, issuer", "Uploads", "Operators",
    }  # fmt: skip
    assert all("\nCrosses: " in one for one in boundaries)
