"""Check where a configuration comes from when it is saved: the repository's URL, the ref, the folder."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

NO_REPOSITORY = "empty"
"""Terrakube's source of a workspace whose configuration is uploaded."""
COMMIT = re.compile(r"[0-9a-fA-F]{40}([0-9a-fA-F]{24})?")
_SCP_LIKE = re.compile(r"(?:[\w.-]+@)?(?P<host>[^\s/:@]+):(?!//)(?P<path>[^\s]+)")
_TRANSPORT = re.compile(r"(?P<transport>[A-Za-z][\w+.-]*)::")
_HOST = re.compile(r"(?!-)[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\]|(?!-)\w[\w.-]*")
_TOKENS = ("ghp_", "gho_", "ghu_", "ghs_", "github_pat_", "glpat-", "gldt-", "oauth2", "x-token-auth", "x-access-token")
_LONGEST_USER = 39
"""A longer name before the @ is a token; GitHub, GitLab and Azure DevOps allow no longer organization names."""


def check_repository(source: str) -> None:
    """Refuse a source that git could not fetch, or fetches from this machine or by a program. Raises ValidationError.

    https, ssh and the short ssh form host:path are allowed; http and file where TERRAKUBE_SOURCE_SCHEMES has them.
    """
    if source == NO_REPOSITORY:
        return
    if not source.strip() or source != source.strip() or _has_control(source):
        raise _refusal(_("Enter the URL of a git repository, without spaces."))
    if source.startswith("-"):
        raise _refusal(_('A repository\'s URL cannot begin with "-".'))
    transport = _TRANSPORT.match(source)
    if transport:
        if transport["transport"] == "git":
            raise _refusal(_('Leave out "git::" and enter the plain git URL.'))
        raise _refusal(
            _('"%(transport)s::" runs a program to fetch the repository, which is not allowed. Use https or ssh.'),
            transport=transport["transport"],
        )
    if "://" not in source:
        _check_short_form(source)
        return
    try:
        url = urlsplit(source)
        host, port = url.hostname or "", url.port
    except ValueError:
        raise _refusal(_("This is not a valid URL.")) from None
    del port  # reading it is the check
    _check_scheme(url.scheme)
    if url.scheme != "file" and not _HOST.fullmatch(host if ":" not in host else f"[{host}]"):
        raise _refusal(_("The URL needs a valid host name."))
    _check_no_credentials(url)
    _check_no_module_address(url)


def _check_scheme(scheme: str) -> None:
    allowed = settings.SOURCE_SCHEMES
    if scheme not in allowed:
        raise _refusal(
            _('"%(scheme)s" is not allowed in a repository\'s URL here. Allowed: %(allowed)s, and host:path for ssh.'),
            scheme=scheme,
            allowed=", ".join(allowed),
        )


def _check_short_form(source: str) -> None:
    match = _SCP_LIKE.fullmatch(source)
    if match is None or not _HOST.fullmatch(match["host"]) or "ssh" not in settings.SOURCE_SCHEMES:
        raise _refusal(
            _("This is not a URL of a git repository. Allowed: %(allowed)s, and host:path for ssh."),
            allowed=", ".join(f"{scheme}://" for scheme in settings.SOURCE_SCHEMES),
        )
    if match["path"].startswith("-"):
        raise _refusal(_('A repository\'s path cannot begin with "-".'))
    if "?" in source or "//" in match["path"]:
        raise _refusal(_MODULE_ADDRESS)


_MODULE_ADDRESS = _(
    'Source takes only the repository. Put the part after "//" into Path in the repository, and "ref=" into Branch.'
)


def _check_no_credentials(url: SplitResult) -> None:
    """Refuse a password or token in a URL, quoting nothing of it; a bare user name is how some hosts write theirs."""
    user = url.username or ""
    bare_token = url.scheme != "ssh" and (user.startswith(_TOKENS) or len(user) > _LONGEST_USER)
    if url.password is not None or bare_token:
        raise _refusal(
            _(
                "The URL contains a password or token, which every user who sees the workspace could read. Store it "
                "in a VCS connection or an SSH key, and select that for the workspace."
            )
        )
    if user.startswith("-"):
        raise _refusal(_('A repository\'s URL cannot have a user that begins with "-".'))


def _check_no_module_address(url: SplitResult) -> None:
    if "//" in url.path.lstrip("/") or url.query or url.fragment:
        raise _refusal(_MODULE_ADDRESS)


def check_branches(text: str) -> None:
    """Refuse a branch, tag or commit that git cannot have; of a comma list each one. Raises ValidationError."""
    for name in text.split(","):
        check_ref(name.strip())


def check_ref(name: str) -> None:
    """Refuse a name that is neither a full commit hash nor what ``git check-ref-format`` takes. Raises ValidationError.

    The rules are those of git-check-ref-format(1).
    """
    if COMMIT.fullmatch(name):
        return
    if not name:
        raise _refusal(_("Enter a branch, a tag or a full commit hash."))
    if name.startswith("-"):
        raise _refusal(_('"%(name)s" begins with "-". Branches and tags cannot.'), name=name)
    parts = name.split("/")
    is_wrong = (
        name == "@"
        or ".." in name
        or "@{" in name
        or name.endswith(".")
        or _has_control(name)
        or any(character in " ~^:?*[\\" for character in name)
        or any(not part or part.startswith(".") or part.endswith(".lock") for part in parts)
    )
    if is_wrong:
        raise _refusal(_('"%(name)s" is not a valid branch, tag or full commit hash (40 or 64 digits).'), name=name)


def check_commit(text: str) -> None:
    """Refuse a commit that is no full hash: a short one may name another commit tomorrow. Raises ValidationError."""
    if not COMMIT.fullmatch(text):
        raise _refusal(_('"%(name)s" is not a full commit hash: 40 or 64 hexadecimal digits.'), name=text)


def check_folders(text: str) -> None:
    """Refuse a folder that leads out of the repository; of a comma list each one. Raises ValidationError."""
    for folder in text.split(","):
        if _has_control(folder) or "\\" in folder:
            raise _refusal(_('"%(name)s" is not a path in a repository. Separate folders with "/".'), name=folder)
        if ".." in folder.strip().split("/"):
            raise _refusal(
                _('"%(name)s" contains "..". Enter the path from the root of the repository, such as envs/prod.'),
                name=folder.strip(),
            )


def _has_control(text: str) -> bool:
    return any(ord(character) < 32 or ord(character) == 127 for character in text)


def _refusal(message: object, **values: object) -> ValidationError:
    return ValidationError(message, code="invalid", params=values)  # type: ignore[arg-type]
