"""The machine's own Chromium for pytest-playwright, which would otherwise want a build of its own; and what it sees."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.support.needs import chromium
from tests.support.patience import patient
from tests.support.visits import Watch


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Give the arguments with which the browser is started.

    Playwright runs an event loop in the test's thread, in which Django would refuse to touch the database.
    """
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    # Playwright's own deadlines are those of a quiet machine.
    expect.set_options(timeout=patient(5_000))
    args = ["--no-sandbox"] if os.geteuid() == 0 else []
    return {**browser_type_launch_args, "executable_path": chromium(), "args": args}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """Give the size of a page in which nothing else is said: the widest that has no navigation beside it.

    So what a test looks for, and steps through by the keyboard, is the page's own.
    """
    return {**browser_context_args, "viewport": {"width": 1279, "height": 900}}


@pytest.fixture
def watch() -> Iterator[Watch]:
    """What the pages of this test do wrong; the test fails for any of it."""
    found = Watch()
    yield found
    assert found.wrong == []


@pytest.fixture
def new_context(new_context: Callable[..., BrowserContext], watch: Watch) -> Callable[..., BrowserContext]:
    """Make a browser of its own, which is watched."""

    def make(**options: Any) -> BrowserContext:
        context = new_context(**options)
        context.set_default_timeout(patient(30_000))
        watch.follow(context)
        return context

    return make
