"""What a configuration's files say without terraform: versions, and the checksums of a lock file."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from terrakube_site.terraform.configuration.providers import (
    full_name,
    locked_providers,
    mirrored_versions,
    package_hashes,
)
from terrakube_site.terraform.constraints import meets
from terrakube_site.terraform.versions import Version


@pytest.mark.parametrize(
    ("constraint", "met", "missed"),
    [
        ("~> 1.5", "1.5.0 1.99.0", "1.4.9 2.0.0"),
        ("~> 1.5.0", "1.5.9", "1.6.0"),
        ("~> 1", "1.0.0 2.0.0", "0.9.0"),
        (">= 1.3, < 2.0", "1.3.0 1.99.99", "1.2.9 2.0.0"),
        ("1.5.7", "1.5.7", "1.5.8"),
        ("= 1.5", "1.5.0", "1.5.1"),
        ("!= 1.5.7", "1.5.6", "1.5.7"),
        (">1.5,<=1.7", "1.5.1 1.7.0", "1.5.0 1.7.1"),
        (">= 1.6.0", "1.6.0", "1.7.0-alpha1"),
        ("1.7.0-alpha1", "1.7.0-alpha1", "1.7.0"),
        ("", "1.0.0", ""),
    ],
)
def test_a_constraint_means_what_it_means_to_terraform(constraint: str, met: str, missed: str) -> None:
    for expected, versions in ((True, met), (False, missed)):
        for text in versions.split():
            version = Version.parse(text)
            assert version is not None
            assert meets(version, constraint) is expected, text


def test_what_is_no_constraint_is_refused() -> None:
    for text in ("latest", "1.x", ">", "~> 1.5 || 2"):
        with pytest.raises(ValueError, match="no version constraint"):
            meets(Version(1, 0, 0), text)


@pytest.mark.parametrize(
    ("source", "tofu", "name"),
    [
        ("aws", False, "registry.terraform.io/hashicorp/aws"),
        ("Hashicorp/AWS", True, "registry.opentofu.org/hashicorp/aws"),
        ("reg.example/a/b", False, "reg.example/a/b"),
    ],
)
def test_a_providers_source_has_a_host_and_a_namespace(source: str, tofu: bool, name: str) -> None:
    assert full_name(source, tofu=tofu) == name


def test_the_checksums_of_a_package_are_those_of_terraform(tmp_path: Path) -> None:
    mirror, name = Path("/usr/local/share/terraform/plugins"), "registry.terraform.io/hashicorp/time"
    versions = mirrored_versions([mirror], name, "linux_amd64")
    if not versions:
        pytest.skip("this machine has no mirror of providers")
    (tmp_path / "main.tf").write_text('terraform {\n  required_providers {\n    time = "0.14.2"\n  }\n}\n')
    subprocess.run(
        ["terraform", "providers", "lock", f"-fs-mirror={mirror}", "-platform=linux_amd64"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    (locked,) = locked_providers(tmp_path)
    assert (locked.name, locked.version) == (name, "0.14.2")
    assert package_hashes(versions[Version(0, 14, 2)]) == locked.hashes
