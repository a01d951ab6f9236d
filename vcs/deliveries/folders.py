"""Which folders of its repository a workspace uses, by what its last plan says. Pure but for storing."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import orjson

from vcs.models import UsedFolders
from workspaces.models import Workspace

_MOST_FOLDERS = 200
_MOST_DEPTH = 50


def local_modules(plan: Any, folder: str) -> list[str]:
    """Return the folders of the local modules that a plan's JSON names, as paths from the top of the repository.

    ``folder`` is that of the root module. What leads out of the repository is left out.
    """
    root = plan.get("configuration", {}) if isinstance(plan, dict) else {}
    module = root.get("root_module") if isinstance(root, dict) else None
    found = dict.fromkeys(_walk(module, clean(folder), 0))
    return list(found)[:_MOST_FOLDERS]


def _walk(module: Any, folder: str, depth: int) -> Iterator[str]:
    calls = module.get("module_calls") if isinstance(module, dict) else None
    if not isinstance(calls, dict) or depth > _MOST_DEPTH:
        return
    for call in calls.values():
        source = call.get("source") if isinstance(call, dict) else None
        if not isinstance(source, str) or not source.startswith(("./", "../")):
            # What comes from a registry or another repository does not change with this one.
            continue
        path = posixpath.normpath(posixpath.join(folder, source))
        if path.startswith(".."):
            continue
        inner = clean(path)
        yield inner
        yield from _walk(call.get("module"), inner, depth + 1)


def clean(folder: str) -> str:
    """Return a folder without slashes at its ends; "" for the top of the repository."""
    path = posixpath.normpath(folder.strip().strip("/") or ".")
    return "" if path == "." else path


def keep_folders(workspace: Workspace, plan_json: bytes) -> None:
    """Store which folders a workspace uses, from the JSON of a plan; what cannot be read changes nothing."""
    if workspace.uploaded_source:
        return
    try:
        plan = orjson.loads(plan_json)
    except orjson.JSONDecodeError:
        return
    folders = local_modules(plan, workspace.first_folder)
    UsedFolders.objects.update_or_create(workspace=workspace, defaults={"folders": folders})


def folders_of(own: Mapping[UUID, str]) -> Mapping[UUID, tuple[str, ...]]:
    """Return the folders that each workspace uses, its ``own`` first, with one query."""
    used = dict(UsedFolders.objects.filter(workspace__in=list(own)).values_list("pk", "folders"))
    return {
        key: tuple(dict.fromkeys((clean(folder), *(str(name) for name in used.get(key, ())))))
        for key, folder in own.items()
    }
