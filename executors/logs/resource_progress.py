"""How far an apply or destroy is with each resource, read from the lines that terraform and tofu print. Pure.

Both print the same lines, with or without colours. A `-json` stream would tell the same, but then the log that people
and clients read would be another one than the program's own.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from enum import StrEnum

MOST_RESOURCES = 20_000
"""Resources of which one apply is followed; later ones are left out."""
_LONGEST_LINE = 16_384
_STYLE = re.compile(rb"\x1b\[[0-9;:]*m")
_FRAME = re.compile(rb"^[\s\xe2\x94\x82\xb7\xb5\x95|]+")
# A key of for_each is quoted and may hold anything, also what looks like one of these lines.
_ADDRESS = rb'[^\s\[":(]+(?:\[(?:\d+|"(?:\\.|[^"\\])*")\][^\s\[":(]*)*'
_LINE = re.compile(
    rb"^(?P<address>" + _ADDRESS + rb")(?: \(deposed object \w+\))?: "
    rb"(?:(?P<begun>Creating|Modifying|Destroying|Importing)\.\.\."
    rb"|(?P<done>Creation|Modifications|Destruction|Import) complete(?: after (?P<took>[0-9hms]+))?(?: |$))"
)
_WITH = re.compile(rb"^with (" + _ADDRESS + rb"),$")
_SPAN = re.compile(r"(\d+)([hms])")
_SECONDS = {"h": 3600, "m": 60, "s": 1}


class Act(StrEnum):
    """What is done to a resource."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    IMPORT = "import"


_BEGUN = {b"Creating": Act.CREATE, b"Modifying": Act.UPDATE, b"Destroying": Act.DELETE, b"Importing": Act.IMPORT}
_DONE = {
    b"Creation": Act.CREATE,
    b"Modifications": Act.UPDATE,
    b"Destruction": Act.DELETE,
    b"Import": Act.IMPORT,
}


@dataclass(slots=True)
class Progress:
    """One resource; times are None where the log was stored without them.

    A replaced resource is destroyed and created: ``acts`` counts what is complete, ``seconds`` is the sum that the
    program told of it.
    """

    address: str
    act: Act
    begun_at: dt.datetime | None
    running: bool = True
    failed: bool = False
    acts: int = 0
    seconds: int = 0
    act_begun_at: dt.datetime | None = None


def span_seconds(text: str) -> int:
    """Return the seconds of a span as both programs print it: ``3s``, ``1m10s``, ``00m10s``, ``1h2m3s``."""
    return sum(int(number) * _SECONDS[unit] for number, unit in _SPAN.findall(text))


class ProgressReader:
    """Takes an apply's log as it grows; ``resources`` are in the order in which they were begun."""

    def __init__(self) -> None:
        self.resources: dict[str, Progress] = {}
        self._rest = b""
        self._in_error = False

    def feed(self, data: bytes, at: dt.datetime | None = None) -> None:
        """Take more of the log, which arrived ``at``."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()[-_LONGEST_LINE:]
        for line in lines:
            self._take(_STYLE.sub(b"", line).rstrip(), at)

    def _take(self, line: bytes, at: dt.datetime | None) -> None:
        found = _LINE.match(line)
        if found is None:
            self._take_error(_FRAME.sub(b"", line))
            return
        self._in_error = False
        address = found["address"].decode(errors="replace")
        row = self.resources.get(address)
        if found["begun"]:
            self._begin(row, address, _BEGUN[found["begun"]], at)
        elif row is not None and found["done"]:
            row.act, row.running = _DONE[found["done"]], False
            row.acts += 1
            row.seconds += span_seconds((found["took"] or b"").decode())

    def _begin(self, row: Progress | None, address: str, act: Act, at: dt.datetime | None) -> None:
        if row is not None:
            row.act, row.running, row.act_begun_at = act, True, at
        elif len(self.resources) < MOST_RESOURCES:
            self.resources[address] = Progress(address, act, at, act_begun_at=at)

    def _take_error(self, line: bytes) -> None:
        """Note the resource that an error is about; a warning may name one as well."""
        if line.startswith((b"Error: ", b"Warning: ")):
            self._in_error = line.startswith(b"Error: ")
            return
        named = _WITH.match(line) if self._in_error else None
        if named is not None:
            row = self.resources.get(named[1].decode(errors="replace"))
            if row is not None:
                row.running, row.failed = False, True
