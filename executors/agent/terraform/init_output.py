"""What init printed: shown as it comes except its errors, which are held back, and what its errors are about."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from executors.agent.source.ssh_servers import ssh_rsa_cure
from terrakube_site.sentences import Sentence
from terrakube_site.sentences import marked as _

#: Colours and styles; any other sequence stays, to be shown as text by who reads it.
STYLE = re.compile(rb"\x1b\[[0-9;:]*m")
LOCK_FILE = ".terraform.lock.hcl"
_KEPT_BYTES = 1024 * 1024
_FRAME = "╷".encode()
_ERROR = re.compile("(?:│ )?Error: ".encode())
_BAR = re.compile(r"[\s│]+")
_UNAVAILABLE = re.compile(
    r"provider (\S+): (?:no available releases match|the previously-selected version \S+ is no longer available)"
)
_OTHER_CHECKSUMS = re.compile(
    r"package for (\S+) (?:\S+ )?doesn't match any of the checksums previously recorded in the dependency lock file"
)


class InitOutput:
    """Feed the output of one init; `show` gets it without its errors, or nothing of it if `quietly`.

    `release` shows what was held back. Of very long errors the end is kept.
    """

    def __init__(self, show: Callable[[bytes], object], *, quietly: bool) -> None:
        self._show = show
        self._held = bytearray()
        self._line = bytearray()
        self._frame = bytearray()  # the first line of a frame, which may be a warning's
        self._holds = quietly

    def feed(self, data: bytes) -> None:
        """Take more output."""
        self._line += data
        *lines, rest = self._line.splitlines(keepends=True) or [bytearray()]
        if rest.endswith(b"\n"):
            lines, rest = [*lines, rest], bytearray()
        self._line = rest
        for line in lines:
            self._take(line)

    def release(self) -> None:
        """Show what was held back."""
        self._show(self._unshown)
        self._held, self._frame, self._line = bytearray(), bytearray(), bytearray()

    @property
    def errors(self) -> InitErrors:
        """Return what the errors held back are about."""
        return read_errors(self._unshown)

    @property
    def _unshown(self) -> bytes:
        return bytes(self._held + self._frame + self._line)

    def _take(self, line: bytearray) -> None:
        if self._holds:
            self._held += line
            del self._held[:-_KEPT_BYTES]
            return
        self._frame += line
        text = STYLE.sub(b"", line).strip()
        if text == _FRAME:
            return
        self._holds = _ERROR.match(text) is not None
        if self._holds:
            self._held = self._frame
        else:
            self._show(bytes(self._frame))
        self._frame = bytearray()


@dataclass(frozen=True, slots=True, kw_only=True)
class InitErrors:
    """Providers without a fitting version, those whose package the lock file does not know, the cure of an SSH server.

    A provider is named as terraform prints it.
    """

    unavailable: frozenset[str] = frozenset()
    other_checksums: frozenset[str] = frozenset()
    of_ssh_server: str | None = None

    def cure(self, tool: str, platform: str) -> str | None:
        """Return what to do about an error whose own heading does not tell it."""
        names = ", ".join(sorted(self.other_checksums))
        return _sentence(names, tool, platform) if names else self.of_ssh_server


def _sentence(names: str, tool: str, platform: str) -> str:
    return Sentence(
        _(
            "The checksums of {names} in {file} do not match {platform}: the file was written on another platform. "
            "Run {tool} providers lock -platform={platform} and commit the file."
        ),
        file=LOCK_FILE,
        names=names,
        platform=platform,
        tool=tool,
    )


def read_errors(output: bytes) -> InitErrors:
    """Read what init's errors are about; their lines are wrapped, and have a bar before them in a frame."""
    text = _BAR.sub(" ", STYLE.sub(b"", output).decode(errors="replace"))
    return InitErrors(
        unavailable=frozenset(_UNAVAILABLE.findall(text)),
        other_checksums=frozenset(_OTHER_CHECKSUMS.findall(text)),
        of_ssh_server=ssh_rsa_cure(text),
    )
