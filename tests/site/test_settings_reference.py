"""What is said of the environment variables is what the code reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from executors.installation import reference
from terrakube_site.env import Setting, SettingError

ROOT = Path(__file__).resolve().parents[2]
# The program in the pod knows no more than the standard library, so it reads these itself.
POD = {setting.name for setting in reference.POD.settings}
SETTINGS = [
    setting for section in reference.sections() if section.read_by != "executor" for setting in section.settings
]


def test_the_page_is_what_the_code_says() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert page == reference.reference(), "write it anew: manage.py settings > docs/settings.md"


def test_no_variable_is_declared_twice() -> None:
    names = [setting.name for setting in SETTINGS]
    assert len(names) == len(set(names)) > 80


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_the_documented_default_reads_as_the_default(setting: Setting[Any]) -> None:
    read = setting.read({})
    if setting.shown_default is not None and ", the host" not in setting.shown_default:
        assert setting.read({setting.name: setting.shown_default}) == read


@pytest.mark.parametrize("setting", [one for one in SETTINGS if one.secret], ids=lambda setting: setting.name)
def test_no_error_shows_the_value_of_a_secret(setting: Setting[Any]) -> None:
    said = ""
    try:
        setting.read({setting.name: "short, a"})
    except SettingError as error:
        said = str(error)
    assert "short" not in said


def test_the_pod_reads_what_it_is_told_to_read() -> None:
    folders = (ROOT / "executors" / "agent", ROOT / "executors" / "contract")
    agent = "\n".join(path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.py"))
    for name in POD - {"https_proxy"}:
        assert f'"{name}"' in agent, name


def test_a_misspelt_name_is_told_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ExecutorEphemeralNamespce", "terrakube")
    monkeypatch.setenv("TerrakubeUiURL", "http://ui.example")
    [message] = reference.check_names()
    assert message.msg == "ExecutorEphemeralNamespce is no setting."
    assert message.hint == "ExecutorEphemeralNamespace is one."


def test_what_kubernetes_sets_for_a_service_is_no_misspelt_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERRAKUBE_API_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("TERRAKUBE_WORKER_PORT", "tcp://10.0.0.1:8080")
    assert reference.check_names() == []
