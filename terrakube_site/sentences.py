"""Sentences that the code makes in English, shown on a page in its reader's language.

What is said of a job, of a variable or by the doctor is English where it is made, since it is kept, logged and answered
to programs. Its formats are marked with ``gettext_noop``, their words in braces. A page finds the format of a sentence
in the catalogue of its language and fills the same words into the translation; what has no format there stays English.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from string import Formatter
from typing import Any

from django.conf import settings
from django.utils.translation import get_language, gettext, trans_real

_LEAST_LETTERS = 4
"""A format that says less by itself would be found in what it did not make."""
_OURS = frozenset({"status", "record", "right"})
"""Words of a sentence that are always ours."""
_LETTER = re.compile(r"[^\W\d_]")
# What stands before a sentence and is no part of it: the name of a step or variable, a value in quotes.
_BEFORE = re.compile(r'(?P<name>[^:"]{1,128}: )?(?P<value>"[^"]*" )?', re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Format:
    start: str
    pattern: re.Pattern[str]
    translation: str


def translated(text: str) -> str:
    """A sentence of the code, or several, in the language of the page; what is not known stays as it is."""
    if not text or (get_language() or settings.LANGUAGE_CODE) == settings.LANGUAGE_CODE:
        return text
    catalog: Any = trans_real.catalog()
    return "\n".join(_line(catalog, line) or line for line in text.split("\n"))


def reworded(text: str, formats: Iterable[str]) -> str:
    """A text that was made in English with one of some formats, in the language of the page; any other stays as it is.

    Their words stand after a percent sign: formats that say little by themselves, which are looked for only where a
    text is known to be made with them.
    """
    for one in formats:
        pattern = re.sub(r"%\\\((\w+)\\\)s", r"(?P<\1>.*)", re.escape(one))
        match = re.fullmatch(pattern, text, re.DOTALL)
        if match:
            return gettext(one) % match.groupdict()
    return text


@functools.lru_cache(maxsize=2048)
def _line(catalog: Any, text: str) -> str | None:
    """One line in another language; None when nothing of it is known."""
    return _exact(catalog, text) or _two(catalog, text) or _filled(catalog, text) or _named(catalog, text)


def _exact(catalog: Any, text: str) -> str | None:
    for stop in ("", "."):
        if text.endswith(stop):
            bare = text.removesuffix(stop)
            found: str = catalog.gettext(bare) if bare else bare
            if found != bare:
                return found + stop
    return None


def _two(catalog: Any, text: str) -> str | None:
    """Several sentences, of which one at least is known."""
    for at in reversed([match.start() for match in re.finditer(r"\. ", text)]):
        head, tail = text[: at + 1], text[at + 2 :]
        known = _exact(catalog, tail) or _filled(catalog, tail)
        if known:
            return f"{_line(catalog, head) or head} {known}"
    for match in re.finditer(r"\. ", text):
        head, tail = text[: match.start() + 1], text[match.start() + 2 :]
        known = _exact(catalog, head) or _filled(catalog, head) or _named(catalog, head)
        if known:
            return f"{known} {tail}"
    return None


def _named(catalog: Any, text: str) -> str | None:
    match = _BEFORE.match(text)
    before = match.group() if match else ""
    rest = _line(catalog, text[len(before) :]) if before and len(before) < len(text) else None
    return before + rest if rest else None


def _filled(catalog: Any, text: str) -> str | None:
    for stop in ("", "."):
        if not text.endswith(stop):
            continue
        bare = text.removesuffix(stop)
        for one in _formats(catalog):
            match = one.pattern.fullmatch(bare) if bare.startswith(one.start) else None
            words = _words(catalog, match) if match else None
            if words is not None:
                return one.translation.format_map(words) + stop
    return None


def _words(catalog: Any, match: re.Match[str]) -> dict[str, str] | None:
    """What a sentence was filled with, None when it was none of this format.

    A phrase may be one of ours; a single word is a name.
    """
    found: dict[str, str] = {}
    for name, word in match.groupdict().items():
        known = _exact(catalog, word) if name in _OURS else _line(catalog, word) if " " in word else None
        if name in _OURS and known is None:
            return None
        found[name] = known or word
    return found


@functools.lru_cache(maxsize=4)
def _formats(catalog: Any) -> tuple[_Format, ...]:
    """The formats of a catalogue; those that say most by themselves come first."""
    found = []
    for text in catalog._catalog.keys():  # noqa: SIM118 - no plain dict
        if not isinstance(text, str) or "{" not in text or "\x04" in text:
            continue
        translation = catalog.gettext(text)
        parts = list(Formatter().parse(text))
        plain = "".join(literal for literal, *_ in parts)
        if translation != text and len(_LETTER.findall(plain)) >= _LEAST_LETTERS:
            found.append((len(plain), _Format(parts[0][0], re.compile(_pattern(parts), re.DOTALL), translation)))
    return tuple(one for _, one in sorted(found, key=lambda pair: -pair[0]))


def _pattern(parts: list[tuple[str, str | None, str | None, str | None]]) -> str:
    seen: set[str] = set()
    pattern = ""
    for literal, name, *_ in parts:
        pattern += re.escape(literal)
        if name:
            pattern += f"(?P={name})" if name in seen else f"(?P<{name}>.*?)"
            seen.add(name)
    return pattern
