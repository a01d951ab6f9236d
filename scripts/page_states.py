"""Pages that no address alone shows: what leads to each, by the name of its picture."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.urls import reverse
from playwright.sync_api import Page

from scripts import demo
from scripts.processes import manage, still_running

if TYPE_CHECKING:
    from scripts.sample_data import Sample

type Doing = Callable[[Page, str, Sample], None]
PROJECT = Path(__file__).resolve().parent.parent
_LOCKING = 6
_LOG_LOOKS = 50
_EMPTY_PAGES = {
    "empty-overview": "admin:index",
    "empty-workspaces": "admin:workspaces_workspace_changelist",
    "empty-jobs": "admin:workspaces_job_changelist",
    "empty-checks": "admin:executors_checkrun_changelist",
    "empty-drift": "admin:workspaces_workspace_drift",
    "empty-schedules": "admin:workspaces_schedule_changelist",
    "empty-notifications": "admin:workspaces_notificationconfiguration_changelist",
    "empty-organizations": "admin:workspaces_organization_changelist",
    "empty-connections": "admin:workspaces_vcs_changelist",
    "empty-history": "admin:auditlog_logentry_changelist",
}


def _fill_in(page: Page, address: str, user: str, password: str) -> None:
    page.goto(f"{address}{reverse('admin:login')}")
    page.fill("#id_username", user)
    page.fill("#id_password", password)
    with page.expect_navigation():
        page.click("button[type=submit]")


def _wrong(page: Page, address: str, sample: Sample) -> None:
    _fill_in(page, address, "linus", "forgotten")


def _locked_out(page: Page, address: str, sample: Sample) -> None:
    for _ in range(_LOCKING):
        page.goto(f"{address}{reverse('admin:login')}")
        if page.locator("#id_username").count():
            _fill_in(page, address, "mallory", "guessed")
        if not page.locator("#id_username").count():
            return


def _signed_out(page: Page, address: str, sample: Sample) -> None:
    _fill_in(page, address, "ada", sample.password)
    with page.expect_navigation():
        page.evaluate("document.querySelector('form[action$=\"/logout/\"]').submit()")


def _chosen(page: Page, address: str, action: str, view: str = "admin:workspaces_workspace_changelist") -> None:
    page.goto(f"{address}{reverse(view)}")
    form = "document.querySelector('#changelist-form')"
    page.evaluate(f"{form}.querySelectorAll('[name=_selected_action]').forEach((box) => {{ box.checked = true; }})")
    page.evaluate(
        f"(action) => {{ const form = {form}; const field = document.createElement('input');"
        " form.querySelectorAll('[name=action]').forEach((one) => one.remove());"
        " field.name = 'action'; field.value = action; form.append(field); form.submit(); }",
        action,
    )
    page.wait_for_selector("#content form:not(#changelist-form)")


def _bulk_plan(page: Page, address: str, sample: Sample) -> None:
    _chosen(page, address, "plan")


def _bulk_setting(page: Page, address: str, sample: Sample) -> None:
    _chosen(page, address, "set_setting")


def _bulk_effects(page: Page, address: str, sample: Sample) -> None:
    _chosen(page, address, "set_setting")
    page.select_option("[name=name]", "EPHEMERAL_MEMORY_LIMIT")
    page.click("[name=_choose]")
    page.fill("[data-rows] input", "2")
    page.select_option("[data-rows] select", "Gi")
    page.click("[name=_preview]")
    page.wait_for_selector("[name=_apply]")


def _bulk_move(page: Page, address: str, sample: Sample) -> None:
    _chosen(page, address, "move")


def _cancel_jobs(page: Page, address: str, sample: Sample) -> None:
    _chosen(page, address, "cancel", "admin:workspaces_job_changelist")


def _delete_selected(page: Page, address: str, sample: Sample) -> None:
    _chosen(page, address, "delete_selected", "admin:workspaces_tag_changelist")


def _password_changed(page: Page, address: str, sample: Sample) -> None:
    page.goto(f"{address}{reverse('admin:password_change_done')}")


def _asked(page: Page, address: str, sample: Sample) -> None:
    page.goto(f"{address}{reverse('admin:workspaces_workspace_preview', args=[sample.workspaces['network'].pk])}")
    page.click(".tk-top-line form[method=post] .tk-primary")
    page.wait_for_selector(".tk-note")


def _token(page: Page, address: str, sample: Sample) -> None:
    page.goto(f"{address}{reverse('admin:workspaces_accesstoken_add')}")
    page.fill("[name=description]", "CI of the network team")
    page.click(".tk-form .tk-primary")
    page.wait_for_selector("#token-text")


def _plan_open(page: Page, address: str, sample: Sample) -> None:
    page.goto(f"{address}{reverse('admin:workspaces_job_change', args=[sample.jobs['waiting-approval'].pk])}")
    page.evaluate("document.querySelectorAll('#run-results details').forEach((one) => { one.open = true; })")


def _attempt_open(page: Page, address: str, sample: Sample) -> None:
    page.goto(f"{address}{reverse('admin:workspaces_job_change', args=[sample.jobs['applied'].pk])}")
    page.wait_for_timeout(1500)
    page.evaluate("document.querySelectorAll('.tk-attempt').forEach((one) => { one.open = true; })")


def _api_open(page: Page, address: str, sample: Sample) -> None:
    page.goto(f"{address}{reverse('doc')}")
    page.get_by_text("job", exact=True).click()
    page.locator("details details summary").locator("visible=true").first.click()


def _checked(page: Page, address: str, sample: Sample) -> None:
    page.goto(f"{address}{reverse('admin:executors_checkrun_changelist')}")
    if not page.locator("table").count():
        page.click(".tk-top-line form[method=post] .tk-primary")
        page.wait_for_selector("table", timeout=60_000)


def _navigation(page: Page, address: str, sample: Sample) -> None:
    page.goto(f"{address}{reverse('admin:index')}")
    # Beside a wide page it is open at first, and this closes it.
    page.click("[aria-controls=nav-sidebar]")


def _searching(page: Page, address: str, sample: Sample) -> None:
    page.goto(f"{address}{reverse('admin:index')}")
    page.keyboard.press("/")
    page.keyboard.type("net")
    page.wait_for_selector("#panel-search .tk-dialog-body a")


def _keys(page: Page, address: str, sample: Sample) -> None:
    page.goto(f"{address}{reverse('admin:index')}")
    page.keyboard.press("?")
    page.wait_for_selector("#panel-keys[open]")


def _save(page: Page) -> None:
    """Send a form as its button does, also what the browser itself would refuse."""
    form = "document.querySelector('#content form[method=post] [name=csrfmiddlewaretoken]').form"
    with page.expect_navigation():
        page.evaluate(f"{form}.noValidate = true; {form}.requestSubmit()")


def _choosing(page: Page, address: str, sample: Sample, **chosen: str) -> None:
    """Open a step of making workspaces from a repository."""
    connection = sample.connection
    query = urlencode({"vcs": str(connection and connection.pk), **chosen})
    page.goto(f"{address}{reverse('admin:workspaces_workspace_from_repository')}?{query}")


def _choose_repository(page: Page, address: str, sample: Sample) -> None:
    _choosing(page, address, sample)


def _choose_branch(page: Page, address: str, sample: Sample) -> None:
    _choosing(page, address, sample, repository=sample.repository)


def _choose_folders(page: Page, address: str, sample: Sample) -> None:
    _choosing(page, address, sample, repository=sample.repository, branch="main")
    page.get_by_label("Select all").check()


def _wrong_folders(page: Page, address: str, sample: Sample) -> None:
    _choose_folders(page, address, sample)
    page.locator("#folders input[name^='name:']").first.fill("a/b")
    with page.expect_navigation():
        page.get_by_role("button", name="Create the workspaces").click()


def _wrong_repository(page: Page, address: str, sample: Sample) -> None:
    _choosing(page, address, sample, repository=f"{sample.repository}-of-nobody")


def _wrong_variable(page: Page, address: str, sample: Sample) -> None:
    page.goto(f"{address}{reverse('admin:workspaces_workspace_variables', args=[sample.workspaces['network'].pk])}")
    page.locator("#variables-group .add-row").click()
    page.locator("#variables-group tbody.form-group:not(.empty-form) [name$=-key]").last.fill("two words")
    _save(page)


def _wrong_settings(page: Page, address: str, sample: Sample) -> None:
    page.goto(f"{address}{reverse('admin:workspaces_workspace_settings', args=[sample.workspaces['network'].pk])}")
    page.fill("#id_name", "")
    _save(page)


def _wrong_start(page: Page, address: str, sample: Sample) -> None:
    page.goto(f"{address}{reverse('admin:workspaces_workspace_start', args=[sample.workspaces['warehouse'].pk])}")
    page.locator(".tk-form textarea").first.evaluate("(field) => { field.value = 'no address!'; }")
    _save(page)


def _await_log(page: Page) -> None:
    # Not by Playwright's own waiting, which needs eval; the page's policy forbids it.
    for _ in range(_LOG_LOOKS):
        if page.evaluate("Boolean(window.terrakubeLog?.text().trim())"):
            return
        page.wait_for_timeout(200)


def _printed(view: str, kind: str, name: str) -> Doing:
    def lead(page: Page, address: str, sample: Sample) -> None:
        record = sample.jobs[name] if kind == "job" else sample.workspaces[name]
        page.goto(f"{address}{reverse(view, args=[record.pk])}")
        if kind == "job":
            _await_log(page)
        page.emulate_media(media="print")

    return lead


def _without_token(page: Page, address: str, sample: Sample) -> None:
    page.goto(f"{address}{reverse('admin:workspaces_organization_add')}")
    page.evaluate("document.querySelectorAll('[name=csrfmiddlewaretoken]').forEach((one) => { one.value = 'x'; })")
    page.evaluate("document.querySelector('#organization_form').submit()")
    page.wait_for_selector(".error")


def _as_member(view: str, kind: str = "", name: str = "") -> Doing:
    """Return what signs in a user who is no administrator, opens a page, and stays signed in."""

    def lead(page: Page, address: str, sample: Sample) -> None:
        page.context.clear_cookies()
        _fill_in(page, address, "grace", sample.password)
        kinds: dict[str, Any] = {"": {}, "job": sample.jobs, "workspace": sample.workspaces}
        page.goto(f"{address}{reverse(view, args=[kinds[kind][name].pk] if name else [])}")

    return lead


def _foreign_host(page: Page, address: str, sample: Sample) -> None:
    # Only where the site listens on the whole loopback has it another name there.
    if "127.0.0.1" in address:
        page.goto(f"{address.replace('127.0.0.1', 'localhost')}/admin/")


SIGNED_OUT: dict[str, Doing] = {
    "sign-in-wrong": _wrong,
    "locked-out": _locked_out,
    "signed-out": _signed_out,
    "error-host": _foreign_host,
    "member-overview": _as_member("admin:index"),
    "member-workspaces": _as_member("admin:workspaces_workspace_changelist"),
    "member-workspace": _as_member("admin:workspaces_workspace_overview", "workspace", "warehouse"),
    "member-settings": _as_member("admin:workspaces_workspace_settings", "workspace", "warehouse"),
    "member-job": _as_member("admin:workspaces_job_change", "job", "rejected"),
    "member-rights": _as_member("admin:auth_user_own_rights"),
    "error-refused": _as_member("admin:auth_user_changelist"),
}
SIGNED_IN: dict[str, Doing] = {
    "bulk-move": _bulk_move,
    "bulk-plan": _bulk_plan,
    "bulk-setting": _bulk_setting,
    "bulk-effects": _bulk_effects,
    "cancel-jobs": _cancel_jobs,
    "delete-selected": _delete_selected,
    "choose-repository": _choose_repository,
    "choose-branch": _choose_branch,
    "choose-folders": _choose_folders,
    "error-folders": _wrong_folders,
    "error-repository": _wrong_repository,
    "password-changed": _password_changed,
    "preview-asked": _asked,
    "token-made": _token,
    "plan-open": _plan_open,
    "attempt-open": _attempt_open,
    "api-open": _api_open,
    "checked": _checked,
    "navigation": _navigation,
    "search-open": _searching,
    "keys": _keys,
    "error-variable": _wrong_variable,
    "error-settings": _wrong_settings,
    "error-start": _wrong_start,
    "print-job": _printed("admin:workspaces_job_change", "job", "applied"),
    "print-workspace": _printed("admin:workspaces_workspace_overview", "workspace", "network"),
    "error-form": _without_token,
}
"""Each brings a page to what its picture shows; the user is an administrator."""
ON_TOP = {"navigation", "search-open", "keys"}
"""States that lie over the page, and are shown as large as the window."""
BY_WIDTH = {"navigation", "print-job", "print-workspace"}
"""States to which another step leads at another width, or where a log keeps the columns that it had before."""


@contextmanager
def empty_site(password: str) -> Iterator[str]:
    """Run the web process of an installation in which nothing is yet, where people sign in by an issuer too."""
    with tempfile.TemporaryDirectory(prefix="screenshots-empty-") as folder:
        port = demo.free_port("127.0.0.1")
        environ = os.environ | {
            "TERRAKUBE_DATA_DIR": folder,
            "DexIssuerUri": "https://sign-in.example.org",
            "DexClientId": "terrakube",
            "TERRAKUBE_ALLOWED_HOSTS": "127.0.0.1",
            "DJANGO_SUPERUSER_PASSWORD": password,
        }
        manage(environ, "migrate", "--verbosity", "0")
        manage(environ, "createsuperuser", "--noinput", "--username", "ada", "--email", "ada@example.org")
        web = [sys.executable, "-m", "uvicorn", "terrakube_site.asgi:application", "--port", str(port)]
        with (Path(folder) / "web.log").open("wb") as log:
            process = subprocess.Popen(web, cwd=PROJECT, env=environ, stdout=log, stderr=log)
        try:
            demo.await_site(f"http://127.0.0.1:{port}", still_running(process))
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


def addresses() -> list[str]:
    """Return the addresses of the states that no page of ``panel_pages.pages`` has."""
    return [reverse("admin:login"), reverse("admin:password_change_done")]


def empty_pages() -> dict[str, str]:
    """Return the addresses of the pages that say what to do first, by the names of their pictures."""
    return {name: reverse(view) for name, view in _EMPTY_PAGES.items()}
