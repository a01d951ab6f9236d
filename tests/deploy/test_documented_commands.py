"""The commands of README and docs are those of kubectl, helm, the chart and the site."""

from __future__ import annotations

import functools
import re
import subprocess

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand

from executors.installation import reference as settings_of
from executors.launching import manifest
from tests.deploy.chart import DATABASE, NAME, NAMESPACE, RELEASE, Object, render
from tests.deploy.documented import ROOT, Command, commands
from tests.support.patience import patient
from workspaces.pods import RESERVED_LABEL_PREFIX
from workspaces.reasons import REASONS

ALL = sorted(set(commands()), key=str)
OF_KUBECTL = [command for command in ALL if command.program == "kubectl"]
OF_HELM = [command for command in ALL if command.program == "helm"]
OF_MANAGE = [command for command in ALL if command.program == "manage"]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
LABELS = {
    manifest.MANAGED_BY_LABEL,
    *(RESERVED_LABEL_PREFIX + name for name in ("workspace", "job")),
}
KINDS = {"deploy": "Deployment", "statefulset": "StatefulSet", "service": "Service"}


@functools.cache
def known_options(*words: str) -> set[str]:
    """The options that a program's help names for one of its commands."""
    said = subprocess.run([*words, "--help"], capture_output=True, text=True, timeout=patient(20), check=True).stdout
    if words[0] == "kubectl":
        said += subprocess.run(
            ["kubectl", "options"], capture_output=True, text=True, timeout=patient(20), check=True
        ).stdout
    return set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", said))


@functools.cache
def objects() -> list[Object]:
    return [*render(DATABASE), *render({"trial": {"enabled": True}})]


def verb(command: Command) -> list[str]:
    """The words that name a command: the first that is no option, and the next for what has commands of its own."""
    words = iter(command.words)
    found: list[str] = []
    for word in words:
        if word in ("-n", "--namespace"):
            next(words, None)
        elif word.startswith("-"):
            break
        else:
            found.append(word)
    depth = 3 if found[:2] == ["create", "secret"] else 2 if found[0] in ("rollout", "show", "create") else 1
    return found[:depth]


@pytest.mark.helm
@pytest.mark.parametrize("command", [*OF_KUBECTL, *OF_HELM], ids=str)
def test_its_options_are_the_programs(command: Command) -> None:
    assert command.options() - known_options(command.program, *verb(command)) == set()


@pytest.mark.helm
@pytest.mark.parametrize("command", [*OF_KUBECTL, *OF_HELM], ids=str)
def test_it_names_what_a_release_has(command: Command) -> None:
    there = {(each["kind"], each["metadata"]["name"]) for each in objects()}
    for word in command.words:
        kind, _, name = word.partition("/")
        if word == "deploy/chart":
            assert (ROOT / word / "Chart.yaml").exists()
        elif kind in KINDS and name:
            assert (KINDS[kind], name) in there
        if word.startswith(NAME) and "/" not in word:
            assert ("Secret", word) in there
        if word in ("-n", "--namespace"):
            assert command.words[command.words.index(word) + 1] == NAMESPACE
        if word in ("-l", "--selector"):
            selector = command.words[command.words.index(word) + 1]
            assert {part.partition("=")[0] for part in selector.split(",")} <= LABELS
    if command.program == "helm" and len(command.options()) + 1 < len(command.words):
        assert command.words[1] in (RELEASE, "values")


@pytest.mark.parametrize("command", OF_MANAGE, ids=str)
def test_the_site_takes_it(command: Command) -> None:
    name, *words = command.words
    app = get_commands()[name]
    made = app if isinstance(app, BaseCommand) else load_command_class(app, name)
    known = {option for action in made.create_parser("manage.py", name)._actions for option in action.option_strings}
    assert command.options() - known == set()
    if name == "beat_age":
        made.create_parser("manage.py", name).parse_args(words)


def test_enough_is_found_to_be_a_test() -> None:
    assert min(len(OF_KUBECTL), len(OF_HELM), len(OF_MANAGE)) >= 6


def test_every_setting_that_operations_name_exists() -> None:
    known = {setting.name for section in settings_of.sections() for setting in section.settings}
    named = set(re.findall(r"`((?:Executor|AzBuilder|TERRAKUBE_)\w+)`", OPERATIONS))
    assert named
    assert named - known == set()


def test_every_reason_that_operations_name_exists() -> None:
    incidents = " ".join(re.findall(r"\| (Steps [^|]*)", OPERATIONS))
    for code in re.findall(r"`([a-z-]+)…?`", incidents):
        assert any(each.startswith(code) for each in REASONS), code
