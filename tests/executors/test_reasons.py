"""The table of reasons: every code that the program uses is in it, and every sentence can be said."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from terrakube_site.metrics import catalogue
from workspaces import reasons
from workspaces.reasons import REASONS, bounded, reason, told
from workspaces.reasons.forms import FORMS
from workspaces.reasons.names import NAMES

ROOT = Path(settings.BASE_DIR)
_NAMED = {"code", "reason_code"}
_CALLS = {"reason", "told", "StepFailed"}
# What an answer of HTTP has as its code is no reason.
_NOT_REASONS = {"reporting", "terrakube", "api", "metrics"}


def used() -> Iterator[tuple[str, str]]:
    """(file, code) of each code that stands in the source as text."""
    files = [*(ROOT / "executors").rglob("*.py"), *(ROOT / "workspaces" / "jobs").rglob("*.py")]
    for file in files:
        if _NOT_REASONS & set(file.relative_to(ROOT).parts) or file.name in {"errors.py", "table.py"}:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            values = [word.value for word in node.keywords if word.arg in _NAMED]
            values += node.args[:1] if name in _CALLS else []
            for value in values:
                if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value:
                    yield str(file.relative_to(ROOT)), value.value


def test_every_code_that_is_used_is_in_the_table() -> None:
    found = list(used())
    assert len(found) > 80
    assert [place for place in found if place[1] not in REASONS] == []


@pytest.mark.parametrize("code", sorted(REASONS))
def test_a_reason_is_one_sentence_without_a_full_stop(code: str) -> None:
    row = REASONS[code]
    words = {name for text in (row.sentence, row.advice) for _, name, _, _ in string.Formatter().parse(text)}
    said = reason(code, **{name: "x" for name in words if name}).sentence
    assert said == " ".join(said.split())
    assert not said.endswith(".")
    assert len(code) <= 64


def test_every_form_that_is_used_is_there_and_every_one_that_is_there_is_used() -> None:
    text = "".join(
        path.read_text()
        for package in ("executors", "vcs", "workspaces")
        for path in (ROOT / package).rglob("*.py")
        if path.name != "forms.py" and "migrations" not in path.parts
    )
    built = re.compile("is-.*|the-.*|may-(one-)?(step|apply)|ended-.*-saved|told|advised")
    assert [form for form in FORMS if not built.fullmatch(form) and f'"{form}"' not in text] == []


def test_what_an_executor_says_that_nobody_knows_is_one_code_and_one_label() -> None:
    assert bounded("made-up") == reasons.OTHER
    assert bounded("terraform-failed") == "terraform-failed"
    assert bounded("") == ""
    assert catalogue.bounded("oom-killed") == "oom-killed"


def test_advice_is_not_repeated_where_it_was_said() -> None:
    advice = REASONS["image-not-found"].advice
    why = reason("image-not-found", image="i")
    assert reasons.advice_for(why) == advice
    assert reasons.advice_for(why.with_advice()) == ""
    assert reasons.advice_for(told("made-up", "")) == ""


def test_the_documented_table_is_this_one() -> None:
    text = (ROOT / "docs" / "reasons.md").read_text(encoding="utf-8")
    assert reasons.as_markdown() in text, "write it anew with workspaces.reasons.as_markdown()"


def test_a_reason_in_the_words_of_who_finds_it_has_a_name() -> None:
    assert {code for code, row in REASONS.items() if not row.sentence} == set(NAMES)
