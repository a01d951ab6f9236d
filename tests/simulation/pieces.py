"""Many histories in pieces, kept in a file: a run that was interrupted goes on, in any number of processes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

SIZE = 100
_ROOT = Path(__file__).parents[2]
_CODE = ("executors", "terrakube_site", "tests/simulation", "tfe", "vcs", "workspaces")


@dataclass(frozen=True, slots=True)
class Piece:
    """So many histories from the seed ``first`` on."""

    first: int
    histories: int

    @property
    def seeds(self) -> range:
        return range(self.first, self.first + self.histories)


def pieces(first: int, histories: int) -> Iterator[Piece]:
    """Cut a run into pieces that end at multiples of ``SIZE``, whichever part of it is asked for."""
    end = first + histories
    while first < end:
        following = min(end, first - first % SIZE + SIZE)
        yield Piece(first, following - first)
        first = following


def digest_of_code() -> str:
    """Return a digest of the code that is simulated and that simulates: a piece is only done for the code it ran."""
    digest = hashlib.sha256()
    for folder in _CODE:
        for path in sorted((_ROOT / folder).rglob("*.py")):
            digest.update(path.relative_to(_ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


class Log:
    """The pieces that are done, one a line of JSON; ``path`` None keeps none. Processes may write to it at once."""

    def __init__(self, path: Path | None, code: str) -> None:
        self._path = path
        self._code = code

    def _lines(self) -> Iterator[tuple[Piece, list[int]]]:
        if self._path is None or not self._path.exists():
            return
        for text in self._path.read_text().splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                # The last one of a process that was killed.
                continue
            if line["code"] == self._code:
                yield Piece(line["first"], line["histories"]), line["wrong"]

    def left(self, wanted: Iterable[Piece]) -> list[Piece]:
        """Return the pieces that are not done yet."""
        done = {piece for piece, _wrong in self._lines()}
        return [piece for piece in wanted if piece not in done]

    def wrong(self) -> list[int]:
        """Return the seeds of all histories that were wrong."""
        return sorted({seed for _piece, wrong in self._lines() for seed in wrong})

    def add(self, piece: Piece, wrong: list[int], cpu_seconds: float) -> None:
        if self._path is None:
            return
        line = asdict(piece) | {"wrong": wrong, "cpuSeconds": round(cpu_seconds, 1), "code": self._code}
        with self._path.open("a") as log:
            # The line before may be half a one.
            log.write("\n" + json.dumps(line))
