"""The syntax of regular expressions that a webhook may have, as a tree. Pure.

It is what Java, Python and Go agree on and an automaton can match: alternatives, groups, classes, repetition, and
looking ahead at the very start, as in `(?!main$).*`. References to groups and the other assertions are refused, since
they need a search that may take exponential time.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_noop as _

MAX_REPEAT = 200
_CLASSES = {
    "d": "0123456789",
    "s": " \t\n\r\f\v",
    "w": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_",
}
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


_NEVER_CLOSED = _('this "(" is never closed')
_NOTHING_BEFORE = _("there is nothing before it to repeat; put a backslash before the character itself")
_BOUNDS = _("a repetition has one number, or a smaller and a larger one (at most 200)")
_NO_INNER_CLASS = _("a class within a class is not allowed; put a backslash before the character itself")


class PatternError(ValueError):
    """A pattern cannot be used; ``reason`` is a marked text, ``place`` the character it is about, counted from 1."""

    def __init__(self, reason: str, place: int) -> None:
        super().__init__(f"{reason} (character {place})")
        self.reason = reason
        self.place = place


@dataclass(frozen=True, slots=True)
class Characters:
    """One character: of ``single`` or within ``ranges``, or with ``negated`` any other."""

    single: frozenset[str] = frozenset()
    ranges: tuple[tuple[str, str], ...] = ()
    parts: tuple[Characters, ...] = ()
    negated: bool = False

    def has(self, character: str) -> bool:
        found = (
            character in self.single
            or any(low <= character <= high for low, high in self.ranges)
            or any(part.has(character) for part in self.parts)
        )
        return found != self.negated


@dataclass(frozen=True, slots=True)
class Sequence:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """``most`` None is any number."""

    part: Node
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Edge:
    """The start of the text, or its end."""

    end: bool


type Node = Characters | Sequence | Choice | Repeat | Edge


@dataclass(frozen=True, slots=True)
class Ahead:
    """What the text must begin with, or with ``negated`` must not."""

    part: Node
    negated: bool


@dataclass(frozen=True, slots=True)
class Expression:
    part: Node
    ahead: tuple[Ahead, ...] = ()
    ignore_case: bool = False


ANY = Characters(single=frozenset("\n\r"), negated=True)


def parse(text: str) -> Expression:
    """Parse an expression. Raises PatternError."""
    return _Reader(text).expression()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self.depth = 0

    def error(self, reason: str, place: int | None = None) -> PatternError:
        return PatternError(reason, (self.place if place is None else place) + 1)

    def next_is(self, text: str) -> bool:
        return self.text.startswith(text, self.place)

    def take(self, text: str) -> bool:
        if not self.next_is(text):
            return False
        self.place += len(text)
        return True

    def expression(self) -> Expression:
        ignore_case = self.take("(?i)")
        ahead = []
        self.take("^")
        while self.next_is("(?=") or self.next_is("(?!"):
            negated = self.next_is("(?!")
            start = self.place
            self.place += 3
            part = self.choice()
            if not self.take(")"):
                raise self.error(_NEVER_CLOSED, start)
            ahead.append(Ahead(part, negated))
        part = self.choice()
        if self.place < len(self.text):
            raise self.error(_('there is no "(" for this ")"'))
        if ahead and isinstance(part, Choice):
            raise self.error(_("alternatives after a look-ahead need parentheses"))
        return Expression(part, tuple(ahead), ignore_case)

    def choice(self) -> Node:
        self.depth += 1
        if self.depth > 50:
            raise self.error(_("its groups are nested too deeply"))
        parts = [self.sequence()]
        while self.take("|"):
            parts.append(self.sequence())
        self.depth -= 1
        return parts[0] if len(parts) == 1 else Choice(tuple(parts))

    def sequence(self) -> Node:
        parts: list[Node] = []
        while self.place < len(self.text) and self.text[self.place] not in "|)":
            parts.append(self.repeated(self.atom()))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def atom(self) -> Node:
        start, character = self.place, self.text[self.place]
        self.place += 1
        match character:
            case "(":
                return self.group(start)
            case "[":
                return self.character_class(start)
            case ".":
                return ANY
            case "^":
                return Edge(end=False)
            case "$":
                return Edge(end=True)
            case "\\":
                return self.escape(start)
            case "*" | "+" | "?":
                raise self.error(_NOTHING_BEFORE, start)
            case "{":
                raise self.error(_NOTHING_BEFORE, start)
            case _:
                return Characters(frozenset(character))

    def group(self, start: int) -> Node:
        if self.take("?"):
            if self.next_is("=") or self.next_is("!"):
                raise self.error(_("looking ahead is allowed only at the very start"), start)
            if self.next_is("<=") or self.next_is("<!"):
                raise self.error(_("looking behind is not allowed"), start)
            if self.take("<") or self.take("P<"):
                end = self.text.find(">", self.place)
                if end < 0:
                    raise self.error(_("the name of this group is never closed"), start)
                self.place = end + 1
            elif not self.take(":"):
                raise self.error(_("this kind of group is not allowed"), start)
        found = self.choice()
        if not self.take(")"):
            raise self.error(_NEVER_CLOSED, start)
        return found

    def repeated(self, part: Node) -> Node:
        while self.place < len(self.text) and self.text[self.place] in "*+?{":
            start = self.place
            least, most = self.bounds()
            if self.take("+"):
                raise self.error(_("a possessive repetition is not allowed"), start)
            # What is reluctant matches the same whole texts.
            self.take("?")
            part = Repeat(part, least, most)
        return part

    def bounds(self) -> tuple[int, int | None]:
        start, character = self.place, self.text[self.place]
        self.place += 1
        if character != "{":
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[character]
        end = self.text.find("}", self.place)
        least, comma, most = self.text[self.place : max(end, self.place)].partition(",")
        if end < 0 or not _is_number(least) or (most and not _is_number(most)):
            raise self.error(_BOUNDS, start)
        self.place = end + 1
        found = int(least), (int(most) if most else None if comma else int(least))
        if max(found[0], found[1] or 0) > MAX_REPEAT or (found[1] is not None and found[1] < found[0]):
            raise self.error(_BOUNDS, start)
        return found

    def escape(self, start: int) -> Characters:
        if self.place >= len(self.text):
            raise self.error(_("a character is missing after the backslash"), start)
        character = self.text[self.place]
        self.place += 1
        if character.lower() in _CLASSES:
            return Characters(frozenset(_CLASSES[character.lower()]), negated=character.isupper())
        if character in _CONTROLS:
            return Characters(frozenset(_CONTROLS[character]))
        if character.isalnum():
            if character.isdigit():
                raise self.error(_("a reference to a group is not allowed"), start)
            raise self.error(_("this letter has no meaning here after a backslash"), start)
        return Characters(frozenset(character))

    def character_class(self, start: int) -> Characters:
        negated = self.take("^")
        single: set[str] = set()
        ranges: list[tuple[str, str]] = []
        parts: list[Characters] = []
        first = True
        while first or not self.next_is("]"):
            if self.place >= len(self.text):
                raise self.error(_('this "[" is never closed'), start)
            at = self.place
            low = self.member()
            if self.next_is("-") and not self.next_is("-]") and len(low.single) == 1 and not low.negated:
                self.place += 1
                if self.place >= len(self.text):
                    raise self.error(_('this "[" is never closed'), start)
                high = self.member()
                [first_one], [*last_ones] = low.single, high.single
                if len(last_ones) != 1 or high.negated or last_ones[0] < first_one:
                    raise self.error(_("this range is reversed"), at)
                ranges.append((first_one, last_ones[0]))
            elif low.negated:
                parts.append(low)
            else:
                single |= low.single
            first = False
        self.place += 1
        return Characters(frozenset(single), tuple(ranges), tuple(parts), negated)

    def member(self) -> Characters:
        start, character = self.place, self.text[self.place]
        self.place += 1
        if character == "\\":
            return self.escape(start)
        if character == "[" or self.text.startswith("&&", start):
            raise self.error(_NO_INNER_CLASS, start)
        return Characters(frozenset(character))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 6
