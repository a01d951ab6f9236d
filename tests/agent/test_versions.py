"""Version texts of workspaces."""

from __future__ import annotations

import pytest

from terrakube_site.terraform.versions import Version, VersionRange

THERE = ["1.3.9", "1.5.0", "1.5.7", "1.6.0-beta1", "1.6.2", "1.11.4", "2.0.0-rc1", "2.1.0"]


@pytest.mark.parametrize(
    ("text", "best"),
    [
        ("1.5.7", "1.5.7"),
        ("v1.5.7", "1.5.7"),
        ("=1.5.7", "1.5.7"),
        ("1.5.8", None),
        ("~1.5", "1.5.7"),
        ("~> 1.5", "1.5.7"),
        ("~1.5.3", "1.5.7"),
        ("~1", "1.11.4"),
        ("^1.5", "1.11.4"),
        ("^1.6.0", "1.11.4"),
        ("1.x", "1.11.4"),
        ("1.5.x", "1.5.7"),
        ("1", "1.11.4"),
        ("1.5", "1.5.7"),
        ("*", "2.1.0"),
        ("", "2.1.0"),
        (">=1.5", "2.1.0"),
        (">= 1.5, < 1.6", "1.5.7"),
        (">=1.3 <1.5.7", "1.5.0"),
        (">1.5", "2.1.0"),
        ("<=1.5", "1.5.7"),
        ("<1.5", "1.3.9"),
        ("<2", "1.11.4"),
        ("1.2 - 1.5", "1.5.7"),
        ("1.3.9 || 1.5.0", "1.5.0"),
        (">=1.5 !=2.1.0", "1.11.4"),
        ("1.6.0-beta1", "1.6.0-beta1"),
        (">=1.6.0-beta1 <1.6.2", "1.6.0-beta1"),
        ("3.x", None),
    ],
)
def test_the_highest_version_that_a_text_accepts(text: str, best: str | None) -> None:
    versions = [version for version in map(Version.parse, THERE) if version]
    found = VersionRange(text).best(versions)
    assert (str(found) if found else None) == best


@pytest.mark.parametrize("text", ["latest please", "one", "1.2.3.4", ">", "~"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no version"):
        VersionRange(text)


def test_a_release_is_newer_than_its_candidates() -> None:
    order = ["1.6.0-1", "1.6.0-alpha", "1.6.0-alpha.2", "1.6.0-alpha.10", "1.6.0-beta1", "1.6.0-rc1", "1.6.0", "1.6.1"]
    versions = [version for version in map(Version.parse, order) if version]
    assert sorted(set(versions)) == versions
