"""Change and remove a webhook that may be gone at the provider, alike for all providers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from vcs.providers.base.api import Api, ApiError, Query


def change_hook(
    api: Api, method: str, hooks_path: str, hook_id: str, settings: Mapping[str, Any], *, register: Callable[[], str]
) -> str:
    """Change a webhook and return its id; one that is gone is registered again."""
    try:
        api.request(method, f"{hooks_path}/{quote(hook_id, safe='')}", data=settings)
    except ApiError as error:
        if error.status != 404:
            raise
        return register()
    return hook_id


def remove_hook(api: Api, hooks_path: str, hook_id: str, query: Query | None = None) -> None:
    """Remove a webhook; it may be gone already."""
    try:
        api.delete(f"{hooks_path}/{quote(hook_id, safe='')}", query)
    except ApiError as error:
        if error.status != 404:
            raise
