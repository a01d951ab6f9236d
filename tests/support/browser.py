"""The machine's own Chromium for pytest-playwright, which would otherwise want a build of its own; and what it sees."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.needs import chromium
from tests.support.patience import patient
from tests.support.visits import Sessions, Watch

# What a site stores in a browser and a person would call settings; not its scripts and styles.
STORED = "local_storage,indexeddb,cache_storage"


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Give the arguments with which the browser is started.

    Playwright runs an event loop in the test's thread, in which Django would refuse to touch the database.
    """
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    # Playwright's own deadlines are those of a quiet machine.
    expect.set_options(timeout=patient(5_000))
    # No machine of the tests has a graphics card, and to draw as if there were one costs a fifth of a page's time.
    args = ["--disable-gpu", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    return {**browser_type_launch_args, "executable_path": chromium(), "args": args}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """Give the size of a page in which nothing else is said: the widest that has no navigation beside it.

    So what a test looks for, and steps through by the keyboard, is the page's own.
    """
    return {**browser_context_args, "viewport": {"width": 1279, "height": 900}}


@pytest.fixture(scope="module")
def sessions() -> Sessions:
    """Who signed in at the site of this module, so that each of its tests need not do so again."""
    return {}


@pytest.fixture
def watch(sessions: Sessions) -> Iterator[Watch]:
    """What the pages of this test do wrong; the test fails for any of it."""
    found = Watch(sessions)
    yield found
    assert found.wrong == []


@pytest.fixture
def new_context(new_context: Callable[..., BrowserContext], watch: Watch) -> Callable[..., BrowserContext]:
    """Make a browser of its own, which is watched."""

    def make(**options: Any) -> BrowserContext:
        context = new_context(**options)
        context.set_default_timeout(patient(30_000))
        watch.follow(context)
        return context

    return make


@dataclass(frozen=True)
class Kept:
    """A browser for one test after another, and the addresses of the sites that it was at."""

    context: BrowserContext
    sites: set[str]


@pytest.fixture(scope="module")
def kept(browser: Browser, browser_context_args: dict[str, Any]) -> Iterator[Kept]:
    """A browser that keeps the scripts and styles of this module's site, which a new one loads and compiles again."""
    context = browser.new_context(**browser_context_args)
    context.set_default_timeout(patient(30_000))
    yield Kept(context, set())
    context.close()


@pytest.fixture
def context(kept: Kept, watch: Watch) -> Iterator[BrowserContext]:
    """Give the browser of this module to a test, and take away what the test was allowed and signed in to."""
    watch.follow(kept.context)
    yield kept.context
    for page in kept.context.pages:
        page.close()
    watch.leave(kept.context)
    kept.context.unroute_all()
    kept.context.clear_permissions()
    kept.context.clear_cookies()
    if watch.home:
        kept.sites.add(f"http://{watch.home}")


@pytest.fixture
def page(context: BrowserContext, kept: Kept) -> Page:
    """A page of a browser in which no site has stored anything."""
    page = context.new_page()
    if kept.sites:
        browser = context.new_cdp_session(page)
        for site in kept.sites:
            browser.send("Storage.clearDataForOrigin", {"origin": site, "storageTypes": STORED})
        browser.detach()
    return page
