"""The words of HCL outside of texts in quotes, as HCL's own scanner cuts them."""

from __future__ import annotations

import re
from typing import NamedTuple

from terrakube_site.terraform.hcl.faults import Wrong

NAME = "name"
NUMBER = "number"
QUOTE = '"'
HEREDOC = "heredoc"
NEWLINE = "newline"
END = "end"

_NAME = r"(?:[A-Za-z_]|[^\x00-\x7f])(?:[A-Za-z0-9_-]|[^\x00-\x7f])*"
# A number's word ends only where no digit, dot or exponent goes on: 1.2.3 is one word, and no number.
_NUMBER = r"[0-9](?:(?:[0-9.]|[eE][+-]?[0-9])*(?:[0-9]|[eE][+-]?[0-9]))?"
_WORD = re.compile(
    rf"""(?P<space>[ \t]+)|(?P<comment>(?:\#|//)[^\n]*\n?)|(?P<remark>/\*[\s\S]*?\*/)|(?P<newline>\r?\n)
    |(?P<number>{_NUMBER})|(?P<name>{_NAME})|(?P<heredoc><<-?{_NAME}\r?\n)|(?P<quote>")
    |(?P<sign>::|\.\.\.|=>|==|!=|>=|<=|&&|\|\||~\}}|[\[\](){{}}.,*/%+\-=<>!?:])""",
    re.VERBOSE,
)
_A_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")


class NoExpression(Exception):
    """The text is no expression, since `at` something is wrong."""

    def __init__(self, wrong: Wrong, at: int) -> None:
        super().__init__(wrong.value)
        self.wrong = wrong
        self.at = at


class Token(NamedTuple):
    """A word: what it is (a sign stands for itself), and where."""

    kind: str
    start: int
    end: int


def next_token(text: str, at: int, *, newlines: bool) -> Token:
    """The word at a position or behind the blanks and comments there; with `newlines` a line's end is one too.

    Raises NoExpression for a character that begins none.
    """
    while at < len(text):
        match = _WORD.match(text, at)
        if match is None:
            raise NoExpression(_stray(text[at]), at)
        kind, end = str(match.lastgroup), match.end()
        if newlines and (kind == "newline" or (kind == "comment" and text[end - 1] == "\n")):
            return Token(NEWLINE, at, end)
        if kind == "name":
            return Token(NAME, at, _name_end(text, at, end))
        if kind == "heredoc":
            marker = heredoc_marker(match[0])
            _name_end(marker, 0, len(marker), shift=match.start())
            return Token(HEREDOC, at, end)
        if kind == "sign":
            return Token(match[0], at, end)
        if kind in ("number", "quote"):
            return Token(NUMBER if kind == "number" else QUOTE, at, end)
        at = end
    return Token(END, at, at)


def heredoc_marker(opening: str) -> str:
    """The name between `<<` and the line's end."""
    return opening.strip("<\r\n").removeprefix("-")


def is_number(word: str) -> bool:
    return _A_NUMBER.fullmatch(word) is not None


def _name_end(text: str, start: int, end: int, *, shift: int = 0) -> int:
    """Where a name ends, of which only the characters of ASCII are known to be ones of a name."""
    if not text[start].isidentifier():
        raise NoExpression(_stray(text[start]), start + shift)
    for at in range(start + 1, end):
        if text[at] > "\x7f" and not f"a{text[at]}".isidentifier():
            return at
    return end


def _stray(char: str) -> Wrong:
    return Wrong.QUOTES if char in "'`\u201c\u201d\u2018\u2019\u201e" else Wrong.CHARACTER
