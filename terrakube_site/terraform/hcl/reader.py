"""The words of one text, read one after the other, and what its parts may refer to."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator

from terrakube_site.terraform.hcl.faults import Wrong
from terrakube_site.terraform.hcl.tokens import END, NAME, NoExpression, Token, next_token

_UNCLOSED = {"(": Wrong.ROUND, "[": Wrong.SQUARE, "{": Wrong.CURLY}


class Reader(ABC):
    """Where a parser is in its text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._newlines = [False]
        self._scopes: list[frozenset[str]] = []
        self._unsure = 0
        self.texts: list[str] = []
        """What stands in quotes and heredocs, keys of objects left out."""
        self._seen: tuple[int, bool, Token] | None = None

    @abstractmethod
    def _expression(self) -> str:
        """Read an expression; what kind of value it is, "" where only its evaluation would tell."""

    def _look(self) -> Token:
        newlines = self._newlines[-1]
        if self._seen is None or self._seen[:2] != (self._at, newlines):
            self._seen = (self._at, newlines, next_token(self._text, self._at, newlines=newlines))
        return self._seen[2]

    def _read(self) -> Token:
        token = self._look()
        self._at = token.end
        return token

    def _take(self, kind: str) -> bool:
        """Read on if the next word is of a kind; whether it was."""
        found = self._look()
        if found.kind == kind:
            self._at = found.end
        return found.kind == kind

    def _word(self, token: Token) -> str:
        return self._text[token.start : token.end]

    def _is_word(self, word: str) -> bool:
        token = self._look()
        return token.kind == NAME and self._word(token) == word

    def _expect(self, kind: str, wrong: Wrong, opened: Token | None = None) -> None:
        """Read a word of a kind. Where the text ends instead, what was `opened` is to blame."""
        found = self._look()
        if found.kind == kind:
            self._at = found.end
        elif found.kind == END and opened is not None:
            raise NoExpression(_UNCLOSED[self._word(opened)], opened.start)
        else:
            raise NoExpression(wrong, found.start)

    @contextlib.contextmanager
    def _lines(self, count: bool) -> Iterator[None]:
        self._newlines.append(count)
        yield
        self._newlines.pop()

    def _open(self, *names: str) -> None:
        """Enter a part that may never be evaluated, and may refer to the names of its loop."""
        self._unsure += 1
        self._scopes.append(frozenset(names))

    def _close(self) -> None:
        """Leave such a part."""
        self._scopes.pop()
        self._unsure -= 1

    @contextlib.contextmanager
    def _maybe(self, *names: str) -> Iterator[None]:
        self._open(*names)
        yield
        self._close()

    def _complain(self, wrong: Wrong, at: int) -> None:
        """About what only fails when it is evaluated."""
        if not self._unsure:
            raise NoExpression(wrong, at)

    def _loop_names(self) -> list[str]:
        names = []
        while True:
            token = self._look()
            self._expect(NAME, Wrong.LOOP)
            names.append(self._word(token))
            if len(names) == 2 or not self._take(","):
                break
        if not self._is_word("in"):
            raise NoExpression(Wrong.LOOP, self._look().start)
        self._read()
        return names
