"""``terraform login`` and ``tofu login``: the real commands, and a browser that is an HTTP session or Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page

from tests.factories import TeamFactory, member
from tests.support.patience import patient
from tests.tfe.live.logins import Login, login
from tests.tfe.tls import TlsSite
from workspaces.models import AccessToken, Team

PASSWORD = "correct-horse-battery"
TOOLS = ("terraform", "tofu")


def user(team: Team) -> User:
    made = member(team)
    made.set_password(PASSWORD)
    made.is_staff = True
    made.save()
    return made


@contextmanager
def session(site: TlsSite) -> Iterator[requests.Session]:
    """An HTTP session that does what a browser does, and trusts the site."""
    with requests.Session() as made:
        made.trust_env = False
        made.verify = str(site.bundle)
        yield made


def send(session: requests.Session, page: requests.Response, **fields: str) -> requests.Response:
    """Send the form of a page to the page's own address."""
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert found is not None, page.text
    form = {"csrfmiddlewaretoken": found[1], **fields}
    return session.post(page.url, form, headers={"Referer": page.url}, timeout=patient(20))


def page_of(session: requests.Session, waiting: Login, who: User) -> requests.Response:
    """Open the address as the terminal asks for, and sign in at the panel."""
    page = session.get(waiting.url, timeout=patient(20))
    assert urlsplit(page.url).path == "/admin/login/"
    page = send(session, page, username=who.username, password=PASSWORD)
    assert (page.status_code, urlsplit(page.url).path) == (200, "/sign-in/terminal/authorize"), page.text
    return page


@pytest.mark.parametrize("tool", TOOLS)
def test_a_terminal_is_signed_in_through_the_panel(tls_site: TlsSite, tmp_path: Path, tool: str) -> None:
    team = TeamFactory.create()
    ann = user(team)
    with login(tls_site, tool, tmp_path) as waiting, session(tls_site) as browser:
        page = page_of(browser, waiting, ann)
        done = send(browser, page, description=f"terraform login, {tool}", days="7")
        assert urlsplit(done.url).hostname == "localhost", done.url
        assert done.status_code == 200
        code, said = waiting.ended()
        assert code == 0, said
        headers = {"Authorization": f"Bearer {waiting.token}"}
        answer = browser.get(f"{tls_site.address}/api/v1/organization", headers=headers, timeout=patient(20))
        assert [row["id"] for row in answer.json()["data"]] == [str(team.organization_id)]
    assert AccessToken.objects.get(user=ann).description == f"terraform login, {tool}"


@pytest.mark.parametrize("tool", TOOLS)
def test_the_terminal_ends_when_the_user_cancels(tls_site: TlsSite, tmp_path: Path, tool: str) -> None:
    ann = user(TeamFactory.create())
    with login(tls_site, tool, tmp_path) as waiting, session(tls_site) as browser:
        send(browser, page_of(browser, waiting, ann), cancel="1")
        code, said = waiting.ended()
    assert code == 1
    assert "The login was cancelled in the browser." in " ".join(said.split()), said
    assert not AccessToken.objects.filter(user=ann).exists()


@pytest.mark.browser
@pytest.mark.parametrize("button", ["Allow", "Cancel"])
def test_a_browsers_policy_lets_the_form_end_at_the_terminal(
    tls_site: TlsSite, tmp_path: Path, browser: Browser, button: str
) -> None:
    ann = user(TeamFactory.create())
    context = browser.new_context(ignore_https_errors=True, locale="en-GB")
    context.set_default_timeout(patient(30_000))
    with login(tls_site, "terraform", tmp_path) as waiting:
        page: Page = context.new_page()
        page.goto(waiting.url)
        page.get_by_label("Username").fill(ann.username)
        page.get_by_label("Password").fill(PASSWORD)
        page.locator("button[type=submit], form button").last.click()
        page.get_by_role("heading", name="Allow terraform or tofu").wait_for()
        # The terminal's server ends with what it was asked for, often before the browser has all of its page.
        with page.expect_request(re.compile(r"^http://localhost:100\d\d/login\?")):
            page.get_by_role("button", name=button, exact=True).click()
        code, said = waiting.ended()
    context.close()
    assert code == (0 if button == "Allow" else 1), said
    assert ("cancelled in the browser" in " ".join(said.split())) is (button == "Cancel"), said
