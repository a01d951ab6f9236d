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
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Browser, Error, Page, Request, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from scripts import demo
from scripts.processes import manage, still_running

if TYPE_CHECKING:
    from scripts.page_states import Doing
    from scripts.sample_data import Sample

PROJECT = Path(__file__).resolve().parent.parent
SIZES = {"1280": (1280, 900), "390": (390, 844)}
SCHEMES = ("light", "dark")
TRIES = 5
DOCS = ("overview", "workspace", "job-waiting-approval", "preview")
NAMESPACE = "terrakube-screenshots"


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


def take(page: Page, path: Path, *, full: bool) -> None:
    page.wait_for_load_state("load")
    page.wait_for_timeout(700)
    if full:
        # A terminal draws only what is in view.
        page.evaluate("document.getElementById('log')?.scrollIntoView()")
        page.wait_for_timeout(200)
        page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=path, full_page=full, animations="disabled")


def _states(
    page: Page, address: str, sample: Sample, found: dict[str, Doing], options: argparse.Namespace
) -> Iterator[str]:
    """Bring a page to each of some states that are wanted, and say its name."""
    for name, doing in found.items():
        if not options.docs and options.only in name:
            doing(page, address, sample)
            yield name


def _browse_empty(browser: Browser, sample: Sample, folder: Path, options: argparse.Namespace) -> None:
    """Take the pages of an installation in which nothing is yet."""
    from scripts import page_states

    names = [*page_states.empty_pages(), "sign-in-issuer"]
    if options.docs or not any(options.only in name for name in names):
        return
    with page_states.empty_site(sample.password) as address:
        for scheme, (size, (width, height)) in product(SCHEMES, SIZES.items()):
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=_scheme(scheme))
            page = context.new_page()
            visit(page, f"{address}/admin/login/")
            take(page, folder / f"sign-in-issuer-{size}-{scheme}.png", full=True)
            sign_in(page, address, sample.password)
            for name, path in page_states.empty_pages().items():
                visit(page, address + path)
                take(page, folder / f"{name}-{size}-{scheme}.png", full=True)
            context.close()


def browse(browser: Browser, address: str, sample: Sample, folder: Path, options: argparse.Namespace) -> None:
    from scripts import page_states
    from scripts.panel_pages import pages

    wanted = {name: path for name, path in pages(sample).items() if options.only in name}
    if options.docs:
        wanted = {name: wanted[name] for name in DOCS}
    for scheme in ("light",) if options.docs else SCHEMES:
        for size in ("1280",) if options.docs else SIZES:
            width, height = SIZES[size]
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=_scheme(scheme), locale=options.language
            )
            page = context.new_page()
            suffix = "" if options.docs else f"-{size}-{scheme}"
            visit(page, f"{address}/admin/login/")
            if not options.docs and options.only in "sign-in":
                take(page, folder / f"sign-in{suffix}.png", full=True)
            for name in _states(page, address, sample, page_states.SIGNED_OUT, options):
                take(page, folder / f"{name}{suffix}.png", full=True)
            sign_in(page, address, sample.password)
            for name in _states(page, address, sample, page_states.SIGNED_IN, options):
                take(page, folder / f"{name}{suffix}.png", full=True)
            for name, path in wanted.items():
                visit(page, address + path)
                take(page, folder / f"{name}{suffix}.png", full=not options.docs)
            context.close()


def _scheme(name: str) -> Any:
    return name


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=PROJECT / "var" / "screenshots")
    parser.add_argument("--only", default="", help="only pages whose name holds this")
    parser.add_argument("--language", default="en", help="of the reader; compilemessages has to be run before")
    parser.add_argument("--docs", action="store_true", help="the pictures of docs/panel.md, to docs/panel/")
    parser.add_argument("--kubernetes", action="store_true", help="with jobs in the cluster of the current kubeconfig")
    parser.add_argument("--stay", action="store_true", help="keep the site running until Ctrl-C")
    options = parser.parse_args()
    folder: Path = PROJECT / "docs" / "panel" if options.docs else options.folder
    folder.mkdir(parents=True, exist_ok=True)
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        raise SystemExit("screenshots: no Chromium on PATH")
    with (
        tempfile.TemporaryDirectory(prefix="screenshots-") as data,
        site(Path(data), kubernetes=options.kubernetes) as address,
    ):
        from scripts import sample_data

        sample = sample_data.make(secrets.token_urlsafe(12), kubernetes=options.kubernetes)
        try:
            with sync_playwright() as playwright:
                arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
                browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
                browse(browser, address, sample, folder, options)
                _browse_empty(browser, sample, folder, options)
                browser.close()
            print(f"screenshots: {folder}")
            if options.stay:
                print(f"screenshots: {address}/admin/ (user ada, password {sample.password}); stop with Ctrl-C")
                signal.pause()
        except KeyboardInterrupt:
            pass
        finally:
            sample_data.stop_all()
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    sys.exit(main())
