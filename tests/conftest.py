"""What all tests share: the services that a mark asks for, and the fixtures that reach them."""

import gc
from collections.abc import Generator, Iterator

import pytest
from django.core.cache import cache
from django.test import override_settings
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from terrakube_site.apps import load_pages

# Tables of tests are made of the panel's pages, which a process loads with its addresses, before the first test runs.
load_pages()

# Nor does Hypothesis judge by the clock of a busy machine.
hypothesis_settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("patient")

# In the order of their imports: pytest wants to load each of them itself.
pytest_plugins = [
    "tests.support.cluster",
    "tests.support.database",
    "tests.support.postgres",
    "tests.support.needs",
    "tests.support.browser",
    "tests.support.catalogues",
]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while ten thousand tests are collected, nor ever among what was imported and collected."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def nobody_failed_yet() -> None:
    """Forget failed authentications, whose count is kept in the cache, beyond a test's transaction.

    A test is else refused for the number of those that the tests of the last minute were refused for.
    """
    cache.clear()


@pytest.fixture(autouse=True, scope="session")
def static_files_are_found_when_asked_for() -> Iterator[None]:
    """Spare each test client the walk over all static files, a tenth of what a plain test of a page costs."""
    with override_settings(WHITENOISE_AUTOREFRESH=True):
        yield


@pytest.fixture(autouse=True, scope="session")
def git_servers_of_the_tests() -> Iterator[None]:
    """Allow the repositories that tests serve on the loopback or keep in a folder.

    For the session, since fixtures of a module save workspaces before any fixture of a test is there.
    """
    with override_settings(SOURCE_SCHEMES=("https", "ssh", "http", "git", "file")):
        yield
