"""A workspace, and executors of its jobs that report by HTTP."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from tests.executors.reporter import Executor, launch
from tests.factories import WorkspaceFactory
from workspaces.models import Workspace


@pytest.fixture
def workspace() -> Workspace:
    return WorkspaceFactory.create()


@pytest.fixture
def launched(workspace: Workspace) -> Callable[..., Executor]:
    return partial(launch, workspace)


@pytest.fixture
def executor(launched: Callable[..., Executor]) -> Executor:
    """An executor that has claimed its attempt."""
    made = launched()
    assert made.claim().status_code == 200
    return made
