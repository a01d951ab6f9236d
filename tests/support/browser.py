"""The machine's own Chromium for pytest-playwright, which would otherwise want a build of its own."""

import os
from typing import Any

import pytest

from tests.support.needs import chromium


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Give the arguments with which the browser is started.

    Playwright runs an event loop in the test's thread, in which Django would refuse to touch the database.
    """
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    args = ["--no-sandbox"] if os.geteuid() == 0 else []
    return {**browser_type_launch_args, "executable_path": chromium(), "args": args}
