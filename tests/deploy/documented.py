"""The commands that README and docs show, in blocks and in running text."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from tests.deploy.chart import DEPLOY

ROOT = DEPLOY.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_PROGRAMS = r"(?:kubectl|helm|site|terrakube-site manage|(?:python )?manage\.py)"
_INLINE = re.compile(rf"`({_PROGRAMS} [^`]+)`")
_BLOCK = re.compile(rf"^ {{4,}}(?:\$ )?({_PROGRAMS} .+)$", re.MULTILINE)
# What `docs/operations.md` makes an alias of, and what stands for it elsewhere.
_MANAGE = re.compile(r"^(?:site|terrakube-site manage|(?:python )?manage\.py) ")


@dataclass(frozen=True)
class Command:
    """A command of a page: the program, and its words without comments and redirections."""

    page: str
    program: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {self.program} {' '.join(self.words)}"

    def options(self) -> set[str]:
        """The names of its own options; what stands behind ``--`` is another program's."""
        own = self.words[: self.words.index("--")] if "--" in self.words else self.words
        return {
            name
            for word in own
            if re.match(r"--?[a-zA-Z]", word)
            # -it is -i and -t.
            for name in ([word.partition("=")[0]] if word.startswith("--") else [f"-{letter}" for letter in word[1:]])
        }


def commands() -> Iterator[Command]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        for found in (*_INLINE.finditer(text), *_BLOCK.finditer(text)):
            yield from _read(page.name, " ".join(found[1].split()))


def _read(page: str, line: str) -> Iterator[Command]:
    # One command that stands for more than one line of a paragraph ends where its code ends.
    line = re.sub(r" > \S+", "", _MANAGE.sub("manage ", line))
    program, *words = shlex.split(line, comments=True)
    if "|" in words:
        words = words[: words.index("|")]
    yield Command(page, program, tuple(words))
    if "--" in words:
        inner = words[words.index("--") + 1 :]
        if inner[:2] == ["terrakube-site", "manage"] and len(inner) > 2:
            yield Command(page, "manage", tuple(inner[2:]))
