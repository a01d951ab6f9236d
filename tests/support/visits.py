"""What goes wrong in a browser while a test looks at pages: every test that opens one is held to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Page, Request, Response, WebError

from tests.support.patience import patient, pause

# The machine's network changes whenever a pod starts, and the browser then drops what it is loading.
NETWORK_CHANGED = "ERR_NETWORK_CHANGED"
# Whoever leaves a page ends what it was still asking for.
_LEFT = "ERR_ABORTED"
_OPEN_TRIES = 5

Sessions = dict[tuple[str, str], str]
"""The key of a session by the address of its site and the name of its user."""


def _place(error: object) -> str:
    """An error of a script with where it was raised."""
    return str(getattr(error, "stack", None) or error)


class Watch:
    """Notes each request to another host, each error and each refused or failed request of a browser's pages.

    ``expected`` are answers that the test asks for on purpose; ``sessions`` are who signed in before, None: nobody.
    """

    def __init__(self, sessions: Sessions | None = None) -> None:
        self.expected: set[int] = set()
        self.sessions: Sessions = {} if sessions is None else sessions
        self.interrupted = False
        self._home = ""
        self._refused: list[tuple[int, str]] = []
        self._wrong: list[str] = []
        self._before = 0
        self._notes: dict[Any, Callable[[Any], None]] = {
            "request": self._asked,
            "response": self._answered,
            "requestfailed": self._failed,
            "weberror": self._raised,
            "console": self._said,
        }

    def follow(self, context: BrowserContext) -> None:
        for event, note in self._notes.items():
            context.on(event, note)

    def leave(self, context: BrowserContext) -> None:
        """Note nothing more of a browser in which the next test goes on."""
        for event, note in self._notes.items():
            context.remove_listener(event, note)

    def begin(self) -> None:
        """Forget what went wrong in a page that lost a part to the network: it is opened again."""
        if self.interrupted:
            del self._wrong[self._before :]
        self.interrupted, self._before = False, len(self._wrong)

    @property
    def home(self) -> str:
        """The address of the first host that was asked; empty if none was."""
        return self._home

    @property
    def wrong(self) -> list[str]:
        refused = [f"{url} was answered {status}" for status, url in self._refused if status not in self.expected]
        return [*self._wrong, *refused]

    def _asked(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in {"data", "blob"}:
            return
        self._home = self._home or address.netloc
        if address.netloc != self._home:
            self._wrong.append(f"another host was asked: {request.url}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self._refused.append((response.status, response.url))

    def _failed(self, request: Request) -> None:
        why = request.failure or ""
        if NETWORK_CHANGED in why:
            self.interrupted = True
        elif _LEFT not in why:
            self._wrong.append(f"{request.url} failed: {why}")

    def _raised(self, error: WebError) -> None:
        self._wrong.append(f"error in a script: {_place(error.error)}")

    def _said(self, message: ConsoleMessage) -> None:
        # What could not be loaded is noted with its address by the two above.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            place = message.page.url if message.page else "a page that is gone"
            self._wrong.append(f"said on the console of {place}: {message.text} {message.location}")


class Visitor:
    """Somebody who goes from page to page of one site."""

    def __init__(self, page: Page, watch: Watch, url: str) -> None:
        self.page, self.watch, self.url = page, watch, url

    def open(self, path: str) -> None:
        """Open a page, again where the machine's network changed meanwhile."""
        for last in (*[False] * (_OPEN_TRIES - 1), True):
            self.watch.begin()
            try:
                self.page.goto(self.url + path)
            except Error as error:
                if last or NETWORK_CHANGED not in str(error):
                    raise
                continue
            if not self.watch.interrupted:
                return

    def sign_in(self, user: str, password: str) -> None:
        """Sign in: by the form who has no session yet, and else by the session, without a page that is open."""
        cookie = settings.SESSION_COOKIE_NAME
        if key := self.watch.sessions.get((self.url, user)):
            self.page.context.add_cookies([{"name": cookie, "value": key, "url": self.url}])
            return
        self.open("/admin/login/")
        self.page.fill("#id_username", user)
        self.page.fill("#id_password", password)
        self.page.click("button[type=submit]")
        self.page.wait_for_url(lambda url: "/login/" not in url)
        held = {cookie["name"]: cookie["value"] for cookie in self.page.context.cookies(self.url)}
        self.watch.sessions[self.url, user] = held[cookie]


def wait_for(page: Page, expression: str, *, milliseconds: float = 10_000) -> None:
    """Wait until a JavaScript expression holds in a page.

    The page's policy lets no text become code, so its own waiting, which asks again from within, would be refused.
    An expression that fails does not hold yet: a page that has just come may have no scripts that ran.
    """
    seconds = milliseconds / 1000
    until = time.monotonic() + patient(seconds)
    while problem := _problem(page, expression):
        left = until - time.monotonic()
        assert left > 0, f"after {patient(seconds):.0f} s still not true: {expression} ({problem})"
        page.wait_for_timeout(pause(patient(seconds) - left) * 1000)


def _problem(page: Page, expression: str) -> str:
    """Return why an expression does not hold in a page; empty if it does."""
    try:
        found = page.evaluate(expression)
    except Error as error:
        return str(error)
    return "" if found else f"it is {found!r}"
