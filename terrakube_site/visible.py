"""Text from elsewhere made safe to read: what would hide or reorder other text on a page is shown as text itself.

A resource's key, an output, an error message or a comment may hold control sequences, characters without width, or
marks that turn the direction of writing. An approver must see them, not their effect.
"""

from __future__ import annotations

import re

HIDING = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"
    # Without width, or blank although they count as letters.
    "\xad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u3164\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff"
    # Line and paragraph separator, and the direction of writing.
    "\u061c\u2028-\u202e\u2060-\u206f"
    # What formats scripts and music.
    "\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a"
)
"""Characters that act or cannot be seen, as the inside of a character class; newline and tab are none of them."""
RETURNED = "\u240d"
"""What a carriage return is shown as."""
_HIDING = re.compile(f"\r\n|[{HIDING}]")


def shown_character(character: str) -> str:
    """Return the visible form of a character of ``HIDING``: ␛ for escape, <U+202E> for what has no picture."""
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"<U+{code:04X}>"


def visible(text: str) -> str:
    """Return a text in which nothing acts but newlines and tabs, and nothing is hidden."""
    return _HIDING.sub(lambda found: "\n" if found[0] == "\r\n" else shown_character(found[0]), text)
