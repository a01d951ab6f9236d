"""The organization of the API's tests, with a record of every kind."""

from tests.api.conftest import everything, organization, stranger, workspace
from tests.roles.conftest import scene, shared_scene

__all__ = ["everything", "organization", "scene", "shared_scene", "stranger", "workspace"]
