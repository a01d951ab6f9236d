"""Registry of all resources of the API, by type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from workspaces.api.jsonapi.resource import Resource

_resources: dict[str, Resource] = {}


def register(resources: Iterable[Resource]) -> None:
    """Register resources of the API; called by ``workspaces.api.urls``, and by the site's addresses for others."""
    _resources.update((resource.type, resource) for resource in resources)


def get(type_name: str) -> Resource:
    return _resources[type_name]


def find(type_name: str) -> Resource | None:
    return _resources.get(type_name)


def all_types() -> Mapping[str, Resource]:
    return _resources
