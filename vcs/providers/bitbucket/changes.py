"""Which files differ, by Bitbucket Cloud's ``diffstat`` and by Data Center's ``changes``, page by page.

https://developer.atlassian.com/cloud/bitbucket/rest/api-group-commits/
https://developer.atlassian.com/server/bitbucket/rest/ (repository: changes; pull requests: changes)
"""

from __future__ import annotations

from vcs.providers.base import Api, Repository
from vcs.providers.base.api import Query
from vcs.providers.bitbucket.paths import is_data_center, repository_path

_PAGE = 100
_MOST_PAGES = 30


def pushed_files(api: Api, repository: Repository, before: str, commit: str) -> frozenset[str] | None:
    """Return the paths that differ between two commits, the old names of renamed ones too; None for too many."""
    path = repository_path(api, repository)
    if is_data_center(api.url):
        return changes(api, f"{path}/changes", {"since": before, "until": commit})
    # Without ``topic`` both commits themselves are compared, as after a forced push they must be.
    return diffstat(api, f"{path}/diffstat/{commit}..{before}", {"topic": "false"})


def diffstat(api: Api, path: str, query: Query) -> frozenset[str] | None:
    """Return the paths of a diffstat of Cloud. The address of the next page in the answer is not followed."""
    found: set[str] = set()
    for page in range(1, _MOST_PAGES + 1):
        data = api.get(path, {**query, "pagelen": _PAGE, "page": page}).data
        for row in data.get("values") or ():
            found |= {str(row[side]["path"]) for side in ("old", "new") if row.get(side)}
        if not data.get("next"):
            return frozenset(found)
    return None


def changes(api: Api, path: str, query: Query) -> frozenset[str] | None:
    """Return the paths of a list of changes of Data Center."""
    found: set[str] = set()
    start = 0
    for _page in range(_MOST_PAGES):
        data = api.get(path, {**query, "start": start, "limit": _PAGE}).data
        for row in data.get("values") or ():
            found |= {str(row[name]["toString"]) for name in ("path", "srcPath") if row.get(name)}
        following = data.get("nextPageStart")
        if data.get("isLastPage", True):
            return frozenset(found)
        if not isinstance(following, int) or following <= start:
            # A server cuts the list off at its setting page.max.changes.
            return None
        start = following
    return None
