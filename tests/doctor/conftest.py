"""Borrowed from the tests of the panel and of the whole way."""

from tests.panel.conftest import admin, sign_in
from tests.spine.conftest import executor_image

__all__ = ("admin", "executor_image", "sign_in")
