"""The organization of the API's tests, with all that the table names."""

from __future__ import annotations

import pytest
from django.db import models

from tests.api.conftest import everything, organization, workspace
from tests.roles.scene import Scene, scene_of

__all__ = ["everything", "organization", "workspace"]


@pytest.fixture
def scene(everything: dict[str, models.Model]) -> Scene:
    return scene_of(everything)
