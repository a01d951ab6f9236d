"""Files that a plan, or its scripts, made below the work folder: packed beside the plan, and put back for its apply.

A plan may refer to files that only its own step had, as the archive that `archive_file` wrote. They go with the plan:
one archive of what is new or changed since the checkout and a list of what was removed, a digest over plan and archive,
and a list for the people who approve. The apply refuses a plan whose digest is another.

What lies in the modules that init fetched is kept apart, since init has to fetch them again before it can be put back.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from executors.agent.api import Body
from executors.agent.context import Context
from executors.agent.errors import StepFailed, unreadable
from executors.agent.source.links import below_root, leads_out
from executors.contract.masking import Masker
from terrakube_site.sentences import marked as _

from .snapshot import Difference, Item, Snapshot, difference, shown, take_snapshot

_SOURCE, _MODULES = "source", "modules"
_BLOCK = 1024 * 1024
_MOST_LISTED = 1000
_MOST_LISTED_BYTES = 256 * 1024
_LARGEST_NAMED = 3
_MOST_ITEMS = 400_000
_MIB = 1024 * 1024


class Exchange(Protocol):
    """One API call about a file, retried during an outage; returns the status. Raises StepFailed."""

    def __call__(
        self, method: str, path: str, body: Body = None, *, into: Path | None = None, accept: frozenset[int] = ...
    ) -> int: ...


class PlanFiles:
    """The plan files of one step: a plan step records and stores them, its apply restores them."""

    def __init__(
        self,
        context: Context,
        folder: Path,
        environment: Mapping[str, str],
        exchange: Exchange,
        *,
        ours: Callable[[], Iterable[str]],
    ) -> None:
        """`ours` lists names in the step's `folder` that are not part of the source; `environment` is terraform's."""
        self._context = context
        self._folder = folder
        self._environment = environment
        self._exchange = exchange
        self._ours = ours
        self._root = os.path.realpath(context.folder.source)
        self._archive = context.private / "plan-files.tar.gz"
        self._masker = Masker([*context.claim.sensitive, context.job.access_token or ""])
        self._before: Snapshot | None = None
        self._modules_before = Snapshot()
        self._plan_digest = ""

    # ---- at a plan ------------------------------------------------------------------------------------------------

    def watch(self) -> None:
        """Take a snapshot of the checkout before anything of the step runs."""
        if self._context.claim.max_plan_files_bytes is not None:
            self._before = self._source_now()

    def watch_modules(self) -> None:
        """Take a snapshot of the modules as init left them."""
        if self._before is not None:
            self._modules_before = self._modules_now()

    def note_plan(self, plan_file: Path) -> None:
        """Record the digest of the stored plan; a script may change the file afterwards."""
        if self._before is not None:
            self._plan_digest = _file_digest(plan_file)

    def keep(self) -> None:
        """Store the created files, the digest and the list. Raises StepFailed if they exceed the limit."""
        if self._before is None or not self._plan_digest:
            return
        now = self._source_now()
        source = difference(self._before, now)
        modules = difference(self._modules_before, self._modules_now())
        for path in now.unreadable:
            self._context.say(f"Not kept for the apply, since it cannot be read: {self._printable_path(path)}")
        items = [*self._items(_SOURCE, self._root, source), *self._items(_MODULES, self._modules(), modules)]
        removed = {_SOURCE: source.removed, _MODULES: modules.removed}
        self._check_size(items)
        archive_digest = None
        if items or source.removed or modules.removed:
            self._pack(items, removed)
            archive_digest = _file_digest(self._archive)
            self._exchange("PUT", "/plan-files", self._archive)
            self._archive.unlink()
        files = [item for item in items if not stat.S_ISDIR(item.mode)]
        if files:
            self._context.say(f"Kept with the plan: {_count(len(files))}, {_mib(_sum(files))} in all.")
        manifest = self._manifest(items, removed, combined_digest(self._plan_digest, archive_digest))
        self._exchange("PUT", "/plan-manifest", json.dumps(manifest).encode())

    def _source_now(self) -> Snapshot:
        folder = os.path.relpath(os.path.realpath(self._folder), self._root)
        names = [os.path.normpath(os.path.join(folder, name)) for name in self._ours()]
        return take_snapshot(self._root, leave_out=[*names, *self._caches()], check=self._context.control.check)

    def _caches(self) -> Iterable[str]:
        """Return terraform's own folders that the environment sets to unusual places."""
        for name in ("TF_DATA_DIR", "TF_PLUGIN_CACHE_DIR"):
            given = self._environment.get(name)
            below = below_root(self._root, os.path.realpath(self._folder / given)) if given else None
            if below not in (None, "."):
                yield str(below)

    def _modules(self) -> str:
        return os.path.realpath(self._folder / (self._environment.get("TF_DATA_DIR") or ".terraform") / "modules")

    def _modules_now(self) -> Snapshot:
        return take_snapshot(self._modules(), check=self._context.control.check)

    def _items(self, place: str, root: str, found: Difference) -> Iterable[Item]:
        for path, (mode, size, *_rest) in found.made.items():
            if stat.S_ISLNK(mode):
                link = _link_inside(root, path)
                if link is None:
                    why = "the link leads out of the folder"
                    self._context.say(f"Not kept for the apply, since {why}: {self._printable_path(path)}")
                else:
                    yield Item(place, root, path, mode, 0, link)
            elif not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                self._context.say(
                    f"Not kept for the apply, since it is neither file, folder nor link: {self._printable_path(path)}"
                )
            elif not os.access(os.path.join(root, path), os.R_OK):
                self._context.say(f"Not kept for the apply, since it cannot be read: {self._printable_path(path)}")
            else:
                yield Item(place, root, path, mode, size)

    def _check_size(self, items: Sequence[Item]) -> None:
        most = self._context.claim.max_plan_files_bytes or 0
        if _sum(items) <= most and len(items) <= _MOST_ITEMS:
            return
        files = [item for item in items if not stat.S_ISDIR(item.mode)]
        largest = sorted(files, key=lambda item: (-item.size, item.path))[:_LARGEST_NAMED]
        names = ", ".join(f"{self._printable_path(item.path)} ({_mib(item.size)})" for item in largest)
        raise StepFailed(
            "plan-files-too-large",
            _(
                "The plan wrote {files} of {size} in total, more than the {limit} of ExecutorMaxPlanFilesMiB; the "
                "largest: {names}."
            ),
            files=_count(len(files)),
            size=_mib(_sum(items)),
            limit=_mib(most),
            names=names,
        )

    def _pack(self, items: Sequence[Item], removed: Mapping[str, Sequence[str]]) -> None:
        from .archive import pack  # only where something was made

        try:
            pack(self._archive, items, removed, check=self._context.control.check)
        except OSError as error:
            name = (
                self._printable_path(os.path.relpath(error.filename, self._root))
                if error.filename
                else self._archive.name
            )
            raise unreadable(name, error) from None

    def _manifest(self, items: Sequence[Item], removed: Mapping[str, Sequence[str]], digest: str) -> dict[str, Any]:
        files = [item for item in items if not stat.S_ISDIR(item.mode)]
        gone = [(place, path) for place, paths in removed.items() for path in paths]
        room = _MOST_LISTED_BYTES
        listed: list[dict[str, Any]] = []
        listed_gone: list[str] = []
        for item in files[:_MOST_LISTED]:
            name = self._name(item.place, item.path)
            room -= len(json.dumps(name)) + 40
            if room > 0:
                listed.append({"path": name, "size": item.size})
        for place, path in gone[:_MOST_LISTED]:
            name = self._name(place, path)
            room -= len(json.dumps(name)) + 4
            if room > 0:
                listed_gone.append(name)
        return {
            "digest": digest,
            "archived": bool(items or gone),
            "count": len(files),
            "bytes": _sum(files),
            "files": listed,
            "removedCount": len(gone),
            "removed": listed_gone,
        }

    def _name(self, place: str, path: str) -> str:
        return self._printable_path(path if place == _SOURCE else f".terraform/modules/{path}")

    def _printable_path(self, path: str) -> str:
        """Return a path for people, without secrets."""
        return (self._masker.feed(shown(path).encode()) + self._masker.finish()).decode(errors="replace")

    # ---- at its apply ---------------------------------------------------------------------------------------------

    def fetch(self, plan_file: Path) -> None:
        """Fetch the files stored with the plan, and check the digest of both. Raises StepFailed."""
        claim = self._context.claim
        digest = None
        if claim.has_plan_files:
            if self._exchange("GET", "/plan-files", into=self._archive, accept=frozenset({404})) == 404:
                raise StepFailed(
                    "plan-files-missing",
                    _("The files of the plan are gone, so the plan is not applied."),
                )
            digest = _file_digest(self._archive)
        # Nothing else is known of a plan from before digests existed.
        if claim.plan_digest and combined_digest(_file_digest(plan_file), digest) != claim.plan_digest:
            raise StepFailed(
                "plan-altered",
                _("The stored plan or its files were changed after the plan step, so nothing was applied."),
            )

    def restore(self) -> None:
        """Restore the files into the fresh source, before init."""
        if self._archive.is_file():
            self._restore(_SOURCE, self._root)

    def restore_modules(self) -> None:
        """Restore the files into the modules that init fetched."""
        if self._archive.is_file():
            self._restore(_MODULES, self._modules())
            self._archive.unlink()

    def _restore(self, place: str, root: str) -> None:
        from .archive import restore  # only where something was made

        restore(self._archive, place, Path(root), check=self._context.control.check)


def combined_digest(plan: str, archive: str | None) -> str:
    """Return the digest over a plan and its archive, from their own digests; None is no archive."""
    return sha256(f"plan {plan}\nfiles {archive or 'none'}\n".encode()).hexdigest()


def _file_digest(path: Path) -> str:
    digest = sha256()
    try:
        with path.open("rb") as content:
            while block := content.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise unreadable(path.name, error) from None
    return digest.hexdigest()


def _link_inside(root: str, path: str) -> str | None:
    """Return a link's target for the archive: relative, and inside the root; None if it leads out."""
    target = os.readlink(os.path.join(root, path))
    parents = path.split("/")[:-1]
    if target.startswith("/"):
        below = below_root(root, target)
        if below is None:
            return None
        target = "/".join([*[".."] * len(parents), below])
    return None if leads_out(root, [*parents, *target.split("/")]) else target


def _sum(items: Iterable[Item]) -> int:
    return sum(item.size for item in items)


def _count(number: int) -> str:
    return "1 file" if number == 1 else f"{number} files"


def _mib(size: int) -> str:
    return f"{size / _MIB:.1f} MiB"
