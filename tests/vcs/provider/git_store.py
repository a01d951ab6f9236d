"""The fake provider's repositories on the disk: bare ones, written to by git itself without a work folder."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ZEROS = "0" * 40
_BASE = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_ALLOW_PROTOCOL": "file",
    "LC_ALL": "C.UTF-8",
}


class GitFailed(Exception):
    """git ended with an error; the text is its own."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as deliveries and API answers show it; the three sets are paths."""

    sha: str
    tree: str
    message: str
    author: str
    email: str
    at: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    modified: tuple[str, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """Return all paths that it touches."""
        return (*self.added, *self.modified, *self.removed)


class GitStore:
    """One bare repository in ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path) -> GitStore:
        """Create an empty repository whose first branch is main."""
        path.mkdir(parents=True)
        store = cls(path)
        store.git("init", "--quiet", "--bare", "--initial-branch=main")
        # As the providers: fetching by the hash of a commit, and pushing over HTTP.
        store.git("config", "uploadpack.allowAnySHA1InWant", "true")
        store.git("config", "http.receivepack", "true")
        return store

    def git(
        self, *arguments: str, text: str = "", ok: tuple[int, ...] = (0,), environ: Mapping[str, str] | None = None
    ) -> str:
        """Run git on the repository and return what it prints. Raises GitFailed."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            env={**os.environ, **_BASE, **(environ or {})},
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in ok:
            raise GitFailed(f"git {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def refs(self) -> dict[str, str]:
        """Return the commit of each branch and tag by its full name."""
        lines = self.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/tags").splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def tip(self, ref: str) -> str:
        """Return the commit of a ref, or an empty text if there is none."""
        return self.git("rev-parse", "--quiet", "--verify", f"{ref}^{{commit}}", ok=(0, 1, 128))

    def commit(
        self, branch: str, files: Mapping[str, str | None], message: str, author: tuple[str, str], start: str = ""
    ) -> str:
        """Commit files to a branch, which begins at the ref ``start`` if it is new; None removes a file."""
        parent = self.tip(f"refs/heads/{branch}") or (self.tip(start) if start else "")
        index = {"GIT_INDEX_FILE": str(self.path / f"index-{os.urandom(4).hex()}")}
        try:
            if parent:
                self.git("read-tree", parent, environ=index)
            entries = []
            for name, content in files.items():
                blob = "" if content is None else self.git("hash-object", "-w", "--stdin", text=content)
                entries.append(f"100644 {blob}\t{name}\n" if blob else f"0 {ZEROS}\t{name}\n")
            self.git("update-index", "--index-info", text="".join(entries), environ=index)
            tree = self.git("write-tree", environ=index)
        finally:
            Path(index["GIT_INDEX_FILE"]).unlink(missing_ok=True)
        sha = self._commit_tree(tree, [parent] if parent else [], message, author)
        self.git("update-ref", f"refs/heads/{branch}", sha)
        return sha

    def _commit_tree(self, tree: str, parents: list[str], message: str, author: tuple[str, str]) -> str:
        name, email = author
        people = {
            "GIT_AUTHOR_NAME": name,
            "GIT_AUTHOR_EMAIL": email,
            "GIT_COMMITTER_NAME": name,
            "GIT_COMMITTER_EMAIL": email,
        }
        named = [part for parent in parents for part in ("-p", parent)]
        return self.git("commit-tree", tree, *named, text=message, environ=people)

    def merged_tree(self, base: str, head: str) -> str | None:
        """Return the tree of head merged into base, or None if they conflict."""
        told = self.git("merge-tree", "--write-tree", base, head, ok=(0, 1))
        tree, _, conflicts = told.partition("\n")
        return None if conflicts else tree

    def merge(self, base: str, head: str, message: str, author: tuple[str, str]) -> str | None:
        """Return a commit that merges head into base, or None if they conflict; no ref is moved."""
        tree = self.merged_tree(base, head)
        return self._commit_tree(tree, [base, head], message, author) if tree else None

    def merge_base(self, one: str, other: str) -> str:
        """Return where two commits part."""
        return self.git("merge-base", one, other)

    def commits(self, old: str, new: str) -> list[Commit]:
        """Return the commits that ``new`` has and ``old`` has not, oldest first; old may be empty or zeros."""
        limits = [new] if not old.strip("0") else [f"{old}..{new}"]
        return [self.commit_of(sha) for sha in self.git("rev-list", "--reverse", *limits).splitlines()]

    def commit_of(self, sha: str) -> Commit:
        """Return one commit with the files that it touches. Raises GitFailed for an unknown one."""
        shown = self.git("show", "--no-patch", "--format=%H%x00%T%x00%an%x00%ae%x00%aI%x00%B", f"{sha}^{{commit}}")
        full, tree, author, email, at, message = shown.split("\0", 5)
        kinds: dict[str, list[str]] = {"A": [], "D": [], "M": []}
        for line in self.git("diff-tree", "-r", "--root", "--no-commit-id", "--name-status", full).splitlines():
            kind, name = line.split("\t", 1)
            kinds.get(kind, kinds["M"]).append(name)
        added, removed, modified = (tuple(kinds[kind]) for kind in "ADM")
        return Commit(full, tree, message.strip(), author, email, at, added, removed, modified)

    def changed(self, old: str, new: str) -> dict[str, str]:
        """Return the paths that differ between two commits, each with git's letter: A, M, D."""
        lines = self.git("diff", "--no-renames", "--name-status", old, new).splitlines()
        return {name: kind[0] for kind, name in (line.split("\t", 1) for line in lines)}

    def contains(self, sha: str, older: str) -> bool:
        """Tell whether a commit has an older one behind it."""
        return self.git("rev-list", "--max-count=1", older, f"^{sha}") == ""

    def tree(self, ref: str) -> list[tuple[str, str, str]]:
        """Return (path, ``blob`` or ``tree``, hash) of everything in a commit, folders too."""
        rows = []
        for line in self.git("ls-tree", "-r", "-t", ref).splitlines():
            head, path = line.split("\t", 1)
            _, kind, sha = head.split(" ")
            rows.append((path, kind, sha))
        return rows

    def fork(self, path: Path) -> GitStore:
        """Copy the repository with its branches."""
        made = GitStore.create(path)
        made.git("fetch", "--quiet", f"file://{self.path}", "+refs/heads/*:refs/heads/*")
        return made

    def bring(self, other: GitStore, sha: str) -> None:
        """Have a commit of another repository here too, as providers do for pull requests of forks."""
        self.git("fetch", "--quiet", f"file://{other.path}", sha)
