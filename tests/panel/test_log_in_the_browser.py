"""An approver in a real browser: a configuration that lies with control sequences, and a page whose parts come late."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.panel.site import PanelSite, panel_site
from tests.support.patience import patient
from tests.support.visits import Visitor, Watch, wait_for

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(patient(600)),
    pytest.mark.skipif(not (shutil.which("terraform") or shutil.which("tofu")), reason="neither terraform nor tofu"),
]
STEP_MILLISECONDS = patient(90_000)
LIE = "No changes."
CONFIGURATION = r"""
resource "terraform_data" "real" {
  input = <<-EOT
    first
    ${local.erased}
  EOT
}
locals {
  erased = "\u001b[2J\u001b[H\u001b[3J\u001b]0;owned\u0007\u001b[?1049h\u001b[8m"
}
check "quiet" {
  assert {
    condition     = terraform_data.real.id == "never"
    error_message = "${local.erased}LIE\r         \u202e"
  }
}
check "loud" {
  assert {
    condition     = local.erased == ""
    error_message = "${local.erased}LIE"
  }
}
""".replace("LIE", LIE)
# A workspace with that configuration, and a job of it whose log begins with a script's lies.
MAKE = """
import io, json, tarfile
from workspaces.models import Workspace
from workspaces.services import sources
from workspaces.services.jobs import create_job
first = Workspace.objects.get(pk="{workspace}")
liar = Workspace.objects.create(
    organization=first.organization, name="liar", source="empty", branch="remote-content",
    iac_type=first.iac_type, terraform_version=first.terraform_version,
)
packed = io.BytesIO()
with tarfile.open(fileobj=packed, mode="w:gz") as tar:
    entry = tarfile.TarInfo("main.tf")
    content = {configuration!r}.encode()
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
sources.store_source(sources.create_configuration_version(liar, by=None), packed.getvalue())
job = create_job(liar, by=None, template=first.default_template)
print(json.dumps({{"job": job.pk}}))
"""
# A job that runs, with a log of our own making.
WRITTEN = """
from executors.attempts import lifecycle as attempts
from executors.choices import ExecutorKind
from executors.logs import store as logs
from workspaces.jobs import transitions
from workspaces.models import Workspace
from workspaces.services.jobs import create_job
first = Workspace.objects.get(pk="{workspace}")
own = Workspace.objects.create(
    organization=first.organization, name="{name}", source="empty", branch="remote-content",
    iac_type=first.iac_type, terraform_version=first.terraform_version,
)
flow = "flow:\\n  - {{type: terraformPlan, name: Plan, step: 100}}\\n"
job = create_job(own, by=None, tcl=flow)
attempt = attempts.open_attempt(transitions.advance(job.pk), executor=ExecutorKind.KUBERNETES)
attempts.mark_launched(attempt, namespace="nowhere")
attempts.claim_attempt(attempt, "s" * 43)
logs.append_log(attempt, 0, {log!r})
print(job.pk)
"""
RENDERED = """
[...document.querySelectorAll(".xterm-rows > div")].map((row) => row.textContent).join("\\n")
"""
COLOURS = """
(words) => [...document.querySelectorAll(".xterm-rows span")].filter((one) => words.includes(one.textContent.trim()))
  .map((one) => ({ text: one.textContent.trim(), color: getComputedStyle(one).color,
                   back: getComputedStyle(one).backgroundColor, shown: getComputedStyle(one).visibility,
                   opacity: getComputedStyle(one).opacity, direction: getComputedStyle(one).unicodeBidi }))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PanelSite]:
    with panel_site(tmp_path_factory.mktemp("panel")) as running:
        yield running


@pytest.fixture
def visit(page: Page, watch: Watch, site: PanelSite) -> Visitor:
    """The administrator, signed in."""
    found = Visitor(page, watch, site.url)
    found.sign_in(site.user, site.password)
    return found


def job_path(number: int) -> str:
    return f"/admin/workspaces/job/{number}/change/"


def open_log(visit: Visitor, site: PanelSite, name: str, log: bytes) -> Page:
    """Open the page of a job that runs and has this log."""
    number = int(site.run(WRITTEN.format(workspace=site.workspace, name=name, log=log)).splitlines()[-1])
    visit.open(job_path(number))
    wait_for(visit.page, "window.terrakubeLog.text().includes('THE END')", milliseconds=STEP_MILLISECONDS)
    return visit.page


def test_a_check_that_erases_the_screen_hides_nothing_of_the_plan(visit: Visitor, site: PanelSite) -> None:
    made = json.loads(site.run(MAKE.format(workspace=site.workspace, configuration=CONFIGURATION)).splitlines()[-1])
    page = visit.page
    visit.open(job_path(made["job"]))
    expect(page.locator("#run-state")).to_contain_text("Waiting for approval", timeout=STEP_MILLISECONDS)
    wait_for(page, f"window.terrakubeLog.text().includes({LIE!r})", milliseconds=STEP_MILLISECONDS)

    text = str(page.evaluate("window.terrakubeLog.text()"))
    assert re.search(r"# terraform_data\.real will be created", text)
    assert "Plan: 1 to add, 0 to change, 0 to destroy." in text
    assert text.index("Plan: 1 to add") < text.index(LIE)
    assert "␛[2J␛[H␛[3J␛]0;owned␇␛[?1049h␛[8m" in text
    # Beside the button stands what the plan itself says.
    expect(page.locator("#run-plan")).to_contain_text("1 to add", timeout=STEP_MILLISECONDS)
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    assert "owned" not in page.title()

    page.locator("#plan-text > summary").click()
    words = page.locator("#plan-words")
    expect(words).to_contain_text("# terraform_data.real will be created")
    expect(words).to_contain_text("Plan: 1 to add, 0 to change, 0 to destroy.")
    expect(words).to_contain_text("␛[2J␛[H␛[3J")


def test_a_terminal_shows_each_character_and_overwrites_a_line_with_a_mark(visit: Visitor, site: PanelSite) -> None:
    lines = [
        b"kept\x1b[1A\x1b[2K\x1b[1;5r\x1b[5n\x1b[c",
        b"destroy everything\r          done",
        b"\x1b[38;2;15;17;21mDARK\x1b[0m \x1b[30;40mBLACK\x1b[0m \x1b[37;47mWHITE\x1b[0m \x1b[7;30;40mTURNED\x1b[0m "
        b"\x1b[8mCONCEALED",
        "\u202eDROWREDNU \u05d0\u05d1\u05d2 123 \u200b|".encode(),
        b"x" * 3000 + b"\rSHORT",
        b"\x9bA\xc2\x9bB\x1b]8;;http://example.org\x1b\\link\x1b]8;;\x1b\\ \x1b]52;c;aGk=\x07",
        b"THE END",
    ]
    page = open_log(visit, site, "terminal", b"\n".join(lines) + b"\n")
    text = str(page.evaluate("window.terrakubeLog.text()"))
    assert "kept␛[1A␛[2K␛[1;5r␛[5n␛[c" in text
    assert re.search(r"^␍ {10}doneything$|^␍ {10}done", text, re.MULTILINE)
    assert "␛[8mCONCEALED" in text
    assert "<U+202E>DROWREDNU \u05d0\u05d1\u05d2 123 <U+200B>|" in text
    assert text.replace("\n", "").count("x") > 2500
    assert "␍SHORT" in text
    assert "\\x9bA<U+009B>B␛]8;;http://example.org␛\\link" in text

    page.locator("#log-terminal").scroll_into_view_if_needed()
    wait_for(page, f"{RENDERED}.includes('THE END')")
    found: list[dict[str, Any]] = page.evaluate(COLOURS, ["DARK", "BLACK", "WHITE", "TURNED"])
    if len(found) < 4:
        page.evaluate("document.querySelector('.xterm-viewport').scrollTop = 0")
        page.mouse.move(0, 0)
    assert {one["text"] for one in found} == {"DARK", "BLACK", "WHITE", "TURNED"}
    for one in found:
        assert contrast(one["color"], one["back"]) >= 4, one
        assert (one["shown"], one["opacity"], one["direction"]) == ("visible", "1", "bidi-override")


def test_lines_that_a_log_pushes_out_are_told(visit: Visitor, site: PanelSite) -> None:
    page = open_log(visit, site, "pushed", b"the plan\n" + b"\n" * 60_000 + LIE.encode() + b"\nTHE END\n")
    expect(page.locator("#log-note")).to_contain_text("download the log for earlier ones")


def brightness(color: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(color: str, back: str) -> float:
    """How well a text can be told from what is behind it; the terminal's own background where none is set."""
    behind = "rgb(15, 17, 21)" if back == "rgba(0, 0, 0, 0)" else back
    high, low = sorted((brightness(color), brightness(behind)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("how", ["late", "never"])
def test_a_page_works_whose_catalogue_of_texts_comes_late_or_not_at_all(
    how: str, visit: Visitor, site: PanelSite
) -> None:
    page, asked = visit.page, []

    def hold(route: Route) -> None:
        asked.append(route.request.url)
        if how == "never":
            # What a browser makes of a catalogue that was not to be had; the page's own errors are what counts here.
            return route.fulfill(status=200, content_type="text/javascript", body="")
        time.sleep(1)
        return route.continue_()

    page.route("**/jsi18n/", hold)
    for path in ("/admin/workspaces/template/", "/admin/workspaces/job/", "/admin/workspaces/workspace/"):
        visit.open(path)
        first = page.locator("tr input.action-select").first
        if first.count():
            first.check()
            expect(page.locator(".action-counter:visible").first).to_contain_text(re.compile(r"1 \w+ \d+"))
    visit.open(f"/admin/workspaces/workspace/{site.workspace}/settings/")
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_visible()
    assert len(asked) >= 4
