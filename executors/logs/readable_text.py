"""Make a log safe to read: colours and styles act, a carriage return overwrites its line, all else is shown as text.

Otherwise the output of a program, and text of others that it repeats, could move the cursor, erase lines, hide text or
reverse its direction, and so hide from an approver what a plan does. Every page that shows a log uses ``readable``;
downloads and the REST API keep the bytes.

Each escape sequence is judged alone, so a log may be read from any offset, in pieces of any size, with the same result.
"""

from __future__ import annotations

import codecs
import functools
import re
from dataclasses import dataclass

from terrakube_site.visible import HIDING, RETURNED, shown_character

_LONGEST_STYLE = 128
"""Maximum length of a style's parameters; a longer sequence is no style, so no piece waits for its end."""
_ACTING = re.compile(f"\x1b\\[([0-9;:]{{0,{_LONGEST_STYLE}}})m|[{HIDING}]")
_UNFINISHED = re.compile(f"(?:\x1b(?:\\[[0-9;:]{{0,{_LONGEST_STYLE}}})?|\r)\\Z")
_CONCEAL, _HIGHEST = 8, 107
_COLOURS = frozenset({38, 48, 58})
_OF_COLOUR = {"5": 1, "2": 3}
"""Count of numbers after the kind of a colour: one of a palette, or three of red, green and blue."""


@dataclass(frozen=True, slots=True)
class Readable:
    """A readable piece of a log; the bytes after ``taken`` begin a sequence whose end has not arrived."""

    text: str
    taken: int


@functools.lru_cache(maxsize=4096)
def _is_style(parameters: str) -> bool:
    """Return True if a sequence only sets a colour or a style, and hides no text."""
    parts = iter(parameters.split(";"))
    for part in parts:
        first, *more = part.split(":")
        code = int(first or 0)
        if code == _CONCEAL or code > _HIGHEST:
            return False
        if code in _COLOURS and not more:
            # The numbers belong to the colour only if they are complete; a terminal might read them in another way.
            numbers = [next(parts, "") for _ in range(_OF_COLOUR.get(next(parts, ""), 0))]
            if not numbers or not all(number.isdecimal() and int(number) < 256 for number in numbers):
                return False
        elif more and not (code == 4 or code in _COLOURS):
            return False
    return True


def readable_log(data: bytes, *, final: bool, colours: bool = True) -> Readable:
    """Return the readable form of log bytes.

    With ``colours`` it is for a terminal, where styles act and a carriage return goes to the start of the line; text
    that overwrites a line then begins with ␍, to show that the line had another text before. Without, nothing acts at
    all. Unless ``final``, an incomplete sequence at the end is left for the next piece.
    """
    text, taken = codecs.utf_8_decode(data, "backslashreplace", final)
    end = len(text)
    if not final and (cut := _UNFINISHED.search(text, max(end - _LONGEST_STYLE - 2, 0))):
        end, taken = cut.start(), taken - len(cut[0])

    def replaced(found: re.Match[str]) -> str:
        if found[1] is not None:
            if not _is_style(found[1]):
                return f"{shown_character(found[0][0])}{found[0][1:]}"
            return found[0] if colours else ""
        if found[0] != "\r":
            return shown_character(found[0])
        # Before the end of a line, or of the log, nothing is overwritten.
        following = text[found.end() : found.end() + 1]
        return "" if following in {"", "\n", "\r"} else f"\r{RETURNED}" if colours else RETURNED

    return Readable(_ACTING.sub(replaced, text[:end]), taken)
