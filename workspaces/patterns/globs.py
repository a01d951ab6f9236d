"""Globs over paths and branches, as expressions. Pure.

`**` is any number of folders, `*` any text within one, `?` one character of it, `[ab]` one of several, `{a,b}` one of
several texts. A glob that ends in `/` is the folder with all that is in it.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from workspaces.patterns.syntax import PatternError

_SPECIAL = frozenset("\\.^$|()+*?{}[]")


def as_expression(glob: str) -> str:
    """Return the regular expression of a glob. Raises PatternError."""
    text = glob.removeprefix("/")
    if text.endswith("/"):
        text += "**"
    found: list[str] = []
    place, braces = 0, 0
    while place < len(text):
        character = text[place]
        if text.startswith("**/", place) and (place == 0 or text[place - 1] == "/"):
            found.append("(?:.*/)?")
            place += 3
            continue
        if text.startswith("**", place):
            found.append(".*")
            place += 2
            continue
        if character == "*":
            found.append("[^/]*")
        elif character == "?":
            found.append("[^/]")
        elif character == "[":
            end = text.find("]", place + 2)
            if end < 0:
                raise PatternError(_('this "[" is never closed'), place + 1)
            inner = text[place + 1 : end]
            negated = inner[:1] in {"!", "^"}
            inner = inner[1:] if negated else inner
            escaped = inner.replace("\\", "\\\\").replace("[", "\\[").replace("^", "\\^")
            found.append(f"[{'^/' if negated else ''}{escaped}]")
            place = end
        elif character == "{":
            braces += 1
            found.append("(?:")
        elif character == "}" and braces:
            braces -= 1
            found.append(")")
        elif character == "," and braces:
            found.append("|")
        elif character == "\\" and place + 1 < len(text):
            place += 1
            found.append("\\" + text[place] if text[place] in _SPECIAL else text[place])
        else:
            found.append("\\" + character if character in _SPECIAL else character)
        place += 1
    if braces:
        raise PatternError(_('this "{" is never closed'), text.rindex("{") + 1)
    return "".join(found)
