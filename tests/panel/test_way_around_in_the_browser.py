"""The way around the panel in a real browser: navigation at each width, search and shortcuts by the keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.panel.site import PanelSite, panel_site
from tests.support.patience import patient
from tests.support.visits import Visitor, Watch

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(patient(300))]
BESIDE, ABOVE = (1280, 1281, 1440), (390, 1024, 1279)
JOBS = "/admin/workspaces/job/"
SERIOUS = {"serious", "critical"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PanelSite]:
    with panel_site(tmp_path_factory.mktemp("panel"), worker=False) as running:
        yield running


@pytest.fixture
def visit(page: Page, watch: Watch, site: PanelSite) -> Visitor:
    found = Visitor(page, watch, site.url)
    found.sign_in(site.user, site.password)
    return found


def entry(page: Page) -> Locator:
    return page.locator("#nav-sidebar").get_by_role("link", name="Jobs", exact=True)


def toggle(page: Page) -> Locator:
    return page.get_by_role("button", name="Navigation", exact=True)


def grow(page: Page) -> None:
    """Change the height of the page, as what comes in while it is open does."""
    page.evaluate("document.getElementById('content').style.paddingBottom = '3000px'")
    page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")


@pytest.mark.parametrize("width", BESIDE)
def test_the_navigation_is_beside_a_wide_page_until_it_is_hidden(visit: Visitor, width: int) -> None:
    page = visit.page
    page.set_viewport_size({"width": width, "height": 800})
    visit.open(JOBS)
    expect(entry(page)).to_be_visible()
    expect(toggle(page)).to_have_attribute("aria-expanded", "true")
    toggle(page).click()
    expect(entry(page)).to_be_hidden()
    visit.open(JOBS)
    expect(entry(page)).to_be_hidden()
    toggle(page).click()
    expect(entry(page)).to_be_visible()
    grow(page)
    expect(entry(page)).to_be_visible()


@pytest.mark.parametrize("width", ABOVE)
def test_the_navigation_opens_above_a_narrow_page_and_stays_until_it_is_left(visit: Visitor, width: int) -> None:
    page = visit.page
    page.set_viewport_size({"width": width, "height": 800})
    visit.open(JOBS)
    expect(entry(page)).to_be_hidden()
    toggle(page).press("Enter")
    expect(entry(page)).to_be_visible()
    grow(page)
    expect(entry(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(entry(page)).to_be_hidden()
    expect(toggle(page)).to_be_focused()
    toggle(page).click()
    page.get_by_role("button", name="Close the navigation").click()
    expect(entry(page)).to_be_hidden()
    toggle(page).click()
    entry(page).click()
    expect(page).to_have_url(re.compile(f"{JOBS}$"))


def test_a_window_that_becomes_wide_shows_the_navigation(visit: Visitor) -> None:
    page = visit.page
    page.set_viewport_size({"width": 1000, "height": 800})
    visit.open(JOBS)
    expect(entry(page)).to_be_hidden()
    page.set_viewport_size({"width": 1400, "height": 800})
    expect(entry(page)).to_be_visible()


def test_what_is_searched_is_found_and_opened_by_the_keyboard(visit: Visitor, site: PanelSite) -> None:
    page = visit.page
    for key in ("/", "Control+k"):
        visit.open(JOBS)
        page.keyboard.press(key)
        search = page.get_by_role("dialog", name="Search the panel")
        expect(search.get_by_role("searchbox")).to_be_focused()
        page.keyboard.type("exam")
        hit = search.get_by_role("region", name="Workspaces").get_by_role("link").first
        expect(hit).to_be_visible()
        expect(search).to_be_in_viewport(ratio=1)
        while not hit.evaluate("hit => hit === document.activeElement"):
            page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(site.workspace))
    visit.open(JOBS)
    page.keyboard.press("/")
    expect(page.get_by_role("dialog")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_enter_leads_to_the_page_of_the_search(visit: Visitor) -> None:
    page = visit.page
    visit.open(JOBS)
    page.keyboard.press("/")
    page.keyboard.type("memory limit")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/admin/search/\?q=memory\+limit$"))
    expect(page.get_by_role("link", name="Memory limit").first).to_be_visible()


def test_a_key_typed_in_a_field_is_a_letter(visit: Visitor) -> None:
    page = visit.page
    visit.open(JOBS)
    page.locator("#searchbar").press_sequentially("g/w?")
    expect(page.locator("#searchbar")).to_have_value("g/w?")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_shortcuts_are_listed_and_lead_to_pages(visit: Visitor) -> None:
    page = visit.page
    visit.open(JOBS)
    page.keyboard.press("Shift+?")
    keys = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(keys).to_contain_text("Show or hide the navigation")
    expect(keys).to_be_in_viewport(ratio=1)
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("w")
    expect(page).to_have_url(re.compile(r"/admin/workspaces/workspace/$"))
    visit.open(JOBS)
    page.keyboard.press("[")
    expect(entry(page)).to_be_visible()
    page.keyboard.press("[")
    expect(entry(page)).to_be_hidden()


def test_the_keyboard_comes_first_to_a_way_past_the_navigation(visit: Visitor) -> None:
    page = visit.page
    page.set_viewport_size({"width": 1280, "height": 900})
    visit.open(JOBS)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('#content').contains(document.activeElement)")


def test_everybody_can_use_the_navigation_the_search_and_the_list_of_shortcuts(visit: Visitor) -> None:
    page = visit.page
    page.set_viewport_size({"width": 1280, "height": 900})
    visit.open("/admin/search/?q=exam")
    found = {"page": problems(page)}
    page.locator("#nav-sidebar").get_by_role("button").last.press("Enter")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    found["person"] = problems(page)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type("exam")
    expect(page.get_by_role("dialog").get_by_role("link").first).to_be_visible()
    found["search"] = problems(page)
    page.keyboard.press("Escape")
    page.evaluate("document.documentElement.classList.add('dark')")
    page.keyboard.press("Shift+?")
    found["shortcuts"] = problems(page)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("lost", ["unfold/js/app", "unfold/js/alpine/alpine", "terrakube/alpine"])
def test_nothing_lies_over_a_page_whose_script_was_lost_on_the_way(
    visit: Visitor, site: PanelSite, browser: Browser, lost: str
) -> None:
    # Not watched: what the browser says of the missing script is what this is about.
    context = browser.new_context(storage_state=visit.page.context.storage_state())
    context.set_default_timeout(patient(30_000))
    page = context.new_page()
    gone: list[str] = []

    def lose(route: Route) -> None:
        gone.append(route.request.url)
        route.abort()

    page.route(re.compile(rf"/{lost}(\.[0-9a-f]+)?\.js"), lose)
    page.goto(f"{visit.url}/admin/workspaces/workspace/")
    assert len(gone) == 1
    # A click waits until nothing else would get it.
    page.locator(f"#content a[href*='{site.workspace}']").first.click()
    expect(page).to_have_url(re.compile(site.workspace))
    context.close()


def test_light_and_dark_follow_the_system_until_one_is_chosen_and_paper_is_light(visit: Visitor) -> None:
    page, dark = visit.page, re.compile(r"\bdark\b")
    page.emulate_media(color_scheme="light")
    visit.open(JOBS)
    root = page.locator("html")
    expect(root).not_to_have_class(dark)
    page.emulate_media(color_scheme="dark")
    expect(root).to_have_class(dark)
    for event in ("beforeprint", "afterprint"):
        page.evaluate("(name) => window.dispatchEvent(new Event(name))", event)
        (expect(root).not_to_have_class if event == "beforeprint" else expect(root).to_have_class)(dark)
    page.evaluate("localStorage.setItem('_x_adminTheme', JSON.stringify('dark'))")
    page.emulate_media(color_scheme="light")
    expect(root).to_have_class(dark)


def test_a_page_with_work_going_on_replaces_only_its_piece(visit: Visitor, site: PanelSite) -> None:
    page, path = visit.page, f"/admin/workspaces/workspace/{site.workspace}/preflight/"
    visit.open(path)
    page.get_by_role("button", name="Check now").click()
    piece = page.locator("#preflight[data-again]")
    expect(piece).to_be_visible()
    page.evaluate("window.stays = true")
    answers: list[int] = []

    def answer(route: Route) -> None:
        # The server is away for a moment.
        if not answers:
            route.fulfill(status=503)
        else:
            route.continue_()
        answers.append(len(answers))

    visit.watch.expected.add(503)
    # The page asks one question at a time, so what was on its way before is answered by then.
    with page.expect_response(lambda response: response.status == 503):
        page.route(f"{visit.url}{path}", answer)
    page.evaluate("document.getElementById('preflight').dataset.first = '1'")
    expect(page.locator("#preflight[data-first]")).to_have_count(0)
    expect(piece).to_be_visible()
    assert page.evaluate("window.stays")
    assert len(answers) >= 2
    page.unroute(f"{visit.url}{path}")
    page.context.clear_cookies()
    expect(page).to_have_url(re.compile(r"/admin/login/\?next="))


def problems(page: Page) -> list[str]:
    answer = Axe().run(page, options={"resultTypes": ["violations"]}).response
    return [
        f"{one['id']} at {node['target']}"
        for one in answer["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"][:3]
    ]
