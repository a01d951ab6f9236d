"""Read a command of a comment. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

NAME = "terrakube"
_LONGEST_WORDS = 5
_LONGEST_TARGET = 512
_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")


class Verb(StrEnum):
    """What a command does."""

    PLAN = "plan"
    APPLY = "apply"
    UNLOCK = "unlock"
    HELP = "help"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command; ``workspace`` or ``folder`` name what it is for, neither all that the pull request concerns.

    ``commit`` is the beginning of the commit that its writer looked at, "" if it names none. ``wrong`` is what is wrong
    with the command, as a sentence; the verb is then HELP.
    """

    verb: Verb
    workspace: str = ""
    folder: str | None = None
    commit: str = ""
    wrong: str = ""


def read_command(comment: str) -> Command | None:
    """Return the command that a comment's first line gives; None if the comment is no command.

    Only a comment that begins with the name is one, so that neither a quotation nor our own comments are. Prose that
    begins so ("terrakube is great, …") is none either.
    """
    lines = comment.strip().splitlines()
    words = lines[0].split() if lines else []
    if not words or words[0].lower() != NAME:
        return None
    if len(words) == 1:
        return Command(verb=Verb.HELP) if len(lines) == 1 else None
    verb = words[1].lower()
    if verb not in set(Verb):
        prose = len(lines) > 1 or len(words) > _LONGEST_WORDS
        return None if prose else _wrong(f"There is no command {words[1]!r}.")
    return _with_target(Verb(verb), words[2:])


def _with_target(verb: Verb, words: list[str]) -> Command:
    workspace, folder, commit = "", None, ""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in {"-d", "-w", "-c", "--dir", "--workspace", "--commit"}:
            if not rest:
                return _wrong(f"{word} needs a name behind it.")
            value = rest.pop(0)
        elif word.startswith("-"):
            return _wrong(f"There is no option {word!r}.")
        else:
            word, value = "-w", word
        if len(value) > _LONGEST_TARGET:
            return _wrong("The name is too long.")
        if word in {"-c", "--commit"}:
            if not _COMMIT.fullmatch(value):
                return _wrong("A commit is named by 7 to 64 hexadecimal digits.")
            commit = value.lower()
            continue
        if workspace or folder is not None:
            return _wrong("Name one workspace or one folder.")
        if word in {"-d", "--dir"}:
            folder = value.strip("/").removeprefix("./").strip("/")
            folder = "" if folder == "." else folder
        else:
            workspace = value
    return Command(verb=verb, workspace=workspace, folder=folder, commit=commit)


def _wrong(sentence: str) -> Command:
    return Command(verb=Verb.HELP, wrong=sentence)
