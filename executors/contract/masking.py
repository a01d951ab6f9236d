"""Mask sensitive values in a stream of bytes, wherever the stream is cut.

Released output cannot be taken back, so the end of the stream is held while it could be the start of a value. Values
are matched as they are, line by line, and as terraform and JSON would quote them. A value shorter than eight
characters is masked only as a whole word, or half of the log would vanish. Short numbers, `true`, `false` and `null`
are never masked: they are everywhere, and a mask would reveal them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

MASK = b"***"
SHORTEST_ANYWHERE = 8
_SHORTEST_LINE = 4
_NEVER = re.compile(r"true|false|null|[+-]?[\d_]*\.?\d+(e[+-]?\d+)?", re.IGNORECASE)
_WORD = re.compile(rb"[A-Za-z0-9_]")
_PROBE = 16

Span = tuple[int, int]


class Masker:
    """Takes bytes and returns them masked; `finish` returns the held rest."""

    def __init__(self, values: Iterable[str]) -> None:
        patterns = {form for value in values for form in _forms(value)}
        self._anywhere = sorted(form for form in patterns if len(form.decode()) >= SHORTEST_ANYWHERE)
        self._words = sorted(form for form in patterns if len(form.decode()) < SHORTEST_ANYWHERE)
        self._held = b""
        self._covered = 0  # this many held bytes belong to a value whose mask is already out
        self._before = b""  # the byte before the held ones, for the beginning of a word

    def feed(self, data: bytes) -> bytes:
        """Take more of the stream; the returned bytes are safe to show."""
        if not self._anywhere and not self._words:
            return data
        buffer = self._held + data
        cut = min(
            min((_possible_start(buffer, form) for form in self._anywhere), default=len(buffer)),
            min((_possible_word_start(buffer, form) for form in self._words), default=len(buffer)),
        )
        return self._release(buffer, cut)

    def finish(self) -> bytes:
        """End the stream."""
        return self._release(self._held, len(self._held))

    def _release(self, buffer: bytes, cut: int) -> bytes:
        if not cut:
            self._held = buffer
            return b""
        out = bytearray()
        done = 0
        covered, self._covered = self._covered, 0
        for start, end in _merged(self._spans(buffer, covered)):
            if start >= cut:
                break
            out += buffer[done:start]
            # The mask of a value that began before this part is already out.
            if start > 0 or not covered:
                out += MASK
            done = min(end, cut)
            self._covered = max(0, end - cut)
        out += buffer[done:cut]
        self._before = buffer[cut - 1 : cut]
        self._held = buffer[cut:]
        return bytes(out)

    def _spans(self, buffer: bytes, covered: int) -> list[Span]:
        spans = [(0, covered)] if covered else []
        for form in self._anywhere:
            spans.extend(_occurrences(buffer, form))
        for form in self._words:
            for start, end in _occurrences(buffer, form):
                before = buffer[start - 1 : start] if start else self._before
                if not _WORD.match(before) and not _WORD.match(buffer[end : end + 1]):
                    spans.append((start, end))
        return spans


def _forms(value: str) -> Iterable[bytes]:
    stripped = value.strip()
    texts = {stripped}
    lines = [line.strip() for line in stripped.splitlines()]
    if len(lines) > 1:
        # A short line (a bracket, "EOF") is no secret by itself, and masking it would blank out innocent lines.
        texts.update(line for line in lines if len(line) >= _SHORTEST_LINE)
        texts.add("\n".join(stripped.splitlines()))
    for text in texts:
        if not text or (len(text) < SHORTEST_ANYWHERE and _NEVER.fullmatch(text)):
            continue
        quoted = json.dumps(text, ensure_ascii=False)[1:-1]
        go = quoted.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
        hcl = quoted.replace("${", "$${").replace("%{", "%%{")
        for form in (text, quoted, json.dumps(text)[1:-1], go, hcl):
            yield form.encode(errors="replace")


def _occurrences(buffer: bytes, form: bytes) -> Iterable[Span]:
    at = buffer.find(form)
    while at >= 0:
        yield at, at + len(form)
        at = buffer.find(form, at + 1)


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _possible_start(buffer: bytes, form: bytes) -> int:
    """Return where the end of the buffer could begin `form`, else the length of the buffer."""
    size = len(buffer)
    # Only the last len(form) - 1 bytes can be an incomplete start. Long forms are found by their first bytes.
    at = max(0, size - len(form) + 1)
    probe = form[:_PROBE]
    while at < size:
        if size - at >= len(probe):
            at = buffer.find(probe, at)
            if at < 0:
                at = size - len(probe) + 1
                continue
        if form.startswith(buffer[at:]):
            return at
        at += 1
    return size


def _possible_word_start(buffer: bytes, form: bytes) -> int:
    # A whole word at the very end waits for the byte after it.
    return len(buffer) - len(form) if buffer.endswith(form) else _possible_start(buffer, form)
