"""What the tests of the deployment share: the images that CI has built."""

import os

import pytest

from tests.support.needs import PREFIX, promised


def _image(variable: str, what: str) -> str:
    name = os.environ.get(variable, "")
    if not name:
        why = f"{variable}, {what} on the node, is not set"
        if "cluster" in promised():
            pytest.fail(f"cluster was promised by TEST_REQUIRE: {why}", pytrace=False)
        pytest.skip(f"{PREFIX}cluster: {why}")
    return name


@pytest.fixture(scope="session")
def site_image() -> str:
    return _image("TEST_SITE_IMAGE", "the site's image")


@pytest.fixture(scope="session")
def executor_image() -> str:
    return _image("TEST_EXECUTOR_IMAGE", "the executor's image")
