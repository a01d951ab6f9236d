"""Which files a push changed at Azure DevOps: REST 7.0, "Git: diffs".

https://learn.microsoft.com/en-us/rest/api/azure/devops/git/diffs/get
"""

from __future__ import annotations

from vcs.providers.azure_devops.paths import VERSION, changed_paths, repository_path
from vcs.providers.base import Api, Repository
from vcs.providers.base.api import Query

_PAGE = 1000
_MOST_PAGES = 3


def pushed_files(api: Api, repository: Repository, before: str, commit: str) -> frozenset[str] | None:
    """Return the paths that differ between two commits, the old names of renamed ones too; None for too many."""
    found: set[str] = set()
    for page in range(_MOST_PAGES):
        query: Query = {
            **VERSION,
            "baseVersion": before,
            "baseVersionType": "commit",
            "targetVersion": commit,
            "targetVersionType": "commit",
            # Both commits themselves are compared, as after a forced push they must be.
            "diffCommonCommit": "false",
            "$top": _PAGE,
            "$skip": page * _PAGE,
        }
        rows = api.get(f"{repository_path(api, repository)}/diffs/commits", query).data.get("changes") or ()
        found |= changed_paths(rows)
        if len(rows) < _PAGE:
            return frozenset(found)
    return None
