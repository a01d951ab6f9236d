"""Read the blocks of a configuration with a minimal HCL scanner: no evaluation, no errors.

Invalid HCL gives a poor result here, and a proper message from terraform a moment later.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_HEREDOC = re.compile(r"<<-?([^\W\d][\w-]*)[ \t]*\r?\n")
_WORD = re.compile(r"[^\W\d][\w-]*")
_SPACE = re.compile(r"[ \t\r]+")
_OPEN, _CLOSE = "({[", ")}]"
_DEEPEST = 16
# Nothing in JSON tells a block from an attribute, so these are known by name.
_LABELLED = frozenset({"variable", "module", "provider", "backend", "state_store"})
_UNLABELLED = frozenset({"terraform", "cloud", "required_providers"})


@dataclass(frozen=True, slots=True)
class Block:
    """One block. An attribute's value is the text of its expression; ``line`` counts from 1, 0 where it is unknown."""

    kind: str
    labels: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()
    line: int = 0

    @property
    def label(self) -> str:
        """The first label, "" without one."""
        return self.labels[0] if self.labels else ""

    def text(self, name: str) -> str:
        """Return an attribute that is a plain string, "" where it is missing."""
        return self.attributes.get(name, "").strip('"')

    def inner(self, kind: str) -> list[Block]:
        """Return the blocks of a kind in this one."""
        return [block for block in self.blocks if block.kind == kind]


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # "word", "string", "newline", or the character itself
    text: str
    at: int = 0


def hcl_blocks(text: str) -> tuple[Block, ...]:
    """Return the blocks of a .tf file, or of any other in HCL."""
    return _Parser(text).body(0)[1]


def hcl_attributes(text: str) -> Mapping[str, str]:
    """Return the attributes of a file of values, such as terraform.tfvars."""
    return _Parser(text).body(0)[0]


def json_attributes(text: str) -> Mapping[str, str]:
    """Return the attributes of a file of values in JSON, such as terraform.tfvars.json."""
    try:
        root = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return {name: json.dumps(value) for name, value in root.items()} if isinstance(root, dict) else {}


def json_blocks(text: str) -> tuple[Block, ...]:
    """Return the blocks of a .tf.json file."""
    try:
        return tuple(block for body in _bodies(json.loads(text)) for block in _json_body(body)[1])
    except (ValueError, RecursionError):
        return ()


def _json_body(body: Mapping[str, Any]) -> tuple[dict[str, str], tuple[Block, ...]]:
    attributes: dict[str, str] = {}
    blocks: list[Block] = []
    for key, value in body.items():
        if key in _UNLABELLED:
            blocks += [Block(key, (), *_json_body(inner)) for inner in _bodies(value)]
        elif key in _LABELLED:
            contents = [pair for named in _bodies(value) for pair in named.items()]
            blocks += [Block(key, (label,), *_json_body(inner)) for label, body in contents for inner in _bodies(body)]
        else:
            attributes[key] = value if isinstance(value, str) else json.dumps(value)
    return attributes, tuple(blocks)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._at = 0

    def body(self, level: int) -> tuple[dict[str, str], tuple[Block, ...]]:
        """Return the attributes and blocks up to the brace that closes them, which is passed."""
        attributes: dict[str, str] = {}
        blocks: list[Block] = []
        depth = 0
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            self._at += 1
            if token.kind in _OPEN:
                depth += 1
            elif token.kind in _CLOSE:
                if not depth and level:
                    break
                depth = max(0, depth - 1)
            elif token.kind != "word" or depth:
                continue
            elif self._kind(self._at) == "=":
                self._at += 1
                attributes.setdefault(token.text, self._expression())
            else:
                block = self._block(token, level)
                blocks += [block] if block is not None else []
        return attributes, tuple(blocks)

    def _block(self, kind: _Token, level: int) -> Block | None:
        end = self._at
        while self._kind(end) in ("string", "word"):
            end += 1
        if self._kind(end) != "{" or level >= _DEEPEST:
            return None
        labels = tuple(token.text for token in self._tokens[self._at : end])
        self._at = end + 1
        attributes, blocks = self.body(level + 1)
        return Block(kind.text, labels, attributes, blocks, self._text.count("\n", 0, kind.at) + 1)

    def _expression(self) -> str:
        words, inner = [], 0
        while self._at < len(self._tokens):
            part = self._tokens[self._at]
            if inner == 0 and part.kind in ("newline", "}"):
                break
            inner += (part.kind in _OPEN) - (part.kind in _CLOSE)
            if part.kind != "newline":
                words.append(f'"{part.text}"' if part.kind == "string" else part.text)
            self._at += 1
        return "".join(words)

    def _kind(self, index: int) -> str:
        return self._tokens[index].kind if index < len(self._tokens) else ""


def _tokens(text: str) -> Iterator[_Token]:
    at, size = 0, len(text)
    while at < size:
        char = text[at]
        if char == "\n":
            yield _Token("newline", char, at)
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
            yield _Token("string" if end <= size else "unclosed", text[at + 1 : end - 1], at)
            at = end
        elif heredoc := _HEREDOC.match(text, at):
            closing = re.compile(rf"^[ \t]*{re.escape(heredoc[1])}[ \t]*\r?$", re.MULTILINE).search(text, heredoc.end())
            at = closing.end() if closing else size
            yield _Token("heredoc" if closing else "unclosed", "", at)
        elif word := _WORD.match(text, at):
            yield _Token("word", word[0], at)
            at = word.end()
        else:
            yield _Token(char, char, at)
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
