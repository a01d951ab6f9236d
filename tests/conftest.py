"""What all tests share: the services that a mark asks for, and the fixtures that reach them."""

# In the order of their imports: pytest wants to load each of them itself.
pytest_plugins = [
    "tests.support.cluster",
    "tests.support.needs",
    "tests.support.browser",
    "tests.support.database",
]
