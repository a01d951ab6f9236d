"""Just enough of HCL to find the `variable` blocks of a module: no evaluation, no errors.

Text that is no valid HCL gives a poor answer here and a proper message by terraform a moment later.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_HEREDOC = re.compile(r"<<-?([^\W\d][\w-]*)[ \t]*\r?\n")
_WORD = re.compile(r"[^\W\d][\w-]*")
_SPACE = re.compile(r"[ \t\r]+")
_OPEN, _CLOSE = "({[", ")}]"


@dataclass(frozen=True, slots=True)
class Declaration:
    """A variable as declared in one file. `type` is the expression's text, "" when it has none."""

    name: str
    type: str = ""
    ephemeral: bool = False


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # "word", "string", "newline", or the character itself
    text: str


def scan_hcl(text: str) -> list[Declaration]:
    """The variable blocks of a .tf file."""
    tokens = list(_tokens(text))
    found = []
    depth = index = 0
    while index < len(tokens):
        token = tokens[index]
        if token.kind in _OPEN:
            depth += 1
        elif token.kind in _CLOSE:
            depth = max(0, depth - 1)
        elif depth == 0 and token == _Token("word", "variable"):
            label, brace = tokens[index + 1 : index + 3] if index + 2 < len(tokens) else (token, token)
            if label.kind in ("string", "word") and brace.kind == "{":
                attributes, index = _attributes(tokens, index + 3)
                found.append(
                    Declaration(label.text, attributes.get("type", ""), attributes.get("ephemeral", "") == "true")
                )
                continue
        index += 1
    return found


def scan_json(text: str) -> list[Declaration]:
    """The variable blocks of a .tf.json file."""
    try:
        root = json.loads(text)
    except ValueError:
        return []
    found = []
    for file_body in _bodies(root):
        for block in _bodies(file_body.get("variable")):
            for name, content in block.items():
                for body in _bodies(content):
                    kind = body.get("type")
                    found.append(
                        Declaration(name, kind if isinstance(kind, str) else "", body.get("ephemeral") is True)
                    )
    return found


def is_balanced(text: str) -> bool:
    """Whether an expression closes every bracket that it opens, and none besides."""
    stack = []
    for token in _tokens(text):
        if token.kind in _OPEN:
            stack.append(_CLOSE[_OPEN.index(token.kind)])
        elif token.kind == "unclosed" or (token.kind in _CLOSE and (not stack or stack.pop() != token.kind)):
            return False
    return not stack


def _attributes(tokens: list[_Token], index: int) -> tuple[dict[str, str], int]:
    """The attributes at the first level of a block's body, and where the block ends."""
    attributes: dict[str, str] = {}
    depth = 1
    while index < len(tokens) and depth:
        token = tokens[index]
        following = tokens[index + 1] if index + 1 < len(tokens) else token
        index += 1
        if token.kind in _OPEN:
            depth += 1
        elif token.kind in _CLOSE:
            depth -= 1
        elif depth == 1 and token.kind == "word" and following.kind == "=":
            index += 1
            inner = 0
            words = []
            while index < len(tokens):
                part = tokens[index]
                if inner == 0 and part.kind in ("newline", "}"):
                    break
                inner += (part.kind in _OPEN) - (part.kind in _CLOSE)
                if part.kind != "newline":
                    words.append(f'"{part.text}"' if part.kind == "string" else part.text)
                index += 1
            attributes.setdefault(token.text, "".join(words))
    return attributes, index


def _tokens(text: str) -> Iterator[_Token]:
    at, size = 0, len(text)
    while at < size:
        char = text[at]
        if char == "\n":
            yield _Token("newline", char)
            at += 1
        elif space := _SPACE.match(text, at):
            at = space.end()
        elif char == "#" or text.startswith("//", at):
            end = text.find("\n", at)
            at = size if end < 0 else end
        elif text.startswith("/*", at):
            end = text.find("*/", at + 2)
            at = size if end < 0 else end + 2
        elif char == '"':
            end = _string_end(text, at + 1)
            yield _Token("string" if end <= size else "unclosed", text[at + 1 : end - 1])
            at = end
        elif heredoc := _HEREDOC.match(text, at):
            closing = re.compile(rf"^[ \t]*{re.escape(heredoc[1])}[ \t]*\r?$", re.MULTILINE).search(text, heredoc.end())
            at = closing.end() if closing else size
            yield _Token("heredoc" if closing else "unclosed", "")
        elif word := _WORD.match(text, at):
            yield _Token("word", word[0])
            at = word.end()
        else:
            yield _Token(char, char)
            at += 1


def _string_end(text: str, at: int) -> int:
    """The position behind the closing quote, beyond the text's size when there is none."""
    size = len(text)
    while at < size:
        char = text[at]
        if char == "\\":
            at += 2
        elif char == '"':
            return at + 1
        elif char == "\n":
            return size + 1
        elif text.startswith(("$${", "%%{"), at):
            at += 3
        elif text.startswith(("${", "%{"), at):
            at = _template_end(text, at + 2)
        else:
            at += 1
    return size + 1


def _template_end(text: str, at: int) -> int:
    """The position behind the `}` that closes an interpolation; strings in it may hold braces of their own."""
    depth, size = 1, len(text)
    while at < size:
        char = text[at]
        at += 1
        if char == '"':
            at = _string_end(text, at)
        elif char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if not depth:
                return at
    return size + 1


def _bodies(value: Any) -> list[dict[str, Any]]:
    """JSON writes a repeated block as a list, a single one as an object."""
    if isinstance(value, list):
        return [body for item in value for body in _bodies(item)]
    return [value] if isinstance(value, dict) else []
