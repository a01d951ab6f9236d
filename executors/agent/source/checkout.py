"""The step's source: an uploaded archive, or a shallow clone at the right commit."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from executors.agent.api import retrying
from executors.agent.context import Context
from executors.agent.errors import ApiRefused, ApiUnavailable, StepFailed
from executors.agent.process import run
from executors.contract.git_output import NO_SUCH_REF, last_words_of_git
from executors.contract.repository_access import RepositoryAccess, RepositoryAccessError, git_environment
from terrakube_site.sentences import marked as _

from .module_access import repository_access
from .new_token import is_login_refused, renew_token
from .ssh_servers import ssh_rsa_cure

_SHA = re.compile(r"[0-9a-fA-F]{40}([0-9a-fA-F]{24})?")
_KEPT_BYTES = 4096


def download_source(context: Context, target: Path) -> None:
    """Fetch the uploaded archive, waiting while the API is away, and unpack it into `target`; raises StepFailed."""
    from .unpack import unpack  # tarfile is not needed for a git source

    archive = context.private / "source.tar.gz"
    try:
        retrying(
            lambda: context.api.call("GET", "/source", into=archive),
            seconds=context.claim.outage_seconds,
            pause=context.control.pause,
        )
    except (ApiUnavailable, ApiRefused) as error:
        raise StepFailed("source-failed", _("The uploaded source could not be fetched: {error}"), error=error) from None
    unpack(archive, target, check=context.control.check)
    archive.unlink()


def work_folder(source: Path, folder: str) -> Path:
    """The directory that the workspace's folder names inside of the source; raises StepFailed."""
    path = source.joinpath(*[part for part in folder.split("/") if part])
    resolved = path.resolve()
    if not resolved.is_relative_to(source.resolve()):
        raise StepFailed("source-failed", _("The folder {folder} leads out of the source."), folder=repr(folder))
    if not resolved.is_dir():
        raise StepFailed("source-failed", _("The source has no folder {folder}."), folder=repr(folder))
    return resolved


class GitSource:
    """Clones the job's repository; git's messages go to the log.

    A token for the fetching alone is dropped with the fetch: files, filters and submodules are then the fork's choice.
    """

    def __init__(self, context: Context, target: Path, environment: Mapping[str, str]) -> None:
        self._context = context
        self._job = context.job
        self._target = target
        # A workspace may name a commit where others name a branch.
        self._commit = self._job.commit_id or (self._job.branch if _SHA.fullmatch(self._job.branch) else "")
        self._said = b""
        self._without_login = False
        self._base_environment = environment
        self._environment = environment

    def fetch(self) -> str:
        """Bring branch, tag or commit and the submodules into the target; returns the commit's hash."""
        source = self._job.source
        if not source or source == "empty" or source.startswith("-"):
            raise StepFailed("source-failed", _("The workspace has no source to clone."))
        try:
            return self._with_login(source)
        except StepFailed as failure:
            if self._without_login or not is_login_refused(self._said):
                raise
            # Its token may have expired while the step waited, or was withdrawn.
            renew_token(self._context, failure)
            self._context.say("git was refused; the site gave another token, and the repository is fetched again.")
            shutil.rmtree(self._target)
            self._target.mkdir()
            return self._with_login(source)

    def _with_login(self, source: str) -> str:
        access = repository_access(self._context)
        try:
            if not self._context.claim.fetch_only:
                with self._logged_in(access):
                    self._fetch_all(source)
                    return self._check_out()
            with self._logged_in(replace(access, access_token=self._context.claim.fetch_token)):
                self._fetch_all(source)
            self._context.claim = replace(self._context.claim, fetch_token=None)
            self._without_login = True
            with self._logged_in(replace(access, vcs_type="PUBLIC", access_token=None)):
                return self._check_out()
        except RepositoryAccessError as error:
            raise StepFailed("source-failed", error.sentence) from None

    @contextlib.contextmanager
    def _logged_in(self, access: RepositoryAccess) -> Iterator[None]:
        with git_environment(access, self._base_environment, self._context.private) as self._environment:
            yield

    def _fetch_all(self, source: str) -> None:
        self._must("init", "--quiet")
        self._must("remote", "add", "origin", source)
        self._fetch_wanted()

    def _check_out(self) -> str:
        self._must("checkout", "--quiet", "--detach", self._commit or "FETCH_HEAD")
        # Without a depth for the second time: a server may refuse to hand out a commit that is no tip.
        modules = (self._target / ".gitmodules").is_file()
        if modules and not self._submodules("--depth", "1") and not self._submodules():
            raise self._failed("A submodule could not be fetched")
        return self._answer("rev-parse", "HEAD")

    def _fetch_wanted(self) -> None:
        commit, branch = self._commit, self._job.branch
        if commit:
            if not _SHA.fullmatch(commit):
                raise StepFailed("source-failed", _("The commit is not a full hash."))
            if not self._git("fetch", "--quiet", "--depth", "1", "origin", commit, write=_discard):
                return
            # Fetching by hash is the server's choice; all of its branches and tags hold it, or it is gone.
            if self._git("fetch", "--quiet", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*"):
                raise self._failed("The repository could not be fetched")
            if self._git("cat-file", "-e", f"{commit}^{{commit}}", write=_discard):
                raise StepFailed("source-failed", _("The repository no longer has the commit {commit}."), commit=commit)
            return
        if not branch or branch.startswith("-"):
            raise StepFailed("source-failed", _("The workspace has no branch or tag."))
        for ref in (f"refs/heads/{branch}", f"refs/tags/{branch}"):
            messages = bytearray()
            if not self._git("fetch", "--quiet", "--depth", "1", "origin", ref, write=messages.extend):
                return
            # Asking for the list of refs first would cost every step one more connection.
            if NO_SUCH_REF.encode() not in messages:
                self._context.log.write(bytes(messages))
                raise self._failed("The repository could not be fetched")
        raise StepFailed("source-failed", _("The repository has no branch or tag {branch}."), branch=repr(branch))

    def _submodules(self, *options: str) -> bool:
        return self._git("submodule", "--quiet", "update", "--init", "--recursive", *options) == 0

    def _must(self, *arguments: str) -> None:
        if self._git(*arguments):
            raise self._failed(f"git {arguments[0]} failed")

    def _answer(self, *arguments: str) -> str:
        output = self._context.private / "git-answer"
        if self._git(*arguments, output=output):
            raise self._failed("The repository could not be read")
        return output.read_text(errors="replace").strip()

    def _git(self, *arguments: str, write: Callable[[bytes], object] | None = None, output: Path | None = None) -> int:
        self._said = b""
        show = write or self._context.log.write

        def keep_and_show(data: bytes) -> None:
            self._said = (self._said + data)[-_KEPT_BYTES:]
            show(data)

        code = run(
            ["git", *arguments],
            cwd=self._target,
            environment=self._environment,
            control=self._context.control,
            write=keep_and_show,
            output=output,
            whole_group=True,
        )
        self._context.control.check()
        return code

    def _failed(self, what: str) -> StepFailed:
        said = self._context.log.mask(self._said)
        if cure := ssh_rsa_cure(said):
            return StepFailed("source-failed", cure)
        words = last_words_of_git(said)
        if not words:
            return StepFailed("source-failed", _("{problem}; git's message is in the log."), problem=what)
        return StepFailed("source-failed", _("{problem}; git says: {words}."), problem=what, words=words)


def _discard(data: bytes) -> None:
    """git's message about something that is then tried in another way."""
