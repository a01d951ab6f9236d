"""What is said of the environment variables is what the code reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from executors import documented
from executors.conf_table import SETTINGS
from terrakube_site.documented import Setting

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = {"os.environ", "environ", "_environ"}
READERS = {"text", "secret", "flag", "integer", "seconds", "choice", "comma_list", "url", "path"}
KINDS = {
    "flag": {"switch"},
    "integer": {"whole number"},
    "seconds": {"duration"},
    "choice": {"choice"},
    "comma_list": {"list"},
    "url": {"URL"},
    "path": {"absolute path"},
}
# Read by something else than the readers: by the program in the pod, which knows no more than the standard library.
POD = {
    setting.name for section in documented.sections() if section.read_by == "executor" for setting in section.settings
}
DECLARED: dict[str, Setting] = {
    setting.name: setting
    for section in documented.sections()
    if section.read_by != "executor"
    for setting in section.settings
}


def sources() -> Iterator[ast.Module]:
    for folder in ("terrakube_site", "workspaces", "executors"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "agent" not in path.parts and path.name not in {"env.py", "conf.py", "conf_reader.py"}:
                yield ast.parse(path.read_text(encoding="utf-8"))


def constants(tree: ast.Module) -> dict[str, str]:
    """The module's names for texts."""
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def reads() -> Iterator[tuple[str, str, ast.expr | None]]:
    """(reader, variable, default) of each call of a reader with a name that can be seen."""
    for tree in sources():
        texts = constants(tree)
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or len(node.args) < 2:
                continue
            reader = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if reader not in READERS or ast.unparse(node.args[0]) not in ENVIRONMENTS:
                continue
            argument = node.args[1]
            name = argument.value if isinstance(argument, ast.Constant) else texts.get(getattr(argument, "id", ""))
            if isinstance(name, str):
                yield reader, name, node.args[2] if len(node.args) > 2 else None


def looked_up() -> Iterator[str]:
    """The texts by which an environment is asked without a reader."""
    for tree in sources():
        texts = constants(tree)
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "get"
                and isinstance(node.func.value, ast.Attribute | ast.Name)
                and ast.unparse(node.func.value) in ENVIRONMENTS
                and node.args
            ):
                argument = node.args[0]
                name = argument.value if isinstance(argument, ast.Constant) else texts.get(getattr(argument, "id", ""))
                if isinstance(name, str):
                    yield name


READ = list(reads())
# The release indexes' names stand in a table.
ORDINARY = {"HOME", "PATH"}
IN_TABLES = {"CustomTerraformReleasesUrl", "CustomTofuReleasesUrl"}


def test_the_page_is_what_the_code_says() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert page == documented.reference(), "write it anew: manage.py settings > docs/settings.md"


def test_every_variable_that_is_read_is_told_of() -> None:
    assert len(READ) > 25
    assert {name for _, name, _ in READ} | set(looked_up()) <= DECLARED.keys() | ORDINARY


def test_every_variable_that_is_told_of_is_read() -> None:
    asked = {*looked_up()} - ORDINARY
    assert {name for _, name, _ in READ} | asked | SETTINGS.keys() | IN_TABLES == DECLARED.keys()


@pytest.mark.parametrize(("reader", "name", "default"), READ, ids=[name for _, name, _ in READ])
def test_a_setting_is_told_with_its_type_and_default(reader: str, name: str, default: ast.expr | None) -> None:
    setting = DECLARED[name]
    if reader in KINDS:
        assert setting.type in KINDS[reader]
    assert setting.secret == (reader == "secret") or (reader == "comma_list" and name.endswith(("_KEYS", "_SECRETS")))
    if isinstance(default, ast.Constant):
        value = default.value
        switch = {False: "off", True: "on"}
        told = switch[value] if isinstance(value, bool) else None if value in {None, ""} else str(value)
        assert setting.default == told


def test_the_pod_reads_what_it_is_told_to_read() -> None:
    agent = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "executors" / "agent").glob("*.py"))
    agent += (ROOT / "executors" / "job_data.py").read_text(encoding="utf-8")
    for name in POD - {"https_proxy"}:
        assert f'"{name}"' in agent, name


def test_a_misspelt_name_is_told_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ExecutorEphemeralNamespce", "terrakube")
    monkeypatch.setenv("TerrakubeUiURL", "http://ui.example")
    [message] = documented.check_names()
    assert message.msg == "ExecutorEphemeralNamespce is no setting."
    assert message.hint == "ExecutorEphemeralNamespace is one."


def test_what_kubernetes_sets_for_a_service_is_no_misspelt_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERRAKUBE_API_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("TERRAKUBE_WORKER_PORT", "tcp://10.0.0.1:8080")
    assert documented.check_names() == []
