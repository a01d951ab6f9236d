"""Match expressions in time that grows with the text alone, by an automaton whose states are found when needed. Pure.

Python's own engine searches and may take exponential time for a pattern such as `(a+)+b`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from django.utils.translation import gettext_noop as _

from workspaces.patterns.syntax import (
    Characters,
    Choice,
    Edge,
    Expression,
    Node,
    PatternError,
    Repeat,
    Sequence,
    parse,
)

MOST_STATES = 2000
"""Of one expression; more come only of nested repetitions by number."""
_MOST_KNOWN = 4000
"""Transitions that one automaton keeps before it forgets them."""


class _Machine:
    """A nondeterministic automaton: ``steps`` leave a state with a character, ``free`` without one."""

    def __init__(self, node: Node) -> None:
        self.steps: dict[int, tuple[Characters, int]] = {}
        self.free: dict[int, list[tuple[int, Edge | None]]] = {}
        self.count = 0
        self.start = self.state()
        self.end = self.build(node, self.start)

    def state(self) -> int:
        self.count += 1
        if self.count > MOST_STATES:
            raise PatternError(_("its repetitions make the pattern too large"), 1)
        return self.count

    def link(self, start: int, end: int, edge: Edge | None = None) -> None:
        self.free.setdefault(start, []).append((end, edge))

    def build(self, node: Node, start: int) -> int:
        """Add a node after a state; return the state after it."""
        match node:
            case Characters():
                end = self.state()
                self.steps[start] = (node, end)
                # Another node may begin in the state that this one ends in, never in the one that it begins in.
                return self.after(end)
            case Sequence(parts):
                for part in parts:
                    start = self.build(part, start)
                return start
            case Choice(parts):
                end = self.state()
                for part in parts:
                    first = self.state()
                    self.link(start, first)
                    self.link(self.build(part, first), end)
                return self.after(end)
            case Repeat(part, least, most):
                return self.repeat(part, least, most, start)
            case Edge():
                end = self.state()
                self.link(start, end, node)
                return end

    def after(self, state: int) -> int:
        following = self.state()
        self.link(state, following)
        return following

    def repeat(self, part: Node, least: int, most: int | None, start: int) -> int:
        for _copy in range(least):
            start = self.build(part, start)
        if most is None:
            loop = self.after(start)
            inner = self.after(loop)
            self.link(self.build(part, inner), loop)
            return self.after(loop)
        end = self.state()
        for _copy in range(most - least):
            self.link(start, end)
            start = self.build(part, self.after(start))
        self.link(start, end)
        return self.after(end)

    def closure(self, states: Iterable[int], *, at_start: bool, at_end: bool) -> frozenset[int]:
        """Return the states that are reached without a character."""
        found = set(states)
        waiting = list(found)
        while waiting:
            for state, edge in self.free.get(waiting.pop(), ()):
                if edge is not None and not (at_end if edge.end else at_start):
                    continue
                if state not in found:
                    found.add(state)
                    waiting.append(state)
        return frozenset(found)


class _Matcher:
    """A deterministic automaton over a machine, whose states are sets of its states."""

    def __init__(self, node: Node) -> None:
        self.machine = _Machine(node)
        self.first = self.machine.closure([self.machine.start], at_start=True, at_end=False)
        self.known: dict[tuple[frozenset[int], str], frozenset[int]] = {}
        self.accepting: dict[tuple[frozenset[int], bool], bool] = {}

    def matches(self, text: str, *, whole: bool) -> bool:
        """Return whether the expression matches the whole text, or else some beginning of it."""
        here = self.first
        if not whole and self.accepts(here, at_start=True, at_end=not text):
            return True
        for place, character in enumerate(text, 1):
            there = self.known.get((here, character))
            here = self.step(here, character) if there is None else there
            if not here:
                return False
            if not whole and self.accepts(here, at_start=False, at_end=place == len(text)):
                return True
        return self.accepts(here, at_start=not text, at_end=True) if whole else False

    def step(self, here: frozenset[int], character: str) -> frozenset[int]:
        machine = self.machine
        reached = [
            end
            for state in here
            if state in machine.steps
            for characters, end in [machine.steps[state]]
            if characters.has(character)
        ]
        found = machine.closure(reached, at_start=False, at_end=False)
        if len(self.known) >= _MOST_KNOWN:
            self.known.clear()
        self.known[here, character] = found
        return found

    def accepts(self, here: frozenset[int], *, at_start: bool, at_end: bool) -> bool:
        if not at_end:
            return self.machine.end in here
        found = self.accepting.get((here, at_start))
        if found is None:
            found = self.machine.end in self.machine.closure(here, at_start=at_start, at_end=True)
            if len(self.accepting) >= _MOST_KNOWN:
                self.accepting.clear()
            self.accepting[here, at_start] = found
        return found


class Automaton:
    """An expression that can be matched; keeps what it learns of its states."""

    def __init__(self, expression: Expression) -> None:
        self._ignore_case = expression.ignore_case
        self._whole = _Matcher(expression.part)
        self._ahead = [(_Matcher(ahead.part), ahead.negated) for ahead in expression.ahead]

    def matches(self, text: str) -> bool:
        """Return whether the expression matches the whole text."""
        if self._ignore_case:
            # The expression was read in lower case, too.
            text = text.lower()
        if any(matcher.matches(text, whole=False) == negated for matcher, negated in self._ahead):
            return False
        return self._whole.matches(text, whole=True)


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Automaton:
    """Return the automaton of an expression. Raises PatternError."""
    text = pattern
    if pattern.startswith("(?i)"):
        text = "(?i)" + _lower(pattern[4:])
    return Automaton(parse(text))


def _lower(text: str) -> str:
    r"""Return an expression in lower case, but for the letters after a backslash, where \D is not \d."""
    parts, escaped = [], False
    for character in text:
        parts.append(character if escaped else character.lower())
        escaped = character == "\\" and not escaped
    return "".join(parts)
