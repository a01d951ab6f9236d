"""The panel keeps to its Content-Security-Policy: no inline script or style, no code from text, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import batched
from pathlib import Path

import pytest
from django.contrib import admin as django_admin
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from tests.panel.site import PanelSite, panel_site
from tests.support.issuer import CLIENT_ID, Issuer
from tests.support.patience import patient
from tests.support.visits import Visitor, Watch, wait_for

in_a_browser = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(patient(600))]

_FILL = """
from executors.attempts import lifecycle as attempts
from executors.choices import AttemptState, ExecutorKind
from executors.models import Attempt
from executors.logs import store as logs
from tests.factories import PLAN_AND_APPLY
from workspaces.jobs import transitions
from workspaces.models import Job, Workspace
from workspaces.services import jobs
job = Job.objects.first() or jobs.create_job(Workspace.objects.get(), by=None, tcl=PLAN_AND_APPLY)
step_id = transitions.advance(job.pk)
if step_id:
    key = attempts.open_attempt(step_id, executor=ExecutorKind.KUBERNETES).pk
    Attempt.objects.filter(pk=key).update(state=AttemptState.CLAIMED)
    line = b"\\x1b[31mError:\\x1b[0m and \\x1b[38;2;10;200;30mmany colours\\x1b[0m\\n"
    logs.append_log(Attempt.objects.get(pk=key), 0, line * 50)
print(job.pk)
"""

TABS = 6
"""Pages that are open at once: each waits half a second for more of its parts, and all of them do so together."""
DRAWN = "() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"


def beside(visit: Visitor) -> Visitor:
    """The same person in one more tab."""
    return Visitor(visit.page.context.new_page(), visit.watch, visit.url)


def settle(page: Page) -> None:
    """Wait until a page asks for nothing more, and has been drawn since, which only the page in front is."""
    page.wait_for_load_state("networkidle")
    page.bring_to_front()
    page.evaluate(DRAWN)


def names() -> list[str]:
    return sorted(f"{model._meta.app_label}_{model._meta.model_name}" for model in django_admin.site._registry)


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    issuer = Issuer(person={"sub": "u1", "name": "Ann", "email": "ann@example.com", "groups": ["READERS"]})
    yield issuer
    issuer.stop()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Iterator[PanelSite]:
    known = {"DexIssuerUri": issuer.address, "DexClientId": CLIENT_ID}
    with panel_site(tmp_path_factory.mktemp("policy"), worker=False, **known) as running:
        yield running


@pytest.fixture
def visit(page: Page, watch: Watch, site: PanelSite) -> Visitor:
    """The administrator, signed in."""
    found = Visitor(page, watch, site.url)
    found.sign_in(site.user, site.password)
    return found


def test_the_policy_allows_nothing_inline_and_no_code_from_text() -> None:
    response = Client().get(reverse("admin:login"))
    policy = {part.split()[0]: part.split()[1:] for part in response["Content-Security-Policy"].split("; ")}
    assert policy["default-src"] == policy["base-uri"] == ["'none'"]
    assert policy["script-src"] == ["'self'"]
    assert [one.partition("-")[0] for one in policy["style-src"]] == ["'self'", "'nonce"]
    assert "unsafe" not in response["Content-Security-Policy"]
    assert "camera=()" in response["Permissions-Policy"]
    assert (response["X-Frame-Options"], response["Referrer-Policy"]) == ("SAMEORIGIN", "same-origin")
    assert response["X-Content-Type-Options"] == "nosniff"


def test_the_nonce_differs_from_page_to_page() -> None:
    policies = {Client().get(reverse("admin:login"))["Content-Security-Policy"] for _ in range(3)}
    assert len(policies) == 3


def test_the_alpine_that_is_served_is_the_build_without_eval() -> None:
    served = finders.find("unfold/js/alpine/alpine.js")
    assert "prohibited in the CSP build" in Path(str(served)).read_text()


class TestInABrowser:
    pytestmark = in_a_browser

    def test_no_page_breaks_the_policy(self, visit: Visitor, site: PanelSite) -> None:
        job = site.run(_FILL).strip()
        pages = ["/admin/", "/doc", f"/admin/workspaces/workspace/{site.workspace}/kubernetes-job/"]
        pages += [
            f"/admin/workspaces/workspace/{site.workspace}/{part}/" for part in ("change", "start", "delete", "history")
        ]
        pages.append(f"/admin/workspaces/job/{job}/change/")
        pages += [reverse(f"admin:{name}_changelist") for name in names()]
        pages += [reverse(f"admin:{name}_add") for name in names()]
        # Some records are made by no form; that page is a bare refusal.
        visit.watch.expected.add(403)
        tabs = [visit, *(beside(visit) for _ in range(TABS - 1))]
        for paths in batched(pages, TABS):
            opened = list(zip(tabs, paths, strict=False))
            for tab, path in opened:
                tab.open(path)
            for tab, _path in opened:
                settle(tab.page)

    def test_a_log_has_its_colours(self, visit: Visitor, site: PanelSite) -> None:
        job = site.run(_FILL).strip()
        visit.open(f"/admin/workspaces/job/{job}/change/")
        wait_for(visit.page, "window.terrakubeLog && window.terrakubeLog.text().includes('many colours')")
        colours = visit.page.evaluate(
            "[...document.querySelectorAll('.xterm-rows span')].map((one) => getComputedStyle(one).color)"
        )
        assert "rgb(10, 200, 30)" in colours
        assert len(set(colours)) > 2

    def test_a_person_signs_in_by_the_issuer_and_out_again(self, browser: Browser, site: PanelSite) -> None:
        page = browser.new_page()
        wrong: list[str] = []
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.goto(f"{site.url}/admin/?from=here")
        page.get_by_role("link", name="Sign in with OpenID Connect").click()
        expect(page).to_have_title("Issuer")
        page.get_by_role("link", name="Continue").click()
        expect(page).to_have_url(f"{site.url}/admin/?from=here")
        # Her group is a team of no organization yet, and the page says so.
        expect(page.get_by_text("You are not in a team of any organization yet")).to_be_visible()
        # Browsers hold the redirects of a form to the policy, and signing out is a form.
        page.locator("form[action$='/logout/']").evaluate("(form) => form.submit()")
        expect(page).to_have_title("Signed out")
        page.goto(f"{site.url}/admin/")
        expect(page).to_have_url(f"{site.url}/admin/login/?next=/admin/")
        assert [text for text in wrong if "favicon" not in text and "404" not in text] == []
        page.close()

    def test_what_alpine_does_still_works(self, visit: Visitor, site: PanelSite) -> None:
        page = visit.page
        page.set_viewport_size({"width": 1600, "height": 900})
        visit.open("/admin/workspaces/workspace/")
        # The width of the sidebar is a style that an expression makes of a template, and who drags it changes it.
        assert page.locator("#nav-sidebar").evaluate("(one) => one.style.width") == "288px"
        page.locator("#nav-sidebar .cursor-col-resize").dispatch_event("mousedown")
        for event, x in (("mousemove", 320), ("mouseup", 320), ("mousemove", 350)):
            page.evaluate("([name, clientX]) => window.dispatchEvent(new MouseEvent(name, { clientX }))", [event, x])
        expect(page.locator("#nav-sidebar")).to_have_css("width", "320px")
        # The menu of the person opens and closes by the same click.
        out = page.get_by_role("button", name="Log out")
        for visible in (True, False):
            page.locator("#nav-sidebar").get_by_text(site.user, exact=True).click()
            expect(out).to_be_visible(visible=visible)
        page.keyboard.press("[")
        expect(page.locator("#nav-sidebar")).to_be_hidden()
        page.keyboard.press("[")
        expect(page.locator("#nav-sidebar")).to_be_visible()
        page.keyboard.press("Control+e")
        first = page.locator("html").get_attribute("class")
        page.keyboard.press("Control+e")
        assert {first, page.locator("html").get_attribute("class")} == {"light", "dark"}
        # What can be done with rows comes with the first chosen one, and its button with what is chosen to be done.
        expect(page.locator("#changelist-actions button[name=index]")).to_be_hidden()
        page.locator("input.action-select").first.check()
        page.locator("select[name=action]").select_option("plan")
        expect(page.locator("#changelist-actions button[name=index]")).to_be_visible()
        page.locator("[data-filter-open], .filter-open-button").or_(page.get_by_text("Filters")).first.click()
        expect(page.get_by_role("heading", name="By locked")).to_be_visible()

    def test_what_an_expression_may_not_reach_stays_out_of_reach(self, visit: Visitor) -> None:
        visit.open("/admin/")
        tried = visit.page.evaluate(
            """() => ["$el.ownerDocument", "$el['constr' + 'uctor']", "({}).constructor", "fetch('/')", "alert(1)",
              "document.cookie", "window.open('/')", "eval('1')", "$el.innerHTML = 'x'"].filter((text) => {
                try { return window.Alpine.evaluateRaw(document.body, text) !== undefined; } catch { return false; }
              })"""
        )
        assert tried == []

    def test_an_injected_script_or_style_does_not_run(self, browser: Browser, site: PanelSite) -> None:
        # A watch of its own: what the browser says of its refusal is what this is about.
        page, watch = browser.new_page(), Watch()
        watch.follow(page.context)
        visit = Visitor(page, watch, site.url)
        visit.open("/admin/login/")
        visit.page.evaluate(
            """() => {
              document.body.insertAdjacentHTML("beforeend", `<p id="in" style="color: rgb(1, 2, 3)">x</p>`);
              document.body.insertAdjacentHTML("beforeend", `<img src="/nothing" onerror="window.hit = 1">`);
              const script = document.createElement("script"); script.textContent = "window.hit = 2";
              document.body.append(script);
            }"""
        )
        visit.page.wait_for_timeout(300)
        assert visit.page.evaluate("window.hit") is None
        assert visit.page.locator("#in").evaluate("(one) => getComputedStyle(one).color") != "rgb(1, 2, 3)"
        assert any("Content Security Policy" in text for text in watch.wrong)
        page.close()
