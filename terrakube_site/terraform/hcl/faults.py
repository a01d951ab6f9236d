"""What can be wrong with an HCL expression, as sentences that quote nothing of it: it may be a secret."""

from __future__ import annotations

import enum
from dataclasses import dataclass


def _(text: str) -> str:
    # Marks the text for translation. The program in the pod has this module too, and no Django.
    return text


class Wrong(enum.Enum):
    """Kinds of faults, each with what a reader is told."""

    EMPTY = _("the expression is empty")
    VALUE = _("a value is expected here")
    CUT_OFF = _("the expression ends where a value is expected")
    TRAILING = _("unexpected text after the end of the expression")
    DEPTH = _("brackets are nested too deeply")
    CHARACTER = _("this character has no meaning in an expression")
    QUOTES = _("a string must be in straight double quotes")
    NUMBER = _("this is not a number")
    ROUND = _("a parenthesis is not closed")
    SQUARE = _("a square bracket is not closed")
    CURLY = _("a curly brace is not closed")
    ITEMS = _("a comma is missing between two items")
    ENTRY = _("an equals sign or a colon, and a value, must follow the key")
    ENTRIES = _("a comma or a new line is missing between two entries")
    ARGUMENTS = _("a comma is missing between two arguments")
    INDEX = _("a closing square bracket must follow the index")
    ATTRIBUTE = _("an attribute name must follow the dot")
    CHAINED = _("consecutive indexes must be in square brackets")
    CHOICE = _("a condition needs two values, separated by a colon")
    LOOP = _("a for expression has the form: for NAME in VALUE : RESULT")
    LOOP_KEY = _("a for expression needs a key and an arrow in an object, and neither in a list")
    STRING = _("a quoted string is not closed")
    LINES = _("a text in quotes ends before the end of its line; use \\n or a heredoc for several lines")
    ESCAPE = _('after a backslash only n, r, t, ", \\, u with 4 or U with 8 hexadecimal digits is allowed')
    HEREDOC = _("the closing line of the heredoc is missing")
    SEQUENCE = _("an interpolation or directive is not closed; double the $ or % to write the character itself")
    DIRECTIVE = _("directives are if, else, endif, for and endfor, and must be paired")
    REFERENCE = _("a value cannot refer to other objects; put strings in double quotes")
    FUNCTION = _("a value cannot call functions")
    MEMBER = _("numbers, strings and booleans have no attributes or items")
    OPERAND = _("operators do not work on lists and objects")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a text is no expression, and where: lines and columns count from 1."""

    wrong: Wrong
    line: int
    column: int

    @property
    def what(self) -> str:
        return self.wrong.value
