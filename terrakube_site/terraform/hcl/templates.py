"""Texts in quotes and heredocs: escapes, interpolations and directives."""

from __future__ import annotations

import re

from terrakube_site.terraform.hcl.faults import Wrong
from terrakube_site.terraform.hcl.reader import Reader
from terrakube_site.terraform.hcl.tokens import END, NAME, NoExpression, Token, heredoc_marker

_QUOTED_STOP = re.compile(r'["\\\r\n$%]')
_HEREDOC_STOP = re.compile(r"[\r\n$%]")
_SHORT_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_LONG_ESCAPE = re.compile(r"u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})")
_SURROGATES = range(0xD800, 0xE000)


class Templates(Reader):
    """Reads what stands in quotes and heredocs."""

    def _quoted(self, opened: Token) -> str:
        """A text in quotes, behind the first of them."""
        open_directives: list[str] = []
        parts = literal = 0
        piece = ""
        while True:
            found = _QUOTED_STOP.search(self._text, self._at)
            if found is None:
                raise NoExpression(Wrong.STRING, opened.start)
            literal |= found.start() > self._at
            piece += self._text[self._at : found.start()]
            self._at = found.start()
            sign = found[0]
            if sign == '"':
                self._at += 1
                break
            if sign == "\\":
                piece += self._escape()
                literal = 1
            elif sign in "\r\n":
                raise NoExpression(Wrong.LINES, self._at)
            elif self._begins_sequence(sign):
                self._keep(piece)
                piece = ""
                self._sequence(sign, open_directives)
                parts += 1
            else:
                piece += self._signs(sign)
                literal = 1
        self._keep(piece)
        self._require_closed(open_directives, opened)
        return "string" if literal or not parts else ""

    def _heredoc(self, opened: Token) -> str:
        """A heredoc, behind its first line."""
        marker = heredoc_marker(self._word(opened))
        open_directives: list[str] = []
        line_starts = True
        piece = ""
        while True:
            if line_starts:
                end = self._text.find("\n", self._at)
                if end < 0:
                    raise NoExpression(Wrong.HEREDOC, opened.start)
                if self._text[self._at : end].strip() == marker:
                    # The end of this line is a word of its own.
                    self._at = end - (self._text[end - 1] == "\r")
                    break
            found = _HEREDOC_STOP.search(self._text, self._at)
            if found is None:
                raise NoExpression(Wrong.HEREDOC, opened.start)
            piece += self._text[self._at : found.start()]
            self._at = found.start()
            sign = found[0]
            line_starts = sign == "\n" or self._text.startswith("\r\n", self._at)
            if line_starts:
                self._at = self._text.index("\n", self._at) + 1
                piece += "\n"
            elif sign == "\r":
                raise NoExpression(Wrong.CHARACTER, self._at)
            elif self._begins_sequence(sign):
                self._keep(piece)
                piece = ""
                self._sequence(sign, open_directives)
            else:
                piece += self._signs(sign)
        self._keep(piece)
        self._require_closed(open_directives, opened)
        return "string"

    def _require_closed(self, open_directives: list[str], opened: Token) -> None:
        if open_directives:
            raise NoExpression(Wrong.DIRECTIVE, opened.start)

    def _keep(self, piece: str) -> None:
        if piece:
            self.texts.append(piece)

    def _escape(self) -> str:
        """Read an escape; the character that it stands for."""
        at = self._at + 1
        short = _SHORT_ESCAPES.get(self._text[at : at + 1])
        if short is not None:
            self._at += 2
            return short
        match = _LONG_ESCAPE.match(self._text, at)
        code = int(match[1] or match[2], 16) if match else -1
        if match is None or code in _SURROGATES or code > 0x10FFFF:
            raise NoExpression(Wrong.ESCAPE, self._at)
        self._at = match.end()
        return chr(code)

    def _begins_sequence(self, sign: str) -> bool:
        return self._text.startswith(f"{sign}{{", self._at)

    def _signs(self, sign: str) -> str:
        """Read a `$` or `%` that is only itself; what it stands for."""
        doubled = self._text.startswith(f"{sign}{sign}{{", self._at)
        self._at += 3 if doubled else 1
        return f"{sign}{{" if doubled else sign

    def _sequence(self, sign: str, open_directives: list[str]) -> None:
        """Read what a `$` or `%` with a bracket begins."""
        start = self._at
        self._at += 2 + self._text.startswith("~", start + 2)
        with self._lines(False):
            if sign == "$":
                self._expression()
            else:
                self._directive(open_directives)
            end = self._look()
            if end.kind not in ("}", "~}"):
                # Where the text itself ends, what began here is to blame.
                raise NoExpression(Wrong.SEQUENCE, start if end.kind in (END, '"') else end.start)
            self._at = end.end

    def _directive(self, open_directives: list[str]) -> None:
        token = self._look()
        self._expect(NAME, Wrong.DIRECTIVE)
        inner = open_directives[-1] if open_directives else ""
        match self._word(token):
            case "if":
                self._expression()
                open_directives.append("if")
                self._open()
            case "for":
                names = self._loop_names()
                self._expression()
                open_directives.append("for")
                self._open(*names)
            case "else" if inner == "if":
                open_directives[-1] = "else"
            case "endif" if inner in ("if", "else"):
                open_directives.pop()
                self._close()
            case "endfor" if inner == "for":
                open_directives.pop()
                self._close()
            case _:
                raise NoExpression(Wrong.DIRECTIVE, token.start)
