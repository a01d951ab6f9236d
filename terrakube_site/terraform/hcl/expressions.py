"""Check that a text is an HCL expression that terraform and tofu accept as the value of a variable.

The grammar is HCL's own, whose parser this one follows: what that accepts is accepted here. A value is evaluated
without any scope, so it may refer to nothing and call nothing but where that is never evaluated: in the half of a
condition that is not taken, or in a loop over nothing.
"""

from __future__ import annotations

import contextlib

from terrakube_site.terraform.hcl.faults import Fault, Wrong
from terrakube_site.terraform.hcl.templates import Templates
from terrakube_site.terraform.hcl.tokens import END, NAME, NEWLINE, NUMBER, NoExpression, Token, is_number

DEEPEST = 100
"""Levels of brackets that are followed."""

_LEVELS = {
    sign: level
    for level, signs in enumerate(
        (("||",), ("&&",), ("==", "!="), (">", ">=", "<", "<="), ("+", "-"), ("*", "/", "%")), start=1
    )
    for sign in signs
}
_ARITHMETIC = frozenset({"+", "-", "*", "/", "%", ">", ">=", "<", "<="})
_LITERALS = {"true": "bool", "false": "bool", "null": "null"}
_WITHOUT_MEMBERS = frozenset({"number", "string", "bool"})
_COLLECTIONS = frozenset({"tuple", "object"})


def check_expression(text: str) -> Fault | None:
    """What is wrong with the text as the value of a variable; None when it is an expression."""
    try:
        # A comment or the end of a heredoc may be last, and wants its line's end.
        _Parser(f"{text}\n").run()
    except NoExpression as found:
        before = text[: found.at]
        return Fault(found.wrong, before.count("\n") + 1, len(before) - before.rfind("\n"))
    except RecursionError:
        return Fault(Wrong.DEPTH, 1, 1)
    return None


def texts_in(text: str) -> list[str]:
    """The texts that an expression is made of, without the keys of its objects; none where it is no expression."""
    parser = _Parser(f"{text}\n")
    try:
        parser.run()
    except (NoExpression, RecursionError):
        return []
    return parser.texts


class _Parser(Templates):
    """One pass over a text. Methods return what kind of value they read, "" where only evaluation would tell."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def run(self) -> None:
        """Read the whole text as one expression. Raises NoExpression."""
        if self._look().kind == END:
            raise NoExpression(Wrong.EMPTY, 0)
        self._expression()
        rest = self._look()
        if rest.kind != END:
            raise NoExpression(Wrong.TRAILING, rest.start)

    # ---- expressions ------------------------------------------------------------------------------------------------

    def _expression(self) -> str:
        self._depth += 1
        if self._depth > DEEPEST:
            raise NoExpression(Wrong.DEPTH, self._look().start)
        kind = self._operation(1)
        if self._take("?"):
            with self._maybe():
                first = self._expression()
                self._expect(":", Wrong.CHOICE)
                second = self._expression()
            kind = first if first == second else ""
        self._depth -= 1
        return kind

    def _operation(self, lowest: int) -> str:
        kind, start = self._operand()
        while (level := _LEVELS.get(self._look().kind, 0)) >= lowest:
            sign = self._read().kind
            with self._maybe() if sign in ("&&", "||") else contextlib.nullcontext():
                at = self._look().start
                second = self._operation(level + 1)
            if sign in _ARITHMETIC:
                for one, where in ((kind, start), (second, at)):
                    if one in _COLLECTIONS:
                        self._complain(Wrong.OPERAND, where)
            kind = "number" if sign in "+-*/%" else "bool"
        return kind

    def _operand(self) -> tuple[str, int]:
        start = self._look().start
        return self._steps(self._term()), start

    def _term(self) -> str:
        token = self._read()
        match token.kind:
            case "(":
                with self._lines(False):
                    kind = self._expression()
                    self._expect(")", Wrong.ROUND, token)
                return kind
            case "[":
                return self._tuple(token)
            case "{":
                return self._object(token)
            case "-" | "!":
                return self._signed(token)
            case "number":
                if not is_number(self._word(token)):
                    raise NoExpression(Wrong.NUMBER, token.start)
                return "number"
            case "name":
                return self._name(token)
            case '"':
                return self._quoted(token)
            case "heredoc":
                return self._heredoc(token)
        raise NoExpression(Wrong.CUT_OFF if token.kind == END else Wrong.VALUE, token.start)

    def _signed(self, sign: Token) -> str:
        self._depth += 1
        if self._depth > DEEPEST:
            raise NoExpression(Wrong.DEPTH, sign.start)
        kind, start = self._operand()
        if kind in _COLLECTIONS:
            self._complain(Wrong.OPERAND, start)
        self._depth -= 1
        return "number" if sign.kind == "-" else "bool"

    def _name(self, token: Token) -> str:
        word = self._word(token)
        if self._look().kind in ("(", "::"):
            self._call(token)
            return ""
        if word in _LITERALS:
            return _LITERALS[word]
        if not any(word in scope for scope in self._scopes):
            self._complain(Wrong.REFERENCE, token.start)
        return ""

    def _call(self, name: Token) -> None:
        self._complain(Wrong.FUNCTION, name.start)
        while self._take("::"):
            self._expect(NAME, Wrong.VALUE)
        opened = self._look()
        self._expect("(", Wrong.VALUE)
        with self._lines(False):
            while not self._take(")"):
                self._expression()
                if self._take("..."):
                    self._expect(")", Wrong.ROUND, opened)
                    break
                if self._look().kind != ")":
                    self._expect(",", Wrong.ARGUMENTS, opened)

    def _steps(self, kind: str) -> str:
        """Attributes, indexes and splats behind a value."""
        while True:
            token = self._look()
            if token.kind == ".":
                self._read()
                if self._take("*"):
                    while self._take("."):
                        self._member(self._read())
                    kind = ""
                    continue
                self._member(self._read())
                if kind in _WITHOUT_MEMBERS:
                    self._complain(Wrong.MEMBER, token.start)
                kind = ""
            elif token.kind == "[":
                self._read()
                if self._take("*"):
                    self._expect("]", Wrong.INDEX)
                    kind = self._steps("")
                    continue
                with self._lines(False):
                    self._expression()
                    self._expect("]", Wrong.INDEX, token)
                if kind in _WITHOUT_MEMBERS:
                    self._complain(Wrong.MEMBER, token.start)
                kind = ""
            else:
                return kind

    def _member(self, token: Token) -> None:
        if token.kind not in (NAME, NUMBER):
            raise NoExpression(Wrong.ATTRIBUTE, token.start)
        if token.kind == NUMBER and "." in self._word(token):
            raise NoExpression(Wrong.CHAINED, token.start)
        if token.kind == NUMBER and not is_number(self._word(token)):
            raise NoExpression(Wrong.NUMBER, token.start)

    # ---- lists, objects and loops -----------------------------------------------------------------------------------

    def _tuple(self, opened: Token) -> str:
        with self._lines(False):
            if self._is_word("for"):
                return self._for(opened, "]")
            while not self._take("]"):
                if self._look().kind == END:
                    raise NoExpression(Wrong.SQUARE, opened.start)
                self._expression()
                if self._look().kind != "]":
                    self._expect(",", Wrong.ITEMS, opened)
        return "tuple"

    def _object(self, opened: Token) -> str:
        with self._lines(False):
            if self._is_word("for"):
                return self._for(opened, "}")
        with self._lines(True):
            while True:
                while self._take(NEWLINE):
                    pass
                if self._take("}"):
                    return "object"
                if self._look().kind == END:
                    raise NoExpression(Wrong.CURLY, opened.start)
                self._key()
                if not self._take("="):
                    self._expect(":", Wrong.ENTRY, opened)
                self._expression()
                if self._take("}"):
                    return "object"
                if not self._take(NEWLINE):
                    self._expect(",", Wrong.ENTRIES, opened)

    def _key(self) -> None:
        """A bare name is the key itself; all else is an expression."""
        start = self._at
        if self._take(NAME):
            following = self._look()
            if following.kind in ("=", ":"):
                return
            if following.kind in ("}", ",", NEWLINE):
                raise NoExpression(Wrong.ENTRY, following.start)
        self._at = start
        known = len(self.texts)
        self._expression()
        del self.texts[known:]

    def _for(self, opened: Token, closing: str) -> str:
        with self._lines(False):
            self._read()
            names = self._loop_names()
            self._expression()
            self._expect(":", Wrong.LOOP)
            keyed = group = False
            with self._maybe(*names):
                result = self._look().start
                self._expression()
                if self._take("=>"):
                    keyed = True
                    self._expression()
                group = self._take("...")
                if self._is_word("if"):
                    self._read()
                    self._expression()
            self._expect(closing, Wrong.LOOP, opened)
        if keyed != (closing == "}") or (group and closing == "]"):
            raise NoExpression(Wrong.LOOP_KEY, result)
        return "object" if keyed else "tuple"
