"""What all tests share: the services that a mark asks for, and the fixtures that reach them."""

import pytest
from django.core.cache import cache

# In the order of their imports: pytest wants to load each of them itself.
pytest_plugins = [
    "tests.support.cluster",
    "tests.support.needs",
    "tests.support.browser",
    "tests.support.database",
]


@pytest.fixture(autouse=True)
def nobody_failed_yet() -> None:
    """Forget failed authentications, whose count is kept in the cache, beyond a test's transaction.

    A test is else refused for the number of those that the tests of the last minute were refused for.
    """
    cache.clear()
