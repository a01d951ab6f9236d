"""Branches of a repository, and the folders of a branch that hold a configuration, as git itself lists them.

git needs no API: it lists a folder of any size at once, and who lists is sure that steps can clone.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_noop as _

from executors.contract.git_output import last_words_of_git
from executors.contract.repository_access import RepositoryAccess, RepositoryAccessError
from executors.launching.site_git import TIMEOUT_SECONDS, GitFailed, GitTimeout, SiteGit, site_git
from terrakube_site.messages import marked, message
from terrakube_site.outgoing import OutgoingError
from vcs.connections.problems import ConnectionProblem
from vcs.connections.tokens import token_for
from vcs.providers import provider_of
from vcs.providers.base import Repository, endpoint_of, normalized
from workspaces.connections.addresses import git_host_of, is_there
from workspaces.models import Vcs
from workspaces.validation.repositories import check_repository

CONFIGURATION_FILES = ("*.tf", "*.tofu", "*.tf.json", "*.tofu.json")
_HEADS = "refs/heads/"
_ONLY_HTTP = _("Enter the https URL that git clones the repository from.")
_REFUSED = ("error: 401", "error: 403", "authentication failed", "could not read username", "access denied")


@dataclass(frozen=True, slots=True)
class Branches:
    """The branches of a repository, the default one first; ``default`` is empty where the repository names none."""

    names: tuple[str, ...]
    default: str = ""


def branches_of(vcs: Vcs, source: str) -> Branches:
    """Return the branches of a repository. Never call it inside a transaction.

    Raises ConnectionProblem, also for a repository without a branch.
    """
    with _reading(vcs, source) as git:
        lines = git.read(["ls-remote", "--symref", "--", source, "HEAD", f"{_HEADS}*"]).splitlines()
    default, names = "", []
    for line in lines:
        what, _tab, ref = line.partition("\t")
        if what.startswith(f"ref: {_HEADS}") and ref == "HEAD":
            default = what.removeprefix(f"ref: {_HEADS}")
        elif ref.startswith(_HEADS):
            names.append(ref.removeprefix(_HEADS))
    if not names:
        raise ConnectionProblem(
            message(_("{repository} has no branch yet. Push a first commit, then look again."), repository=source)
        )
    # A repository may name a default branch that it does not have.
    default = default if default in names else ""
    return Branches(tuple(sorted(names, key=lambda name: (name != default, name))), default)


def folders_of(vcs: Vcs, source: str, branch: str) -> tuple[str, ...]:
    """Return the folders of a branch that hold a configuration, in order; "" is the top of the repository.

    Never call it inside a transaction. Raises ConnectionProblem.
    """
    with _reading(vcs, source, branch) as git:
        clone = git.folder / "clone"
        # Without files: only their names are asked for. A server that cannot leave them out sends them too.
        git.read(
            ["clone", "--quiet", "--bare", "--depth=1", "--no-tags", "--filter=blob:none", f"--branch={branch}", "--",
             source, str(clone)]
        )  # fmt: skip
        git.read(["read-tree", "HEAD"], cwd=clone)
        files = git.read(["ls-files", "-z", "--", *CONFIGURATION_FILES], cwd=clone).split("\0")
    return tuple(sorted({posixpath.dirname(name) for name in files if name}))


def why_not_source(vcs: Vcs, source: str) -> str:
    """Return why workspaces of a connection cannot have an address as their source; empty if they can."""
    try:
        check_repository(source)
        if not source.startswith(("https://", "http://")) or not normalized(source):
            return marked(_ONLY_HTTP)
        repository_of_source(vcs, source)
        _check_place(vcs, source)
    except ValidationError as error:
        return " ".join(error.messages)
    except ConnectionProblem as problem:
        return problem.sentence
    except ValueError:
        return marked(_ONLY_HTTP)
    return ""


def repository_of_source(vcs: Vcs, source: str) -> Repository:
    """Return the repository of a source. Raises ValueError if it names none."""
    return Repository.of(source, "" if provider_of(vcs) is None else endpoint_of(vcs))


def _check_place(vcs: Vcs, source: str) -> None:
    """Refuse a repository of another host, which would get the connection's token. Raises ConnectionProblem."""
    if provider_of(vcs) is not None and not is_there(vcs, source):
        raise ConnectionProblem(
            message(
                _("{repository} is not at {host}, the host of the connection “{name}”."),
                repository=source,
                host=git_host_of(vcs),
                name=vcs.name,
            )
        )


@contextmanager
def _reading(vcs: Vcs, source: str, branch: str = "") -> Iterator[SiteGit]:
    """Provide git for a repository, logged in by the connection. Raises ConnectionProblem for what it says."""
    _check_place(vcs, source)
    token = token_for(vcs, source)
    access = RepositoryAccess(
        source=source,
        vcs_type=vcs.vcs_type,
        connection_type=vcs.connection_type,
        access_token=token.text if token is not None else None,
    )
    words = {"repository": source, "host": urlsplit(normalized(source)).netloc or source, "branch": branch}
    try:
        with site_git(access) as git:
            yield git
    except (OutgoingError, RepositoryAccessError) as error:
        sentence = message(_("git cannot read {repository}: {error}."), **words, error=str(error).rstrip("."))
        raise ConnectionProblem(sentence) from error
    except GitTimeout as error:
        sentence = message(
            _("{host} did not answer git within {seconds} s. Try again in a moment."), **words, seconds=TIMEOUT_SECONDS
        )
        raise ConnectionProblem(sentence, temporary=True) from error
    except GitFailed as error:
        raise _problem(str(error), words) from error


def _problem(said: str, words: dict[str, str]) -> ConnectionProblem:
    """Return what git's errors mean."""
    known, last = said.lower(), last_words_of_git(said) or "git failed"
    if "error: 429" in known:
        sentence = message(_("{host} accepts no more requests of git. Try again in some minutes."), **words)
        return ConnectionProblem(sentence, temporary=True)
    if words["branch"] and "remote branch" in known:
        return ConnectionProblem(message(_("{repository} has no branch {branch}."), **words))
    if any(text in known for text in _REFUSED):
        sentence = message(
            _("{host} does not let git read {repository} ({error}). Try the connection on its page."),
            **words,
            error=last,
        )
        return ConnectionProblem(sentence)
    return ConnectionProblem(message(_("git cannot read {repository}: {error}."), **words, error=last))
