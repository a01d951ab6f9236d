"""Our backend wins: it is written so that no file of the source can replace it, and checked before each command.

terraform and tofu merge override files in the byte order of their names, and the last `backend`, `cloud` or
`state_store` block counts. So ours gets a name behind all others. tofu reads `x.tofu` instead of an `x.tf` beside it,
so the name is one that has no such twin.
"""

from __future__ import annotations

import contextlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from executors.agent.errors import StepFailed, unwritable
from executors.contract.foreign_state import STATE_FILE, holds_state
from terrakube_site.sentences import marked as _
from terrakube_site.terraform.configuration.files import (
    ENDINGS,
    OVERRIDE_FILE,
    is_last,
    last_override,
    our_name,
    state_blocks,
)

from .arguments import check_environment, without_backend

_OVERRIDE = b'terraform {\n  backend "http" {}\n}\n'
_WITH_STATE = ("plan", "apply", "destroy")
_BACKEND_OF_PLAN = 13  # the field `backend` of the message in a plan file
_LARGEST_PLAN_BYTES = 512 * 1024 * 1024


class BackendGuard:
    """Watches over the backend of one step. `asked` counts how often the tool asked our backend for the state."""

    def __init__(self, folder: Path, *, asked: Callable[[], int], say: Callable[[str], object]) -> None:
        self._folder = folder
        self._asked = asked
        self._say = say
        self._ours: Path | None = None
        self._asked_before = 0
        self._local_before: int | None = None
        self.local_state: Path | None = None  # a state that the tool left in the folder instead

    def environment(self, environment: Mapping[str, str], *, check: bool) -> dict[str, str]:
        """Return the tool's environment without a backend of its own; raises StepFailed for arguments that name one."""
        if check:
            check_environment(environment)
        return without_backend(environment)

    def prepare(self, environment: Mapping[str, str]) -> None:
        """Make init find our backend and nothing left by another one; raises StepFailed."""
        self._refuse_local_state()
        self._write_override()
        data = self._data(environment)
        for name in (STATE_FILE, "environment"):
            # Left by an earlier init with another backend, which must not be asked about.
            with contextlib.suppress(OSError):
                (data / name).unlink()

    def check(self, environment: Mapping[str, str], command: str, plan: Path | None = None) -> None:
        """Look at what is configured now; raises StepFailed for anything but our backend."""
        if command in _WITH_STATE:
            # A script may have written a file since, or taken ours away.
            self._write_override()
            self._asked_before, self._local_before = self._asked(), _stamp(self._folder / STATE_FILE)
            if plan is not None:
                self._check_plan(plan)
        data = self._data(environment)
        configured = _configured_backend(data / STATE_FILE)
        if configured != "http":
            raise self._backend_failure(configured)
        with contextlib.suppress(OSError):
            chosen = (data / "environment").read_text(errors="replace").strip()
            if chosen not in ("", "default"):
                raise StepFailed(
                    "backend-replaced",
                    _(
                        "{folder}/environment selects the terraform workspace {name}, but this site keeps one state "
                        "for each of its workspaces. Delete that file or the script that writes it."
                    ),
                    folder=data.name,
                    name=repr(chosen[:64]),
                )

    def check_finished(self, command: str, code: int) -> None:
        """After a command that works on the state: raise StepFailed if it never asked our backend for it."""
        if command not in _WITH_STATE or self._asked() > self._asked_before:
            return
        local = self._folder / STATE_FILE
        changed = local.is_file() and _stamp(local) != self._local_before
        if changed:
            self.local_state = local
        if changed or code in (0, 2):
            raise self._backend_failure("local" if changed else None)

    def _data(self, environment: Mapping[str, str]) -> Path:
        # terraform cleans the path before it asks the disk.
        return Path(os.path.normpath(self._folder / (environment.get("TF_DATA_DIR") or ".terraform")))

    def _refuse_local_state(self) -> None:
        """init would ask whether to copy such a state over ours."""
        if holds_state(self._folder):
            raise StepFailed(
                "backend-replaced",
                _(
                    "The source contains a state, {file}. Import it with manage.py import_state if it is in use, and "
                    "remove the file from the source."
                ),
                file=STATE_FILE,
            )

    def _write_override(self) -> None:
        names = self._names()
        ours = self._ours
        if ours is not None and ours.name in names and _is_ours(ours) and is_last(ours.name, names):
            return
        for name in names:
            # Ours from before: of this step, or carried over from the plan's.
            if name.endswith(OVERRIDE_FILE) and _is_ours(self._folder / name):
                (self._folder / name).unlink()
                names.remove(name)
        chosen = our_name(names)
        if chosen is None:
            raise StepFailed(
                "backend-replaced",
                _("The override file {file} sorts last, so this site cannot configure its backend. Rename the file."),
                file=repr(last_override(names)),
            )
        self._ours = self._folder / chosen
        try:
            # Never through a link.
            out = os.open(self._ours, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
            with os.fdopen(out, "wb") as file:
                file.write(_OVERRIDE)
        except OSError as error:
            raise unwritable(chosen, error) from None

    def _names(self) -> list[str]:
        return sorted(os.listdir(self._folder), key=os.fsencode)

    def _check_plan(self, plan: Path) -> None:
        """A plan file says itself in which backend its apply looks for the state."""
        backend = _backend_of_plan(plan)
        if backend is not None and backend != ("http", "default", True):
            kind, workspace, _kept = backend
            raise StepFailed(
                "backend-replaced",
                _(
                    "The plan file belongs to the backend {backend} and the terraform workspace {name}, not to this "
                    "site. A script must not replace the plan."
                ),
                backend=repr(kind[:64]),
                name=repr(workspace[:64]),
            )

    def _backend_failure(self, configured: str | None) -> StepFailed:
        backend = "none" if configured is None else configured[:64]
        blocks = ", ".join(f"{name} ({block})" for name, block in self.blocks())
        if blocks:
            return StepFailed(
                "backend-replaced",
                _(
                    "This site keeps the state, but the configured backend is {backend}. Remove the block from "
                    "{blocks}, and run no init in a script."
                ),
                backend=backend,
                blocks=blocks,
            )
        return StepFailed(
            "backend-replaced",
            _(
                "This site keeps the state, but the configured backend is {backend}. Do not run init or remove "
                "backend files in a script."
            ),
            backend=backend,
        )

    def blocks(self) -> Iterator[tuple[str, str]]:
        """Return the files of the source that configure where the state is kept, and with what block."""
        for name in self._names():
            path = self._folder / name
            if name.endswith(ENDINGS) and path != self._ours and path.is_file():
                with contextlib.suppress(OSError):
                    yield from ((name, block) for block, _ in state_blocks(path))


def our_overrides(folder: Path) -> list[str]:
    """Return the names of the override files in `folder` that are ours."""
    return [name for name in os.listdir(folder) if name.endswith(OVERRIDE_FILE) and _is_ours(folder / name)]


def _is_ours(path: Path) -> bool:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            return file.read(len(_OVERRIDE) + 1) == _OVERRIDE
    except OSError:
        return False


def _configured_backend(path: Path) -> str | None:
    """Return the backend that init configured; None without one, and with its values where it has any of its own."""
    try:
        backend = json.loads(path.read_bytes()).get("backend")
        kind, config = str(backend["type"]), backend.get("config") or {}
        own = sorted(name for name, value in config.items() if value is not None)
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return None
    # Ours has all its values from the environment.
    return f"{kind} with {', '.join(own)}" if kind == "http" and own else kind


def _stamp(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _backend_of_plan(path: Path) -> tuple[str, str, bool] | None:
    """(type, workspace, whether no value is set) of a plan file's backend; None for an encrypted or damaged plan."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("tfplan").file_size > _LARGEST_PLAN_BYTES:
                return None
            plan = archive.read("tfplan")
        backends = [value for number, value in _fields(plan) if number == _BACKEND_OF_PLAN]
        fields = dict(_fields(backends[-1])) if backends else {}
        config = dict(_fields(fields.get(2, b""))).get(1, b"")
    except (OSError, ValueError, KeyError, IndexError, zipfile.BadZipFile):
        return None
    return (
        fields.get(1, b"").decode(errors="replace"),
        fields.get(3, b"").decode(errors="replace"),
        _is_empty_map(config),
    )


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Return the length-delimited fields of a protobuf message."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = varint()
        match key & 7:
            case 0:
                varint()
            case 1:
                at += 8
            case 2:
                size = varint()
                yield key >> 3, message[at : at + size]
                at += size
            case 5:
                at += 4
            case _:
                raise ValueError("no protobuf message")


def _is_empty_map(packed: bytes) -> bool:
    """Return whether a MessagePack map holds nil for each of its keys."""
    if packed[:1] == b"\xde":
        count, at = int.from_bytes(packed[1:3]), 3
    elif packed and packed[0] & 0xF0 == 0x80:
        count, at = packed[0] & 0x0F, 1
    else:
        return not packed
    for _number in range(count):
        head = packed[at]
        if head & 0xE0 == 0xA0:
            at += 1 + (head & 0x1F)
        elif head == 0xD9:
            at += 2 + packed[at + 1]
        else:
            return False
        if packed[at : at + 1] != b"\xc0":
            return False
        at += 1
    return at == len(packed)
