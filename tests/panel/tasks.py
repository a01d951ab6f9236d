"""What an operator does for one task in a browser, with each click counted; typing and scrolling are free."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.factories import UserFactory
from tests.spine.site import Site
from tests.support.visits import Visitor, Watch
from workspaces.models import Drift, SavedPlan

PASSWORD = "correct horse"
STATE = {"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "l", "outputs": {}, "resources": []}


@pytest.fixture(scope="module")
def user(site: Site) -> User:
    found: User = UserFactory.create(username="olga", is_staff=True, is_superuser=True)
    found.set_password(PASSWORD)
    found.save()
    return found


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "viewport": {"width": 1440, "height": 900}}


@pytest.fixture
def operator(page: Page, watch: Watch, site: Site, user: User) -> Visitor:
    found = Visitor(page, watch, site.address)
    found.sign_in(user.username, PASSWORD)
    return found


class Task:
    """One task, from the panel's first page."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self.clicks = 0

    @property
    def page(self) -> Page:
        return self.visitor.page

    def click(self, name: str, *, within: Locator | None = None) -> None:
        """Click a link or button by its name."""
        place = within or self.page
        found = place.get_by_role("link", name=name, exact=True).or_(place.get_by_role("button", name=name, exact=True))
        self.click_on(found.locator("visible=true").first)

    def open_tab(self, name: str) -> None:
        """Click a tab of the workspace."""
        self.click(name, within=self.page.get_by_role("navigation", name="Pages of the workspace"))

    def click_on(self, target: Locator) -> None:
        self.clicks += 1
        target.click()

    def choose(self, target: Locator, option: str) -> None:
        """Choose an option of a select, which is a click."""
        self.clicks += 1
        target.select_option(label=option)

    def choose_record(self, target: Locator, name: str) -> None:
        """Choose a record in a select that searches: it is opened, typed in, and its one row is clicked."""
        field = target.locator("xpath=following-sibling::div[1]").get_by_role("combobox")
        self.click_on(field)
        field.fill(name)
        self.click_on(self.page.get_by_role("option", name=name, exact=True))

    def upload(self, target: Locator, name: str, content: bytes) -> None:
        """Choose a file, which is a click."""
        self.clicks += 1
        target.set_input_files(FilePayload(name=name, mimeType="application/octet-stream", buffer=content))

    def find(self, text: str, title: str = "") -> None:
        """Open what the search finds, by the keyboard alone; ``title`` is its name, ``text`` where it is not given."""
        keyboard, dialog = self.page.keyboard, self.page.locator("#panel-search")
        keyboard.press("/")
        keyboard.type(text)
        expect(dialog.locator("a").first).to_contain_text(title or text)
        keyboard.press("ArrowDown")
        before = self.page.url
        keyboard.press("Enter")
        self.page.wait_for_url(lambda url: url != before)


@contextmanager
def task(visitor: Visitor, *, clicks: int) -> Iterator[Task]:
    """A task that must be done with at most so many clicks."""
    visitor.open("/admin/")
    found = Task(visitor)
    yield found
    assert found.clicks <= clicks, f"{found.clicks} clicks, and {clicks} are enough"


def report_drift(drift: Drift) -> None:
    """Let the last check have reported that a resource was deleted outside of Terraform; its provider cannot drift."""
    address = "terraform_data.greeting"
    plan = {
        "format_version": "1.2",
        "resource_drift": [{"address": address, "change": {"actions": ["delete"]}}],
        "resource_changes": [{"address": address, "change": {"actions": ["create"]}}],
    }
    assert SavedPlan.objects.filter(step__job=drift.result_job).update(json=json.dumps(plan).encode()) == 1
    # The worker judges it again at its next beat.
    Drift.objects.filter(pk=drift.pk).update(judged=False)


def state(serial: int) -> bytes:
    return json.dumps({**STATE, "serial": serial}).encode()
