"""What all tests share: the services that a mark asks for, and the fixtures that reach them."""

pytest_plugins = ["tests.support.needs", "tests.support.cluster", "tests.support.browser"]
