"""The table of reasons: every code that the program uses is in it, and every sentence can be said."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from executors import reasons
from executors.reason_names import NAMES
from executors.reasons import REASONS, bounded, say
from terrakube_site.metrics import catalogue

ROOT = Path(settings.BASE_DIR)
_NAMED = {"code", "reason_code"}
_CALLS = {"say", "Wait", "LaunchError", "StepFailed", "_NameTaken"}
# What an answer of HTTP has as its code is no reason.
_NOT_REASONS = {"reporting", "terrakube", "api", "metrics"}


def used() -> Iterator[tuple[str, str]]:
    """(file, code) of each code that stands in the source as text."""
    files = [*(ROOT / "executors").rglob("*.py"), *(ROOT / "workspaces").glob("*.py")]
    for file in files:
        if _NOT_REASONS & set(file.relative_to(ROOT).parts) or file.name in {"errors.py", "reason_table.py"}:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            values = [word.value for word in node.keywords if word.arg in _NAMED]
            # The agent's say() writes a line to the log.
            values += node.args[:1] if name in _CALLS and not ("agent" in file.parts and name == "say") else []
            for value in values:
                if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value:
                    yield str(file.relative_to(ROOT)), value.value


def test_every_code_that_is_used_is_in_the_table() -> None:
    found = list(used())
    assert len(found) > 80
    assert [place for place in found if place[1] not in REASONS] == []


@pytest.mark.parametrize("code", sorted(REASONS))
def test_a_reason_is_one_sentence_without_a_full_stop(code: str) -> None:
    reason = REASONS[code]
    words = {name for text in (reason.sentence, reason.advice) for _, name, _, _ in string.Formatter().parse(text)}
    said = say(code, **{name: "x" for name in words if name})
    assert said.sentence == " ".join(said.sentence.split())
    assert not said.sentence.endswith(".")
    assert len(code) <= 64


def test_what_an_executor_says_that_nobody_knows_is_one_code_and_one_label() -> None:
    assert bounded("made-up") == reasons.OTHER
    assert bounded("terraform-failed") == "terraform-failed"
    assert bounded("") == ""
    assert catalogue.bounded("oom-killed") == "oom-killed"


def test_advice_is_not_repeated_where_it_was_said() -> None:
    advice = REASONS["image-not-found"].advice
    assert reasons.advice_for("image-not-found") == advice
    assert reasons.advice_for("image-not-found", said=say("image-not-found", image="i").text) == ""
    assert reasons.advice_for("made-up") == ""


def test_the_documented_table_is_this_one() -> None:
    text = (ROOT / "docs" / "reasons.md").read_text(encoding="utf-8")
    assert reasons.as_markdown() in text, "write it anew with executors.reasons.as_markdown()"


def test_a_reason_in_the_words_of_who_finds_it_has_a_name() -> None:
    assert {code for code, reason in REASONS.items() if not reason.sentence} == set(NAMES)
