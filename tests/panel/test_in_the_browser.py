"""The panel in a real browser: settings by their controls, a job followed, by keyboard, on paper, over an outage."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Response, ViewportSize, expect

from tests.panel.site import PanelSite, panel_site, serving
from tests.support.patience import patient
from tests.support.spoken import spoken
from tests.support.visits import Visitor, Watch, wait_for

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(patient(300)),
    pytest.mark.skipif(not (shutil.which("terraform") or shutil.which("tofu")), reason="neither terraform nor tofu"),
]
STEP_MILLISECONDS = patient(90_000)
PASSWORD = secrets.token_urlsafe(12)
SAMPLE = f"""
import json
from scripts import panel_pages, sample_data
sample = sample_data.make({PASSWORD!r}, seconds=0.5)
print(json.dumps(panel_pages.pages(sample) | panel_pages.pages_of_nothing()))
"""
LINES = 200_000
MOST_BYTES, MOST_PIECES = 4 * 2**20, 4
"""What the page fetches of a log that is much longer, in so many requests."""
LONG_LOG = """
from executors.attempts import lifecycle as attempts
from executors.choices import AttemptOutcome, ExecutorKind
from executors.logs import store as logs
from workspaces.jobs import transitions
from workspaces.models import Workspace
from workspaces.services.jobs import create_job
flow = "flow:\\n  - {{type: terraformPlan, name: Plan, step: 100}}\\n"
job = create_job(Workspace.objects.get(pk="{workspace}"), by=None, tcl=flow)
step = transitions.advance(job.pk)
attempt = attempts.open_attempt(step, executor=ExecutorKind.KUBERNETES)
attempts.mark_launched(attempt, namespace="nowhere")
attempts.claim_attempt(attempt, "s" * 43)
text = "".join("line %d of a log that somebody will read to its end\\n" % n for n in range({lines})).encode()
for start in range(0, len(text), 2**20):
    logs.append_log(attempt, start, text[start:start + 2**20])
attempts.report_result(attempt, attempts.Report(outcome=AttemptOutcome.SUCCEEDED, changes=False))
print(job.pk)
"""
MOST_TABS = 60
SESSION = "s" * 43
JOBS = """
import json
from django.db import transaction
from executors.attempts import lifecycle as attempts
from executors.choices import ExecutorKind
from executors.logs import store as logs
from workspaces.jobs import transitions
from workspaces.models import Workspace
from workspaces.services.jobs import create_job
# In one piece, so that the worker meets the second job when it is taken already.
with transaction.atomic():
    first = Workspace.objects.get(pk="{workspace}")
    waits = create_job(first, by=None, tcl="flow:\\n  - {{type: approval, name: Approval, step: 100}}\\n")
    transitions.advance(waits.pk)
    second = Workspace.objects.create(
        organization=first.organization, name="second", source="empty", branch="remote-content",
        iac_type=first.iac_type, terraform_version=first.terraform_version,
    )
    runs = create_job(second, by=None, tcl="flow:\\n  - {{type: terraformPlan, name: Plan, step: 100}}\\n")
    attempt = attempts.open_attempt(transitions.advance(runs.pk), executor=ExecutorKind.KUBERNETES)
    attempts.mark_launched(attempt, namespace="nowhere")
    attempts.claim_attempt(attempt, "{session}")
    text = b"".join(b"line %d of the log\\n" % n for n in range(100))
    logs.append_log(attempt, 0, text)
print(json.dumps({{"waits": waits.pk, "runs": runs.pk, "attempt": str(attempt.pk), "size": len(text)}}))
"""
VISIBLE_FOCUS = """(() => {
    const style = getComputedStyle(document.activeElement);
    return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none";
})()"""
WIDE: ViewportSize = {"width": 1279, "height": 900}
NARROW: ViewportSize = {"width": 390, "height": 844}
SERIOUS = {"serious", "critical"}
# Where a screen reader finds the page itself, which axe-core counts as moderate.
LANDMARKS = {"landmark-one-main", "landmark-no-duplicate-main", "landmark-main-is-top-level"}
# Each part has time enough on a machine that does much else.
PARTS = 3
OF_COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PanelSite]:
    with panel_site(tmp_path_factory.mktemp("panel")) as running:
        yield running


@pytest.fixture(scope="module")
def pages(site: PanelSite) -> Iterator[dict[str, str]]:
    """The address of each page by its name, with records of every kind and jobs in every status."""
    found: dict[str, str] = json.loads(site.run(SAMPLE).splitlines()[-1])
    yield found
    site.run("from scripts import sample_data; sample_data.stop_all()")


@pytest.fixture
def visit(page: Page, watch: Watch, site: PanelSite) -> Visitor:
    """The administrator, signed in."""
    found = Visitor(page, watch, site.url)
    found.sign_in(site.user, site.password)
    return found


def workspace_path(site: PanelSite, tab: str = "pods") -> str:
    return f"/admin/workspaces/workspace/{site.workspace}/{tab}/"


def test_a_job_is_started_followed_approved_and_its_outputs_are_shown(visit: Visitor, site: PanelSite) -> None:
    page = visit.page
    visit.open(workspace_path(site))
    page.get_by_role("link", name="Start a job").click()
    page.fill("#id_comments", "from the browser")
    page.get_by_role("button", name="Start the job").click()
    expect(page).to_have_url(re.compile(r"/admin/workspaces/job/\d+/change/"))

    state = page.locator("#run-state")
    expect(state).to_contain_text("Waiting for approval", timeout=STEP_MILLISECONDS)
    expect(page.locator("#run-results")).to_contain_text("3 to add", timeout=STEP_MILLISECONDS)
    wait_for(page, "window.terrakubeLog.text().includes('Plan: 3 to add')", milliseconds=STEP_MILLISECONDS)
    expect(page).to_have_title(re.compile("^ *Waiting for approval"))
    expect(page.locator("#run-results ~ #log")).to_be_visible()

    page.get_by_label("Comment", exact=True).fill("looks right")
    page.get_by_role("button", name="Approve").click()
    expect(state).to_contain_text("Completed", timeout=STEP_MILLISECONDS)
    expect(page.locator("#run-results")).to_contain_text("Hello, world!", timeout=STEP_MILLISECONDS)
    wait_for(page, "window.terrakubeLog.text().includes('Apply complete!')", milliseconds=STEP_MILLISECONDS)
    expect(page.locator("#run-progress")).to_contain_text("3 of 3 resources done", timeout=STEP_MILLISECONDS)
    expect(page.locator("#run-steps")).to_contain_text("approved by")
    expect(page.locator("#run-comments").get_by_text("looks right")).to_be_visible()
    expect(page.locator("#run-results")).to_contain_text("(sensitive)")

    page.fill("#log-search", "Apply complete")
    page.keyboard.press("Enter")
    expect(page.locator("#log-follow")).not_to_be_checked()


def test_settings_are_edited_by_their_controls_and_a_wrong_one_is_mended(visit: Visitor, site: PanelSite) -> None:
    page = visit.page
    visit.open(workspace_path(site))
    page.locator(".tk-segments").get_by_text("On", exact=True).click()

    tolerations = page.locator("#setting-EPHEMERAL_CONFIG_TOLERATIONS")
    tolerations.get_by_role("button", name="Add a toleration").click()
    tolerations.get_by_label("Taint key").fill("dedicated")
    tolerations.get_by_label("Operator").select_option("Equal")
    tolerations.get_by_label("Value").fill("not a label")
    selector = page.locator("#setting-EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS")
    selector.get_by_role("button", name="Add a pair").click()
    selector.get_by_label("Key").fill("disk")
    selector.get_by_label("Value").fill("ssd")
    memory = page.locator("#setting-EPHEMERAL_MEMORY_LIMIT")
    memory.get_by_label("Amount").fill("2")
    memory.get_by_label("Unit").select_option("Gi")
    page.get_by_role("button", name="Save", exact=True).click()

    wrong = page.locator("#setting-EPHEMERAL_CONFIG_TOLERATIONS .tk-error")
    expect(wrong).to_contain_text("key[=value][:operator[:effect]]")
    expect(tolerations.get_by_label("Value")).to_have_value("not a label")
    tolerations.get_by_label("Value").fill("tf")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()

    stored = site.run(
        "from workspaces.models import Variable\n"
        "print(*sorted(f'{v.key}={v.value}' for v in Variable.objects.filter(category='ENV')), sep='\\n')"
    )
    assert stored.splitlines() == [
        "EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS=disk=ssd",
        "EPHEMERAL_CONFIG_TOLERATIONS=dedicated=tf:Equal:NoSchedule",
        "EPHEMERAL_MEMORY_LIMIT=2Gi",
        "TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR=1",
    ]
    page.get_by_role("link", name="Show the Kubernetes Job").click()
    expect(page.locator("#preview-yaml")).to_contain_text("disk: ssd")
    expect(page.locator("#preview-yaml")).to_contain_text("memory: 2Gi")

    visit.open(workspace_path(site))
    page.locator(".tk-segments").get_by_text("Off", exact=True).click()
    for name in ("EPHEMERAL_CONFIG_TOLERATIONS", "EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS", "EPHEMERAL_MEMORY_LIMIT"):
        page.locator(f"#setting-{name} [data-set]").uncheck()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    assert (
        site.run("from workspaces.models import Variable\nprint(Variable.objects.filter(category='ENV').count())")
        == "1\n"
    )


def test_a_variable_is_added_in_a_row_of_its_workspace_and_taken_away_there(visit: Visitor, site: PanelSite) -> None:
    page = visit.page
    visit.open(workspace_path(site, "variables"))
    rows = page.locator("#variables-group tbody.form-group:not(.empty-form)")
    before = rows.count()
    page.locator("#variables-group .add-row").click()
    rows.last.get_by_label("Key").fill("region")
    rows.last.get_by_label("Value").fill("\nsecond line")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()

    added = rows.filter(has=page.locator("input[value=region]"))
    expect(added.get_by_label("Value")).to_have_value("\nsecond line")
    added.locator("td.delete label").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()

    expect(rows).to_have_count(before)


def test_a_log_of_200_000_lines_is_open_at_its_end_by_fetching_its_end(visit: Visitor, site: PanelSite) -> None:
    job = int(site.run(LONG_LOG.format(workspace=site.workspace, lines=LINES)).splitlines()[-1])
    pieces: list[int] = []

    def note(response: Response) -> None:
        if re.search(r"/steps/[^/]+/log\?", response.url):
            pieces.append(int(response.headers["content-length"]))

    visit.page.on("response", note)
    visit.open(f"/admin/workspaces/job/{job}/change/")
    # The page keeps the last lines at hand and fetches what is before them when somebody goes there.
    wait_for(visit.page, "document.getElementById('log').dataset.over === '1'", milliseconds=30_000)
    wait_for(visit.page, f"window.terrakubeLog.text().includes('line {LINES - 1} ')", milliseconds=30_000)
    assert 0 < sum(pieces) <= MOST_BYTES
    assert len(pieces) <= MOST_PIECES


def findings(page: Page, options: dict[str, Any]) -> list[str]:
    """What axe-core finds serious or critical on a page, or of its landmarks, and where."""
    answer: dict[str, Any] = Axe().run(page, options={"resultTypes": ["violations"], **options}).response
    return [
        f"{one['id']} at {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for one in answer["violations"]
        if one["impact"] in SERIOUS or one["id"] in LANDMARKS
        for node in one["nodes"][:3]
    ]


def faults(page: Page) -> list[str]:
    """What is wrong with a page for some of those who use it: in light, in dark, on a phone."""
    found = findings(page, {})
    page.evaluate("document.documentElement.classList.add('dark')")
    found += [f"dark: {text}" for text in findings(page, OF_COLOURS)]
    page.evaluate("document.documentElement.classList.remove('dark')")
    page.set_viewport_size(NARROW)
    pixels = page.evaluate("document.documentElement.scrollWidth")
    page.set_viewport_size(WIDE)
    return [*found, f"{pixels} pixels wide on a phone"] if pixels > NARROW["width"] else found


def unlike(pages: dict[str, str]) -> dict[str, str]:
    """The pages without those that another of them shows as well: one template has all deletions, one all histories."""
    found = {}
    for name, path in pages.items():
        what, _, kind = name.partition("-")
        if (what in {"delete", "history"} and kind not in {"", "collection"}) or (
            what == "add" and f"record-{kind}" in pages
        ):
            continue
        found[name] = path
    return found


@pytest.mark.parametrize("part", range(PARTS))
def test_everybody_can_use_every_page_in_light_and_dark_and_on_a_phone(
    part: int, pages: dict[str, str], page: Page, watch: Watch, site: PanelSite
) -> None:
    visitor = Visitor(page, watch, site.url)
    visitor.open("/admin/login/")
    found = {"sign-in": faults(page)} if part == 0 else {}
    visitor.sign_in("ada", PASSWORD)
    watch.expected |= {400, 404}
    for name, path in list(unlike(pages).items())[part::PARTS]:
        visitor.open(path)
        found[name] = faults(page)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.fixture(scope="module")
def made(site: PanelSite) -> dict[str, Any]:
    """The numbers of a job that waits for approval and of one that runs, and the attempt of that one."""
    found: dict[str, Any] = json.loads(
        site.run(JOBS.format(workspace=site.workspace, session=SESSION)).splitlines()[-1]
    )
    return found


def job_path(number: int) -> str:
    return f"/admin/workspaces/job/{number}/change/"


def report_lines(url: str, made: dict[str, Any]) -> None:
    """Deliver more of the log, as the executor does that kept it while the site was away."""
    text = b"".join(b"line %d of the log\n" % n for n in range(100, 120))
    request = urllib.request.Request(  # noqa: S310 - an address of this test's own
        f"{url}/executor/v1/attempts/{made['attempt']}/logs?offset={made['size']}",
        data=text,
        headers={"Authorization": f"Bearer {SESSION}", "Content-Type": "application/octet-stream"},
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        assert json.load(answer)["size"] == made["size"] + len(text)


def tab_to(page: Page, selector: str) -> None:
    """Go on by the keyboard alone until an element has the focus, and see that it shows."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate(f"document.activeElement.matches({json.dumps(selector)})"):
            assert page.evaluate(VISIBLE_FOCUS), f"the focus on {selector} cannot be seen"
            return
    pytest.fail(f"{MOST_TABS} tabs do not lead to {selector}")


def test_a_job_is_approved_by_the_keyboard_alone(
    page: Page, watch: Watch, site: PanelSite, made: dict[str, Any]
) -> None:
    # Only the page in front takes keys, whatever other pages the browser has open.
    page.bring_to_front()
    Visitor(page, watch, site.url).open("/admin/login/")
    expect(page.locator("#id_username")).to_be_focused()
    page.keyboard.type(site.user)
    page.keyboard.press("Tab")
    page.keyboard.type(site.password)
    page.keyboard.press("Enter")
    expect(page).to_have_title(re.compile("^ *Overview"))
    tab_to(page, f'a[href="{job_path(made["waits"])}"]')
    page.keyboard.press("Enter")
    expect(page.locator("#run-state")).to_contain_text("Waiting for approval")
    expect(page).to_have_title(re.compile("^ *Waiting for approval"))
    expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile("d97706"))
    tab_to(page, ".tk-good-button")
    # The page replaces its parts when something changes, and what has the focus keeps it.
    site.run(
        "from workspaces.models import Job; from workspaces.services.job_comments import comment_on_job;"
        f"comment_on_job(Job.objects.get(pk={made['waits']}), 'looks good', by=None)"
    )
    expect(page.locator("#run-comments")).to_contain_text("looks good")
    expect(page.locator(".tk-good-button")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#run-state")).not_to_contain_text("Waiting for approval")


def test_a_screen_reader_reads_an_approval_in_the_order_in_which_it_is_decided(
    page: Page, watch: Watch, site: PanelSite, pages: dict[str, str]
) -> None:
    visitor = Visitor(page, watch, site.url)
    visitor.sign_in("ada", PASSWORD)
    page.set_viewport_size({"width": 1440, "height": 900})
    visitor.open(pages["job-waiting-approval"])
    lines = spoken(page)
    assert lines[0] == "link: Skip to the content"
    decided = [
        "link: Terrakube Site",
        "heading: Jobs : Job",
        "status: ",
        "StaticText: Waiting for approval",
        "StaticText: Changes in the plan:",
        "StaticText: 2 to add",
        "StaticText: 2 to destroy",
        "textbox: Comment",
        "button: Approve",
        "button: Reject",
        "button: Cancel the job",
        "heading: Plan",
        "heading: Steps",
        "heading: Comments",
        "heading: Log",
    ]
    places = [next((n for n, line in enumerate(lines) if line.startswith(wanted)), -1) for wanted in decided]
    assert -1 not in places, list(zip(decided, places, strict=True))
    assert places == sorted(places), list(zip(decided, places, strict=True))
    controls = [line for line in lines if line.startswith(("button: ", "link: ", "textbox: ", "checkbox: "))]
    # Nothing is without a name, nor has that of its icon.
    assert [line for line in controls if line.endswith(": ") or "_" in line] == []


def test_beside_the_navigation_a_list_shows_each_job_with_its_reason(
    page: Page, watch: Watch, site: PanelSite, pages: dict[str, str]
) -> None:
    visitor = Visitor(page, watch, site.url)
    visitor.sign_in("ada", PASSWORD)
    # High enough for all rows.
    page.set_viewport_size({"width": 1280, "height": 2000})
    visitor.open(pages["jobs"])
    expect(page.locator("#nav-sidebar")).to_be_visible()
    for reason in page.locator("#result_list td.field-why").all():
        # Its text, if not the last of its padding.
        expect(reason).to_be_in_viewport(ratio=0.8)


def test_who_gives_a_wrong_password_is_told_so(page: Page, watch: Watch, site: PanelSite) -> None:
    Visitor(page, watch, site.url).open("/admin/login/")
    page.fill("#id_username", site.user)
    page.fill("#id_password", "forgotten")
    page.keyboard.press("Enter")
    # Once, and in its own words.
    expect(page.locator(".errornote:visible")).to_have_text(
        "Wrong name or password, or this user may not use the panel."
    )


def test_what_is_copied_is_in_the_clipboard(page: Page, watch: Watch, site: PanelSite) -> None:
    visitor = Visitor(page, watch, site.url)
    visitor.sign_in(site.user, site.password)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.url)
    visitor.open("/admin/workspaces/accesstoken/add/")
    page.fill("[name=description]", "laptop")
    page.get_by_role("button", name="Create the token").click()
    button = page.locator("[data-copy=token-text]")
    button.click()
    expect(button).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#token-text").text_content()
    assert copied.count(".") == 2


def test_times_are_the_readers_and_the_page_is_still_and_printed_whole(
    new_context: Any, watch: Watch, site: PanelSite, made: dict[str, Any]
) -> None:
    context = new_context(timezone_id="Asia/Tokyo", locale="en-GB", reduced_motion="reduce")
    page = context.new_page()
    visitor = Visitor(page, watch, site.url)
    visitor.sign_in(site.user, site.password)
    visitor.open(job_path(made["runs"]))
    wait_for(page, "window.terrakubeLog.text().includes('line 99 ')")

    clock = page.locator("time[data-clock]").first
    there = datetime.fromisoformat(str(clock.get_attribute("datetime"))).astimezone(ZoneInfo("Asia/Tokyo"))
    assert clock.text_content() == f"{there:%H:%M:%S} GMT+9"
    ago = page.locator(".tk-meta time").first
    ago.hover()
    utc = datetime.fromisoformat(str(ago.get_attribute("datetime"))).astimezone(UTC)
    expect(ago).to_have_attribute("title", re.compile(rf"GMT\+9, {utc:%Y-%m-%d %H:%M:%S} UTC$"))

    moving = "getComputedStyle(document.querySelector('#nav-sidebar a')).transitionDuration"
    assert page.evaluate(moving) in {"0s", ""}

    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 700, "height": 990})
    printed = page.locator("#log-print")
    expect(printed).to_be_visible()
    assert [line for line in printed.inner_text().splitlines() if line] == [f"line {n} of the log" for n in range(100)]
    for hidden in ("#log-terminal", "#nav-sidebar", ".tk-log-tools", "#run-head .tk-buttons"):
        expect(page.locator(hidden)).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 700


def test_a_live_log_goes_on_without_loss_when_the_site_was_away(
    browser: Browser, site: PanelSite, made: dict[str, Any]
) -> None:
    with serving(site.environ) as url:
        # Not watched: that the site does not answer is what it is about.
        context = browser.new_context()
        page = context.new_page()
        Visitor(page, Watch(), url).sign_in(site.user, site.password)
        page.goto(url + job_path(made["runs"]))
        wait_for(page, "window.terrakubeLog.text().includes('line 99 ')")
        expect(page.locator("#log-state")).to_have_text("Live")
    expect(page.locator("#log-state")).to_have_text(re.compile("Reconnecting|does not answer"))
    expect(page.locator("#run-lost")).to_be_visible(timeout=patient(10_000))
    with serving(site.environ, port=urlsplit(url).port):
        report_lines(url, made)
        wait_for(page, "window.terrakubeLog.text().includes('line 119 ')", milliseconds=20_000)
        expect(page.locator("#run-lost")).to_be_hidden(timeout=patient(10_000))
        expect(page.locator("#log-state")).to_contain_text("Live")
        text = str(page.evaluate("window.terrakubeLog.text()"))
        assert re.findall(r"line (\d+) of the log", text) == [str(number) for number in range(120)]
        context.close()
