"""Pieces of Markdown around text that may hold anything: nothing in it acts, mentions a person or ends its frame."""

from __future__ import annotations

import re

from terrakube_site.visible import visible

_BACKTICKS = re.compile(r"`+")
_BREAKS = re.compile(r"[\r\n\t]+")


def one_line(text: str) -> str:
    """Return a text on one line, fit to be read."""
    return _BREAKS.sub(" ", visible(text)).strip()


def code(text: str, *, in_table: bool = False) -> str:
    """Return a text as an inline code span, whose delimiter is longer than any in the text."""
    inner = one_line(text)
    if in_table:
        # A table splits its row before it reads code spans.
        inner = inner.replace("|", "\\|")
    longest = max(map(len, _BACKTICKS.findall(inner)), default=0)
    mark = "`" * (longest + 1)
    # Where it begins or ends with a backtick, a space parts both; it is not shown.
    gap = " " if inner.startswith("`") or inner.endswith("`") else ""
    return f"{mark}{gap}{inner or ' '}{gap}{mark}"


def fence_of(text: str) -> str:
    """Return a fence that is longer than any run of backticks in a text."""
    longest = max(map(len, _BACKTICKS.findall(text)), default=0)
    return "`" * max(3, longest + 1)


def fenced(text: str, language: str = "") -> str:
    """Return a text as a code block, whose fence is longer than any run of backticks in it."""
    shown = visible(text).rstrip("\n")
    fence = fence_of(shown)
    return f"{fence}{language}\n{shown}\n{fence}"


def link(label: str, url: str) -> str:
    """Return a link; ``label`` is our own text, "" for ``url`` gives it without a link."""
    return f"[{label}]({url})" if url else label


def tail(text: str, most: int) -> tuple[str, int]:
    """Return the end of a text, beginning with a whole line, and how many lines before it were left out.

    A last line that is longer than ``most`` characters itself is left out too.
    """
    if len(text) <= most:
        return text, 0
    lines = text.splitlines(keepends=True)
    size = 0
    kept = len(lines)
    while kept and size + len(lines[kept - 1]) <= most:
        kept -= 1
        size += len(lines[kept])
    return "".join(lines[kept:]), kept


def shortened(text: str, most: int) -> str:
    """Return a sentence of at most ``most`` characters, ending in an ellipsis where it was cut."""
    line = one_line(text)
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"
