"""How values are written on pages."""

from __future__ import annotations

import pytest

from workspaces.display import file_size


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "–"),
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (6260, "6.1 KiB"),
        (2 * 2**20, "2.0 MiB"),
        (2**30, "1.0 GiB"),
        (5 * 2**40, "5120.0 GiB"),
    ],
)
def test_a_size_is_written_in_the_unit_that_fits(count: int | None, text: str) -> None:
    assert file_size(count) == text
