"""A visit to a running site in a browser, and what goes wrong meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Error, Page

from tests.panel.site import PanelSite

# The machine's network changes whenever a pod starts; the browser then drops what it is loading.
_NETWORK_CHANGED = "ERR_NETWORK_CHANGED"


class Visit:
    """A page that is watched: what it asks of other hosts, and what goes wrong in it."""

    def __init__(self, page: Page, site: PanelSite) -> None:
        self.page, self.site = page, site
        self.wrong: list[str] = []
        self.foreign: list[str] = []
        self._interrupted = False
        page.on("pageerror", lambda error: self._note(str(error)))
        page.on("console", lambda message: self._note(message.text) if message.type == "error" else None)
        page.on("request", lambda request: self._ask(request.url))

    def _note(self, text: str) -> None:
        if _NETWORK_CHANGED in text:
            self._interrupted = True
        self.wrong.append(text)

    def _ask(self, url: str) -> None:
        if not url.startswith((self.site.url, "data:", "blob:")):
            self.foreign.append(url)

    def open(self, path: str) -> None:
        """Open a page of the site, again when the machine's network changed meanwhile."""
        for _ in range(5):
            before, self._interrupted = len(self.wrong), False
            try:
                self.page.goto(f"{self.site.url}{path}")
                self.page.wait_for_load_state("networkidle", timeout=5000)
            except Error as error:
                if (
                    _NETWORK_CHANGED not in str(error)
                    and "networkidle" not in str(error)
                    and "Timeout" not in str(error)
                ):
                    raise
                self._interrupted = self._interrupted or _NETWORK_CHANGED in str(error)
            if not self._interrupted:
                return
            del self.wrong[before:]


@contextmanager
def signed_in(browser: Browser, site: PanelSite) -> Iterator[Visit]:
    """A page in which the site's administrator is signed in."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    found = Visit(context.new_page(), site)
    found.open("/admin/login/")
    found.page.fill("#id_username", site.user)
    found.page.fill("#id_password", site.password)
    found.page.click("button[type=submit]")
    found.page.wait_for_url(lambda url: "login" not in url)
    yield found
    context.close()
