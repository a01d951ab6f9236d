"""The organization of the API's tests, with all that the table names; the tests of a module share its rows."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

import pytest
from django.test import Client

from tests.api.conftest import one_of_each_type, organization_with_teams
from tests.factories import WorkspaceFactory
from tests.roles.declared import WHO
from tests.roles.scene import Scene, client_of, scene_of


@pytest.fixture(scope="module")
def shared_scene(shared_rows: Callable[[], AbstractContextManager[None]]) -> Scene:
    """The rows, which are there until the last test of the module."""
    with shared_rows():
        organization = organization_with_teams()
        workspace = WorkspaceFactory.create(organization=organization, name="core")
        return scene_of(one_of_each_type(organization, workspace))


@pytest.fixture
def scene(shared_scene: Scene, db: None) -> Scene:
    """The records as they were made, whatever the test before did to its own."""
    return copy.deepcopy(shared_scene)


@pytest.fixture(scope="module")
def callers(shared_scene: Scene, shared_rows: Callable[[], AbstractContextManager[None]]) -> Mapping[str, Client]:
    """Everybody of the table, signed in to the panel once for the module, and in the group that ``enrol`` fills."""
    with shared_rows():
        return {name: client_of(name, username=f"caller-{at}") for at, name in enumerate(WHO)}
