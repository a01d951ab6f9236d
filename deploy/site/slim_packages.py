#!/usr/bin/env python3
"""Remove from an image's site-packages what no process of the site imports or reads.

    slim_packages.py FOLDER           prints what each rule removed, in MB (10**6 bytes)

It removes only whole parts: an unused client, descriptions of unused services, tests, sources of translations and of
extensions, and the static files, which are already collected.
"""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

# The asynchronous Kubernetes client, and its own dependencies.
ASYNCHRONOUS = [
    "kubernetes/aio",
    "aiohttp",
    "aiohttp_retry",
    "yarl",
    "multidict",
    "frozenlist",
    "aiosignal",
    "propcache",
    "aiohappyeyeballs",
]
# AWS services that S3 storage may call: S3 itself, and those that issue a role's credentials.
SERVICES = {"s3", "sts", "sso", "sso-oidc", "signin"}
FOLDERS_OF_TESTS = {"tests", "test", "testing_data"}
KEPT_TESTS = {"django/test", "rest_framework/test"}
SOURCES = {".po", ".pot", ".pyx", ".pxd", ".pyi", ".c", ".h", ".cpp", ".rst"}


def asynchronous_client(packages: Path) -> Iterator[Path]:
    yield from (packages / name for name in ASYNCHRONOUS)


def preview_apis(packages: Path) -> Iterator[Path]:
    """The calls of Kubernetes' alpha and beta APIs; their objects stay, because others refer to them."""
    for path in (packages / "kubernetes/client/api").glob("*.py"):
        if re.search(r"_v\d+(alpha|beta)\d+_api$", path.stem):
            yield path


def other_services(packages: Path) -> Iterator[Path]:
    for data in (packages / "botocore/data", packages / "boto3/data"):
        yield from (path for path in data.glob("*") if path.is_dir() and path.name not in SERVICES)
    yield packages / "boto3/examples"


def tests(packages: Path) -> Iterator[Path]:
    for path in packages.rglob("*"):
        if path.is_dir() and path.name in FOLDERS_OF_TESTS and str(path.relative_to(packages)) not in KEPT_TESTS:
            yield path


def sources(packages: Path) -> Iterator[Path]:
    yield from (path for path in packages.rglob("*") if path.suffix in SOURCES and path.is_file())


def collected_files(packages: Path) -> Iterator[Path]:
    yield from (path for path in packages.rglob("static") if path.is_dir() and (path.parent / "__init__.py").exists())


def maps(packages: Path) -> Iterator[Path]:
    """Django's support of geographic data, which needs libraries the image does not have."""
    yield packages / "django/contrib/gis"


def size(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file() and not file.is_symlink())
    return path.stat().st_size


def main() -> int:
    packages = Path(sys.argv[1])
    for rule in (asynchronous_client, preview_apis, other_services, tests, sources, collected_files, maps):
        taken = 0
        for path in list(rule(packages)):
            if not path.exists():
                continue
            taken += size(path)
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        print(f"{taken / 10**6:8.1f} MB  {rule.__name__.replace('_', ' ')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
