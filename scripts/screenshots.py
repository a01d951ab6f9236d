"""Screenshots of the running program: every page of the panel, or the few of its description."""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import Browser, Error, Page, Request, Response, ViewportSize, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from scripts import demo
from scripts.processes import manage, still_running

if TYPE_CHECKING:
    from scripts.page_states import Doing
    from scripts.sample_data import Sample

PROJECT = Path(__file__).resolve().parent.parent
HEIGHT, HEIGHTS = 900, {390: 844}
SCHEMES = ("light", "dark")
PAGE_MILLISECONDS = 60_000
SETTLING_MILLISECONDS = 700
RESIZING_MILLISECONDS = 200
DRAWING_LOOKS = 25
DRAWN = """(() => {
    const box = document.getElementById("log-terminal"), screen = box?.querySelector(".xterm-screen");
    return !screen || screen.clientWidth <= box.clientWidth;
})()"""
"""Whether a terminal has been drawn as wide as its box, which it is only while it is in view."""
TRIES = 5
DOCS = ("overview", "workspace", "job-waiting-approval", "preview")
NAMESPACE = "terrakube-screenshots"
JUMPS = """new Promise((resolve) => {
    let sum = 0;
    new PerformanceObserver((list) => {
        for (const shift of list.getEntries()) if (!shift.hadRecentInput) sum += shift.value;
    }).observe({ type: "layout-shift", buffered: true });
    setTimeout(() => resolve(sum), 100);
})"""
"""How far parts of a page moved while it loaded, as browsers count it (cumulative layout shift)."""
MOST_JUMPS = 0.1

type Wanted = Callable[[str], bool]


@contextmanager
def site(folder: Path, *, kubernetes: bool) -> Iterator[str]:
    """Run web, worker and watcher on a fresh database, and set this process up as a part of it."""
    host = demo.reachable_address() if kubernetes else "127.0.0.1"
    port = demo.free_port(host)
    address = f"http://{host}:{port}"
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "terrakube_site.settings",
        "DJANGO_ALLOW_ASYNC_UNSAFE": "1",
        "TERRAKUBE_DATA_DIR": str(folder),
        "TerrakubeApiUrl": address,
        "ExecutorLocalApiUrl": address,
        "AzBuilderApiUrl": address,
        "TERRAKUBE_ALLOWED_HOSTS": f"127.0.0.1,{host}",
        # The provider of the sample is on the loopback.
        "TERRAKUBE_OUTGOING_ALLOWED": "127.0.0.1",
        "TERRAKUBE_SOURCE_SCHEMES": "https,ssh,http",
    }
    os.environ.pop("TERRAKUBE_DATABASE_URL", None)
    os.environ.pop("TerrakubeRedisHostname", None)
    if kubernetes:
        demo.prepare_cluster(NAMESPACE)
        os.environ |= {"ExecutorEphemeralNamespace": NAMESPACE, "ExecutorEphemeralSecret": ""}
        os.environ["ExecutorEphemeralImage"] = os.environ.get("DEMO_EXECUTOR_IMAGE", "terrakube-executor:latest")
    else:
        os.environ["KUBECONFIG"] = str(folder / "no-cluster")
    manage(os.environ, "migrate", "--verbosity", "0")
    # The browser's loop runs in this process beside the database; the site has none.
    theirs = {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}
    up = [sys.executable, str(PROJECT / "manage.py"), "up", "--host", host, "--port", str(port)]
    with (folder / "site.log").open("wb") as log:
        process = subprocess.Popen(up, env=theirs, start_new_session=True, stdout=log, stderr=log)
    try:
        demo.await_site(address, still_running(process))
        import django

        django.setup()
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        if kubernetes:
            subprocess.run(["kubectl", "delete", "namespace", NAMESPACE], check=True)


def visit(page: Page, url: str) -> None:
    """Open a page, again where something of it did not arrive, as when the machine's network changes meanwhile."""
    for _ in range(TRIES):
        failed: list[Request] = []

        # A function of our own: Playwright marks its handlers, which a list's method does not allow.
        def note(request: Request, found: list[Request] = failed) -> None:
            found.append(request)

        page.on("requestfailed", note)
        try:
            page.goto(url)
        except Error:
            continue
        finally:
            page.remove_listener("requestfailed", note)
        if not failed:
            return


def sign_in(page: Page, address: str, password: str) -> None:
    visit(page, f"{address}/admin/login/")
    page.fill("#id_username", "ada")
    page.fill("#id_password", password)
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "login" not in url)


class Camera:
    """Takes each page at every width and in each scheme from one visit, and notes what is wrong with it."""

    def __init__(self, browser: Browser, folder: Path, options: argparse.Namespace) -> None:
        self._folder, self._options = folder, options
        self._context = browser.new_context(color_scheme="light", locale=options.language)
        self.page = self._new_page()
        self.taken = 0
        self.faults: list[str] = []
        self.visited: set[str] = set()

    def _new_page(self) -> Page:
        page = self._context.new_page()
        page.set_viewport_size(_window(self._options.widths[0]))
        # A page with input that is not saved asks before it is left.
        page.on("dialog", lambda dialog: dialog.accept())
        page.on("response", self._look_at)
        page.set_default_timeout(PAGE_MILLISECONDS)
        return page

    def _look_at(self, response: Response) -> None:
        if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.fault(f"{response.url} was answered {response.status}")

    def close(self) -> None:
        self._context.close()

    def take(self, name: str, widths: Sequence[int], *, full: bool = True, moved: bool = False) -> None:
        """Take the open page; ``moved`` where the script itself opened or printed parts of it, which is no jump."""
        page = self.page
        page.wait_for_load_state("load")
        self.visited.add(page.url)
        page.wait_for_timeout(SETTLING_MILLISECONDS)
        jumps = page.evaluate(JUMPS)
        if jumps > MOST_JUMPS and not moved:
            self.fault(f"{name} jumps by {jumps:.2f} of the window at {widths[0]} while it loads")
        for width in widths:
            self._take_at(name, width, full=full)
        page.emulate_media(color_scheme="light", media="screen")
        page.set_viewport_size(_window(self._options.widths[0]))
        # What was hidden in one picture is shown in the next.
        page.evaluate("localStorage.removeItem('sidebarOpen')")

    def _take_at(self, name: str, width: int, *, full: bool) -> None:
        page, window = self.page, _window(width)
        page.set_viewport_size(window)
        if full:
            # A terminal draws only what is in view.
            page.evaluate("document.getElementById('log')?.scrollIntoView()")
            for _ in range(DRAWING_LOOKS):
                page.wait_for_timeout(RESIZING_MILLISECONDS)
                if page.evaluate(DRAWN):
                    break
            page.evaluate("scrollTo(0, 0)")
            # What stays at the window's lower edge shall not lie over the middle of the page; a log is as high as
            # the window lets it.
            high = page.evaluate("document.getElementById('log') ? 0 : document.documentElement.scrollHeight")
            page.set_viewport_size({"width": width, "height": max(high, window["height"])})
        pixels = page.evaluate("document.documentElement.scrollWidth")
        if pixels > width:
            self.fault(f"{name} is {pixels} pixels wide at {width}")
        for scheme in self._options.schemes:
            page.emulate_media(color_scheme=scheme)
            # The panel asks for the scheme when a page is opened.
            page.evaluate("(dark) => document.documentElement.classList.toggle('dark', dark)", scheme == "dark")
            page.evaluate("if (matchMedia('print').matches) dispatchEvent(new Event('beforeprint'))")
            suffix = "" if self._options.docs else f"-{width}-{scheme}"
            path = self._folder / f"{name}{suffix}.png"
            page.screenshot(path=path, full_page=full, animations="disabled")
            self.taken += 1

    def fault(self, text: str) -> None:
        print(f"screenshots: {text}", flush=True)
        self.faults.append(text)

    def try_to(
        self,
        name: str,
        lead: Callable[[Page], None],
        *,
        full: bool = True,
        moved: bool = False,
        apart: bool = False,
    ) -> None:
        """Lead to a page and take it, ``apart`` for each width; note what kept it from being taken, and go on."""
        widths = self._options.widths
        try:
            for some in [[width] for width in widths] if apart or self._options.reload else [widths]:
                self.page.set_viewport_size(_window(some[0]))
                lead(self.page)
                self.take(name, some, full=full, moved=moved)
        except Error as error:
            self.fault(f"{name}: {str(error).splitlines()[0]}")
            # Nothing of it shall meet the next page, also where it is still on its way to another.
            failed, self.page = self.page, self._new_page()
            failed.close()


def _window(width: int) -> ViewportSize:
    return {"width": width, "height": HEIGHTS.get(width, HEIGHT)}


def _states(camera: Camera, address: str, sample: Sample, found: dict[str, Doing], wanted: Wanted) -> None:
    from scripts.page_states import BY_WIDTH, ON_TOP

    for name, doing in found.items():
        if wanted(name):

            def lead(page: Page, doing: Doing = doing) -> None:
                doing(page, address, sample)

            camera.try_to(name, lead, full=name not in ON_TOP, moved=True, apart=name in BY_WIDTH)


def browse_empty(browser: Browser, sample: Sample, folder: Path, options: argparse.Namespace) -> Camera | None:
    """Take the pages of an installation in which nothing is yet. Returns None if none of them is wanted."""
    from scripts import page_states

    wanted = _wanted(options)
    if options.docs or not any(map(wanted, [*page_states.empty_pages(), "sign-in-issuer"])):
        return None
    camera = Camera(browser, folder, options)
    with page_states.empty_site(sample.password) as address:
        camera.try_to("sign-in-issuer", partial(visit, url=f"{address}/admin/login/"))
        sign_in(camera.page, address, sample.password)
        for name, path in page_states.empty_pages().items():
            if wanted(name):
                camera.try_to(name, partial(visit, url=address + path))
        camera.close()
    return camera


def browse(browser: Browser, address: str, sample: Sample, folder: Path, options: argparse.Namespace) -> Camera:
    """Take the pages of the sample."""
    from scripts import page_states
    from scripts.panel_pages import pages, pages_of_nothing
    from scripts.pictured_routes import without_picture

    wanted, camera = _wanted(options), Camera(browser, folder, options)
    if not options.docs:
        if wanted("sign-in"):
            camera.try_to("sign-in", partial(visit, url=f"{address}/admin/login/"))
        _states(camera, address, sample, page_states.SIGNED_OUT, wanted)
        camera.page.context.clear_cookies()
    sign_in(camera.page, address, sample.password)
    if not options.docs:
        _states(camera, address, sample, page_states.SIGNED_IN, wanted)
    for name, path in (pages(sample) | pages_of_nothing()).items():
        if name in DOCS if options.docs else wanted(name):
            camera.try_to(name, partial(visit, url=address + path), full=not options.docs)
    if not (options.only or options.docs):
        for route in without_picture(camera.visited):
            camera.fault(f"no picture of {route}")
    camera.close()
    return camera


def _wanted(options: argparse.Namespace) -> Wanted:
    parts = options.only.split(",")
    return lambda name: any(part in name for part in parts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=PROJECT / "var" / "screenshots")
    parser.add_argument("--only", default="", help="only pages whose name holds this, or one of several with commas")
    parser.add_argument("--widths", default="390,1280,1440", help="in pixels, with commas between")
    parser.add_argument("--schemes", default="light,dark", help="light, dark or both with a comma between")
    parser.add_argument("--reload", action="store_true", help="open each page anew at each width, to see it jump there")
    parser.add_argument("--language", default="en", help="of the reader; compilemessages has to be run before")
    parser.add_argument("--docs", action="store_true", help="the pictures of docs/panel.md, to docs/panel/")
    parser.add_argument("--kubernetes", action="store_true", help="with jobs in the cluster of the current kubeconfig")
    parser.add_argument("--stay", action="store_true", help="keep the site running until Ctrl-C")
    options = parser.parse_args()
    options.widths = [1280] if options.docs else [int(text) for text in options.widths.split(",")]
    options.schemes = ["light"] if options.docs else options.schemes.split(",")
    if not set(options.schemes) <= set(SCHEMES):
        parser.error(f"--schemes is {','.join(options.schemes)}; allowed are {' and '.join(SCHEMES)}")
    return options


def main() -> int:
    options = _options()
    started = time.monotonic()
    cameras: list[Camera] = []
    folder: Path = PROJECT / "docs" / "panel" if options.docs else options.folder
    folder.mkdir(parents=True, exist_ok=True)
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        raise SystemExit("screenshots: no Chromium on PATH")
    with (
        tempfile.TemporaryDirectory(prefix="screenshots-") as data,
        site(Path(data), kubernetes=options.kubernetes) as address,
    ):
        from scripts import sample_data, sample_provider

        sample = sample_data.make(secrets.token_urlsafe(12), kubernetes=options.kubernetes)
        try:
            with sample_provider.provider(Path(data) / "provider", sample), sync_playwright() as playwright:
                arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
                browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
                cameras.append(browse(browser, address, sample, folder, options))
                cameras += filter(None, [browse_empty(browser, sample, folder, options)])
                browser.close()
            pictures, faults = sum(one.taken for one in cameras), sum(len(one.faults) for one in cameras)
            minutes = (time.monotonic() - started) / 60
            print(f"screenshots: {pictures} pictures in {folder}, {faults} faults, {minutes:.0f} minutes")
            if options.stay:
                print(f"screenshots: {address}/admin/ (user ada, password {sample.password}); stop with Ctrl-C")
                signal.pause()
        except KeyboardInterrupt:
            pass
        finally:
            sample_data.stop_all()
    return 1 if any(camera.faults for camera in cameras) else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    sys.exit(main())
