"""What all configurations share: one site, one git server, and runs that go on side by side."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from executors.installation.settings import installation
from tests.configurations.library import Library
from tests.configurations.matrix import Row
from tests.configurations.runs import Runs
from tests.faults.trial import DEFAULT_PATIENCE
from tests.spine.conftest import (  # noqa: F401 - fixtures and a hook, which count where they are imported
    SiteMaker,
    db,
    executor_image,
    git,
    make_site,
    pytest_runtest_makereport,
)
from tests.spine.site import Site
from tests.spine.sources import GitServer


@pytest.fixture(scope="module")
def site(make_site: SiteMaker, executor_image: str) -> Iterator[Site]:  # noqa: F811
    with make_site(**DEFAULT_PATIENCE) as site, pytest.MonkeyPatch.context() as patch:
        # Jobs are made in this process, which refuses what the image of its installation does not support.
        patch.setenv("ExecutorEphemeralImage", executor_image)
        installation.cache_clear()
        site.start()
        yield site
    installation.cache_clear()


@pytest.fixture(scope="module")
def runs(
    request: pytest.FixtureRequest,
    site: Site,
    git: GitServer,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Runs]:
    """The runs of all rows that this process tests; what comes next begins while a test waits for its own."""
    rows = [item.callspec.params["row"] for item in request.session.items if _has_row(item)]  # type: ignore[attr-defined]
    folder: Path = tmp_path_factory.mktemp("terminal")
    with Runs(rows, site, Library(git), folder) as runs:
        yield runs


def _has_row(item: pytest.Item) -> bool:
    callspec = getattr(item, "callspec", None)
    return callspec is not None and isinstance(callspec.params.get("row"), Row)
