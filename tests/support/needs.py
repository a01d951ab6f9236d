"""Tests whose mark names a service: run where it answers, else left out, counted and said at the end.

TEST_REQUIRE is a comma list of services that have been promised (`postgres,redis,cluster,browser,helm,mount`): a
promised service that does not answer fails its tests. Two more are for faults alone: `servers`, a database and a Redis
that may be stopped, and `node`, a cluster of one node on this machine that may be.
"""

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Generator
from functools import cache
from pathlib import Path

import pytest
import redis
from django.db import connection

from tests.support.cluster import api_error
from tests.support.database import WITHOUT_DATABASE
from tests.support.patience import patient

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
PREFIX = "left out: "
BROWSER_MARK = "pytest.mark.browser"
SERVICES = Path(__file__).resolve().parents[2] / "scripts" / "services"


def chromium() -> str | None:
    """Return the path of the Chromium on this machine, or None where there is none."""
    return next(filter(None, map(shutil.which, (os.environ.get("CHROMIUM", ""), *CHROMIUM_NAMES))), None)


def _postgres() -> str:
    return "" if connection.vendor == "postgresql" else f"the database is {connection.vendor}"


def _redis() -> str:
    host = os.environ.get("TerrakubeRedisHostname", "")
    if not host:
        return "TerrakubeRedisHostname is not set"
    port = int(os.environ.get("TerrakubeRedisPort", "6379"))
    password = os.environ.get("TerrakubeRedisPassword") or None
    try:
        with redis.Redis(
            host, port, password=password, socket_connect_timeout=patient(3), socket_timeout=patient(3)
        ) as client:
            client.ping()
    except redis.RedisError as error:
        return f"Redis does not answer: {type(error).__name__}"
    return ""


def _cluster() -> str:
    if not os.environ.get("KUBECONFIG"):
        return "KUBECONFIG is not set"
    if not os.environ.get("KUBE_HOST"):
        return "KUBE_HOST, the address at which a pod reaches this machine, is not set"
    return api_error()


def _browser() -> str:
    return "" if chromium() else "no Chromium on PATH"


def _helm() -> str:
    return "" if shutil.which("helm") else "no helm on PATH"


def _mount() -> str:
    return "" if os.geteuid() == 0 and shutil.which("mount") else "only root may mount a file system"


def _servers() -> str:
    status = subprocess.run([str(SERVICES), "status"], capture_output=True)
    return "" if status.returncode == 0 else "PostgreSQL and Redis are not those of scripts/services"


def _node() -> str:
    if not os.environ.get("TEST_NODE_HOME") or not os.environ.get("TEST_NODE_UP"):
        return "TEST_NODE_HOME (.pid files of the cluster's programs) or TEST_NODE_UP (what starts them) is not set"
    return ""


CHECKS: dict[str, Callable[[], str]] = {
    "cluster": _cluster,
    "postgres": _postgres,
    "redis": _redis,
    "browser": _browser,
    "helm": _helm,
    "mount": _mount,
    "servers": _servers,
    "node": _node,
}


@cache
def missing(service: str) -> str:
    """Return why the service cannot be used, or an empty text where it answers; asked once in a process."""
    return CHECKS[service]()


def promised() -> set[str]:
    """Return the services that TEST_REQUIRE names.

    Raises UsageError for a name that is no service.
    """
    names = {name.strip() for name in os.environ.get("TEST_REQUIRE", "").split(",")} - {""}
    if unknown := names - CHECKS.keys():
        raise pytest.UsageError(f"TEST_REQUIRE: {', '.join(sorted(unknown))}: not one of {', '.join(CHECKS)}")
    return names


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a misspelt promise before anything runs."""
    promised()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep cluster tests in three workers, which wait for pods most of the time, so that few compete for the one node.

    Tests in a browser stay with their module, whose site is then started, and filled with examples, once. As soon as a
    test is found: at the end of the collection xdist has read the groups already.

    Raises UsageError for a test in a browser whose module does not name the mark, by which scripts/test finds it.
    """
    if item.get_closest_marker("browser") and not _names_browser(item.path):
        raise pytest.UsageError(f"{item.nodeid}: scripts/test finds its module by {BROWSER_MARK}, which is not there")
    if item.get_closest_marker("cluster"):
        item.add_marker(pytest.mark.xdist_group(_cluster_group(item.path)))
    elif item.get_closest_marker("browser") and not item.get_closest_marker("xdist_group"):
        item.add_marker(pytest.mark.xdist_group(f"browser-{item.path.stem}"))


@cache
def _names_browser(path: Path) -> bool:
    return BROWSER_MARK in path.read_text(encoding="utf-8")


def _cluster_group(path: Path) -> str:
    """Return the worker for a module of cluster tests; the three take about as long."""
    if "faults" in path.parts or path.name == "test_killed_launch.py":
        return "cluster-faults"
    return "cluster-spine" if "spine" in path.parts else "cluster"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out, or fail, a test for which a service is missing, before any of its fixtures is made."""
    for service in CHECKS:
        if item.get_closest_marker(service) and (why := missing(service)):
            if service in promised():
                pytest.fail(f"{service} was promised by TEST_REQUIRE: {why}", pytrace=False)
            pytest.skip(f"{PREFIX}{service}: {why}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None]:
    """Say in one line, below all that pytest lists, what was left out and why."""
    yield
    counts: Counter[tuple[str, str]] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, (tuple, list)) else str(report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        service, _, why = reason.removeprefix(PREFIX).partition(": ") if reason.startswith(PREFIX) else ("", "", reason)
        counts[service, why] += 1
    parts = [
        f"{count} {service + ' ' if service else ''}{'test' if count == 1 else 'tests'} ({why})"
        for (service, why), count in sorted(counts.items())
    ]
    if terminalreporter.config.option.database_only:
        parts.append(f"{terminalreporter.config.stash.get(WITHOUT_DATABASE, 0)} tests that touch no database")
    if expression := terminalreporter.config.option.markexpr:
        parts.append(f"what -m '{expression}' does not ask for")
    terminalreporter.write_line("left out: " + (", ".join(parts) or "nothing"))
