"""The catalogue of each language has every marked text, each whole and fit for where it is shown."""

from __future__ import annotations

import ast
import contextlib
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings

from executors.doctor.report import State
from executors.doctor.rights import RIGHTS
from tests.support.catalogues import TRANSLATED, catalogue_of
from workspaces.pods import SETTINGS
from workspaces.pods.catalogue import GRAMMAR
from workspaces.pods.policy.rules import Level
from workspaces.reasons import REASONS
from workspaces.reasons.forms import FORMS

pytestmark = pytest.mark.skipif(shutil.which("msgfmt") is None, reason="msgfmt (Debian: gettext) is not there")

ROOT = Path(settings.BASE_DIR)
PACKAGES = ("workspaces", "vcs", "executors", "tfe", "terrakube_site", "templates")
FIELD = re.compile(r"^(msgctxt|msgid|msgid_plural|msgstr(?:\[\d\])?) ((?:\".*\"\n?)+)", re.MULTILINE)
# What the words are put into a sentence by.
WORD = re.compile(r"%\(\w+\)[sd]|\{\w+\}")


@cache
def entries(catalogue: Path) -> tuple[dict[str, str], ...]:
    """The texts of a catalogue with their translations, without its head."""
    found = (
        {name: "".join(ast.literal_eval(line) for line in text.splitlines()) for name, text in FIELD.findall(block)}
        for block in catalogue.read_text().split("\n\n")[1:]
    )
    return tuple(fields for fields in found if fields)


def texts(catalogue: Path) -> set[tuple[str, str]]:
    return {(entry.get("msgctxt", ""), entry["msgid"]) for entry in entries(catalogue)}


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated_and_none_by_guess(language: str, tmp_path: Path) -> None:
    command = ["msgfmt", "--check", "--statistics", "-o", str(tmp_path / "django.mo"), str(catalogue_of(language))]
    told = subprocess.run(command, check=False, capture_output=True, text=True, env={"LC_ALL": "C"})
    assert told.returncode == 0, told.stderr
    assert re.fullmatch(r"\d+ translated messages\.", told.stderr.strip().splitlines()[-1]), told.stderr


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_has_the_words_of_its_text_and_ends_no_attribute(language: str) -> None:
    for entry in entries(catalogue_of(language)):
        for name, translation in entry.items():
            if not name.startswith("msgstr"):
                continue
            wanted = entry["msgid_plural"] if name == "msgstr[1]" else entry["msgid"]
            assert sorted(set(WORD.findall(translation))) == sorted(set(WORD.findall(wanted))), translation
            if not set('"<') & set(entry["msgid"]):
                assert not set('"<') & set(translation), translation


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """What is marked in the code and its templates, gathered once for all languages."""
    folder = tmp_path_factory.mktemp("site")
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            if path.suffix in {".py", ".html"}:
                copy = folder / path.relative_to(ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, copy)
    language = settings.LANGUAGE_CODE
    (folder / "locale").mkdir()
    with override_settings(LOCALE_PATHS=[folder / "locale"]), contextlib.chdir(folder):
        call_command("makemessages", locale=[language], no_location=True, verbosity=0)
    return texts(folder / "locale" / language / "LC_MESSAGES" / "django.po")


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_catalogue_has_what_is_marked_and_nothing_else(language: str, marked: set[tuple[str, str]]) -> None:
    # What to do is in locale/README.md.
    assert texts(catalogue_of(language)) == marked


def test_what_the_code_keeps_in_tables_is_marked(marked: set[tuple[str, str]]) -> None:
    said = {setting.help for setting in SETTINGS.values()} | {setting.grammar for setting in SETTINGS.values()}
    said |= set(GRAMMAR.values()) | set(Level) | set(State) | {right.purpose for right in RIGHTS}
    said |= {text for row in REASONS.values() for text in (row.sentence, row.advice)} | set(FORMS.values())
    # Without words there is nothing to translate.
    said = {str(text) for text in said if re.search("[A-Za-z]", WORD.sub("", text))}
    assert said - {text for _, text in marked} == set()


@pytest.mark.parametrize("package", PACKAGES[:3])
def test_texts_are_marked_under_names_that_are_looked_for(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation":
                assert {name.asname for name in node.names} <= {None, "_"}, path
