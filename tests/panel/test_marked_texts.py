"""Every text that a template or a script shows is marked for translation, and every name of a record and its fields."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.template.base import Lexer, Token, TokenType
from django.utils.translation import override

from workspaces import labels

ROOT = Path(settings.BASE_DIR)
TEMPLATES = sorted(
    path
    for folder in ("templates", "workspaces/templates", "executors/templates")
    for path in (ROOT / folder).rglob("*.html")
)
SCRIPTS = sorted(
    path
    for folder in ("workspaces/static/terrakube", "executors/static/terrakube")
    for path in (ROOT / folder).glob("*.js")
)
# What a script says to a reader has spaces or begins with a capital, or is put where a reader sees it.
SCRIPT_PARTS = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)"""
    r"""|(?P<told>\b(?:\w*Error|console\.\w+)\((?:"[^"\n]*"|`[^`]*`))"""
    r"""|(?<=[(=,:!&|?[ ])(?P<pattern>/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n])+/[a-z]*)"""
    r"""|"(?P<text>(?:\\.|[^"\\\n])*)"|`(?P<template>(?:\\.|[^`\\])*)`""",
    re.DOTALL,
)
SAID_WHERE = re.compile(
    r"""(?:textContent|title|placeholder|"aria-label"|add|promptLabel)\s*[=:]\s*$|\b(?:say|note|lost)\(\s*$"""
)
SENTENCE = re.compile(r"(?<![\w-])[A-Z][a-z]+(?![\w-])|[A-Za-z]+[,.;:]? [A-Za-z]+")
# Names of browsers, of Kubernetes and of fonts, lists of classes and selectors, and headers.
SCRIPT_NAMES = re.compile(
    r"use strict|Exists|Equal|NoSchedule|PreferNoSchedule|NoExecute|[KMGT]i?B?|Escape|Enter|EventSource"
    r"|(tk-[a-z]+ ?)+|[a-z]+(, [a-z]+)+|ui-monospace, .*|[.#[].*|label\[.*|<svg .*|\(prefers-[a-z-]+: [a-z]+\)"
)
UNMARKED_PAGES = {
    "templates/terrakube/doc.html": "the reference of the REST API, which stays in English with the texts of the API",
}
UNMARKED_TEXTS = {
    "manage.py cluster_check": "a command",
    "manage.py preflight /": "a command",
    "https://git.example.org/acme/infrastructure.git": "an address, the same in each language",
    "bg-base-50 login dark:bg-base-900 |": "classes of a page's body, which the template extends",
}
# What a browser shows or reads aloud of an attribute, and what our scripts do.
SHOWN_ATTRIBUTES = re.compile(
    r"(aria-label|aria-description|alt|label|placeholder|title|data-(confirm|log-name|text-.*))"
)
# Tags whose end closes what is marked or never shown.
OPAQUE = {"blocktranslate": "endblocktranslate", "blocktrans": "endblocktrans", "comment": "endcomment"}
LITERAL = re.compile(r"""(["'])(.*?)\1""")
MARKED = re.compile(r"""_\((["']).*?\1\)""")
# Filters whose literal is no text: a format, a name, a separator.
PLAIN_FILTERS = re.compile(r"""\|(?:date|time|slice|urlencode|cut|join):(["']).*?\1""")
ICON = "material-symbols-outlined"
LETTER = re.compile(r"[^\W\d_]")


def shown_html(tokens: list[Token]) -> str:
    """The template without its tags and without what stands in a tag of a translation."""
    parts: list[str] = []
    end = ""
    for token in tokens:
        if token.token_type == TokenType.BLOCK:
            name = token.contents.split()[0]
            end = "" if name == end else end or OPAQUE.get(name, "")
        elif token.token_type == TokenType.TEXT and not end:
            parts.append(token.contents)
            continue
        parts.append(" ")
    return "".join(parts)


class Shown(HTMLParser):
    """Collects the texts that a reader sees."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.silent = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # The name of an icon is drawn as the icon.
        if tag in {"script", "style"} or ICON in (dict(attrs).get("class") or ""):
            self.silent = tag
        self.found += [value or "" for name, value in attrs if SHOWN_ATTRIBUTES.fullmatch(name)]

    def handle_endtag(self, tag: str) -> None:
        if tag == self.silent:
            self.silent = ""

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.found.append(data)


def literals(tokens: list[Token]) -> Iterator[str]:
    """Texts that a tag or a filter brings in, as in ``{{ name|default:"nobody" }}``."""
    for token in tokens:
        if token.token_type == TokenType.VAR:
            text = token.contents
        elif token.token_type == TokenType.BLOCK and token.contents.split()[0] in {
            "include",
            "with",
            "firstof",
            "cycle",
            "job_table",
            "hours_chart",
        }:
            # The first literal of an include is the name of a template.
            text = token.contents.partition(".html")[2] if token.contents.startswith("include") else token.contents
            text = text.lstrip("\"'")
        else:
            continue
        yield from (found.group(2) for found in LITERAL.finditer(MARKED.sub("", PLAIN_FILTERS.sub("", text))))


def unmarked(source: str) -> list[str]:
    tokens = Lexer(source).tokenize()
    page = Shown()
    page.feed(shown_html(tokens))
    page.close()
    texts = (" ".join(text.split()) for text in (*page.found, *literals(tokens)))
    return [text for text in texts if LETTER.search(text) and text not in UNMARKED_TEXTS]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_template_shows_no_text_that_is_not_marked(path: Path) -> None:
    if str(path.relative_to(ROOT)) not in UNMARKED_PAGES:
        assert unmarked(path.read_text()) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<p>Steps</p>", ["Steps"]),
        ('<p>{% translate "Steps" %} of {{ job }}</p>', ["of"]),
        ("<p>{% blocktranslate %}Steps of {{ job }}{% endblocktranslate %}</p>", []),
        ('<input{% if wrong %} disabled{% endif %} placeholder="Search">', ["Search"]),
        ('<form data-confirm="{% translate "Sure?" %}" class="wide"></form>', []),
        ('{{ name|default:"nobody" }} {{ at|date:"H:i" }}', ["nobody"]),
        ('{% include "part.html" with title="Running" empty=_("Nothing runs.") %}', ["Running"]),
        (f'<b class="{ICON}">add</b> <b>Add</b>', ["Add"]),
        ("{# a note #}<script>let text</script>{% comment %}Steps{% endcomment %}", []),
    ],
)
def test_an_unmarked_text_is_found_wherever_it_stands(source: str, found: list[str]) -> None:
    assert unmarked(source) == found


def said_by(script: str) -> list[str]:
    """The texts of a script that a reader sees."""
    found = []
    for part in SCRIPT_PARTS.finditer(script):
        text = part["text"] if part["text"] is not None else part["template"]
        if text is None:
            continue
        words = re.sub(r"\$\{[^}]*\}", " ", text)
        shown = SAID_WHERE.search(script, 0, part.start()) and LETTER.search(words)
        if (shown or SENTENCE.search(words)) and not SCRIPT_NAMES.fullmatch(text):
            found.append(text)
    return found


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_says_only_what_its_page_gives_it(path: Path) -> None:
    assert said_by(path.read_text()) == []


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ('say("Loading…");', ["Loading…"]),
        ('button.textContent = "copied"; // "A note"', ["copied"]),
        ('input(key, { "aria-label": "key", type: "text" })', ["key"]),
        ("note(`The log has ${size}.`)", ["The log has ${size}."]),
        ('const UNITS = [["m", "of a core"], ["Gi", "GiB"]];', ["of a core"]),
        ('throw new Error("It ends too early"); say(texts.textLoading, { class: "tk-a tk-b" })', []),
        ('if (/"No text"/.test(word)) made.setAttribute("aria-label", texts.textKey);', []),
    ],
)
def test_a_text_in_a_script_is_found(script: str, found: list[str]) -> None:
    assert said_by(script) == found


def test_a_script_finds_on_its_page_all_that_it_says() -> None:
    pages = "".join(path.read_text() for path in TEMPLATES)
    given = set(re.findall(r"data-(text-[a-z-]+)=", pages))
    said = {name for path in SCRIPTS for name in re.findall(r"\btexts\.(text[A-Za-z]+)", path.read_text())}
    assert {re.sub(r"(?<!^)([A-Z])", r"-\1", name).lower() for name in said} == given


def test_the_names_of_records_and_of_their_fields_are_all_listed_for_translation() -> None:
    pages = admin.site._registry
    listed = {*pages, *(inline.model for page in pages.values() for inline in page.inlines)}
    with override(None):
        wanted = set()
        for model in (
            one for app in ("workspaces", "vcs", "executors") for one in apps.get_app_config(app).get_models()
        ):
            wanted |= {str(model._meta.verbose_name), *(str(field.verbose_name) for field in model._meta.local_fields)}
            if model in listed:
                wanted.add(str(model._meta.verbose_name_plural))
    assert wanted == labels.TEXTS


def unmarked_names(source: str) -> list[str]:
    """What the ``__str__`` of models say in words of their own that no language can change."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef) or node.name != "__str__":
            continue
        marked = {
            id(part)
            for call in ast.walk(node)
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and "gettext" in call.func.id
            for part in ast.walk(call)
        }
        # The name of a word and the form of a date are read by nobody.
        silent = {
            id(part)
            for one in ast.walk(node)
            for within in ([*one.keys] if isinstance(one, ast.Dict) else [getattr(one, "format_spec", None)])
            if within is not None
            for part in ast.walk(within)
        }
        found += [
            part.value
            for part in ast.walk(node)
            if isinstance(part, ast.Constant)
            and isinstance(part.value, str)
            and LETTER.search(part.value)
            and id(part) not in marked | silent
        ]
    return found


@pytest.mark.parametrize(
    "path",
    [path for app in ("workspaces", "vcs", "executors") for path in sorted((ROOT / app / "models").glob("*.py"))],
    ids=lambda path: path.name,
)
def test_the_name_of_a_record_has_no_word_that_is_not_marked(path: Path) -> None:
    assert unmarked_names(path.read_text()) == []


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ('f"Job {self.pk}"', ["Job "]),
        ('self.name or "nobody"', ["nobody"]),
        ('gettext("Job %(number)s") % {"number": self.pk}', []),
        ('gettext("Source of %(moment)s") % {"moment": f"{self.at:%Y at %H}"}', []),
        ('f"{self.offset}+{self.size}"', []),
    ],
)
def test_an_unmarked_word_in_a_name_is_found(name: str, found: list[str]) -> None:
    assert unmarked_names(f"def __str__(self):\n    return {name}\n") == found
