"""Keep a state that terraform prints out of the log.

When neither its backend nor a file (errored.tfstate) takes the state, terraform prints it as JSON with its secrets:
indented or in one line, and as a member of a line of its own with `-json`. It may be the only copy, so it is kept.
"""

from __future__ import annotations

import json
import re

from .waiting_states import parse_state

NOTE = b"[A state that terraform printed is left out of the log.]\n"
_LARGEST_BYTES = 512 * 1024 * 1024
#: So many bytes of a line decide what it is.
_HEAD_BYTES = 256
_COLOR = rb"(?:\x1b\[[0-9;]*m)*"
#: A state's first member, in whatever order a tool writes them.
_STATE = re.compile(
    _COLOR + rb'\{\s*"(?:version|terraform_version|serial|lineage|meta|encrypted_data|encryption_version)"\s*:'
)
_EVENT = re.compile(_COLOR + rb'\{"@level":"[a-z]*","@message":"Emergency state dump"')
#: What the beginning of one of them looks like as long as it is not decided.
_UNDECIDED = re.compile(
    _COLOR + rb'(?:\x1b(?:\[[0-9;]*)?)?(?:\{\s*(?:"[a-z_]{0,18}"?\s*|"@[^\n]{0,60})?)?',
)
_START_OF_INDENTED = re.compile(_COLOR + rb"\{[ \t\r]*\n")
_END_OF_INDENTED = re.compile(rb"^\}[ \t\r]*\n", re.MULTILINE)
_END_OF_LINE = re.compile(rb"\n")
_LEADING_COLOR = re.compile(rb"\A" + _COLOR)


class PrintedState:
    """Feed output, get back what may be shown. `state` is the newest complete state that was printed."""

    def __init__(self) -> None:
        self.state: bytes | None = None
        self._held = bytearray()  # the beginning of a line that may be a state's, or what was printed of a state
        self._at_line_start = True
        self._end: re.Pattern[bytes] | None = None  # what ends the state that is being printed
        self._searched = 0

    def feed(self, data: bytes) -> bytes:
        """Take more output; what comes back holds no state."""
        if self._held and self._end is None:
            data, self._at_line_start = bytes(self._held) + data, True
            self._held.clear()
        out = bytearray()
        at = 0
        while at < len(data):
            if self._end is not None:
                at = self._swallow(data, at, out)
                continue
            if self._at_line_start and data[at] in b"{\x1b":
                head = data[at : at + _HEAD_BYTES]
                if _STATE.match(head) or _EVENT.match(head):
                    self._end = _END_OF_INDENTED if _START_OF_INDENTED.match(head) else _END_OF_LINE
                    self._searched = 0
                    continue
                if len(head) < _HEAD_BYTES and _UNDECIDED.fullmatch(head):
                    self._held += head
                    break
            end = data.find(b"\n", at) + 1
            self._at_line_start = bool(end)
            out += data[at : end or len(data)]
            at = end or len(data)
        return bytes(out)

    def finish(self) -> bytes:
        """Return the end of a command's output: a state that was not printed to its end stays out of the log too."""
        held, inside = bytes(self._held), self._end is not None
        self._held.clear()
        self._end, self._at_line_start = None, True
        if not inside:
            return held
        self._keep(held)
        return NOTE

    def _swallow(self, data: bytes, at: int, out: bytearray) -> int:
        """Hold the state until its end, and put a note in its place; returns where it ends in `data`."""
        if self._end is None:
            return at
        before = len(self._held)
        self._held += data[at:]
        end = self._end.search(self._held, self._searched)
        if end is None:
            # The end may be cut in two: look again from the last line's beginning.
            self._searched = max(0, self._held.rfind(b"\n") + 1)
            if len(self._held) > _LARGEST_BYTES:
                # Nothing is that large; it is lost, and still not shown.
                self._held.clear()
                self._searched = 0
            return len(data)
        printed = bytes(self._held[: end.end()])
        self._held.clear()
        self._end, self._at_line_start = None, True
        # JSON of something else may begin like a state.
        out += NOTE if self._keep(printed) else printed
        return at + end.end() - before

    def _keep(self, printed: bytes) -> bool:
        text = _LEADING_COLOR.sub(b"", printed, count=1)
        if parse_state(text) is None:
            try:
                text = json.dumps(json.loads(text)["state"]).encode()
            except (ValueError, KeyError, TypeError):
                return False
            if parse_state(text) is None:
                return False
        self.state = text
        return True
