"""A page makes a browser load at most 60 kB of script beside the terminal's."""

from __future__ import annotations

import gzip
import re
from functools import cache
from pathlib import Path

import pytest
from django.contrib import admin as django_admin
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse

from tests.panel import test_every_page
from tests.panel.test_every_page import registered
from workspaces.admin.workspace_tabs import FORM_TABS
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
MOST_BYTES = 60_000
organization_id, filled = test_every_page.organization_id, test_every_page.filled
SCRIPT = re.compile(r'<script[^>]*\ssrc="/(?:static/)?([^"]+)"')
TERMINAL = re.compile(r"terrakube/(vendor/xterm/|log\.js)")


@cache
def weight(script: str, client: Client) -> int:
    """The bytes of a script as it travels: compressed, as the image of the site serves it."""
    found = finders.find(script)
    if isinstance(found, str):
        return len(gzip.compress(Path(found).read_bytes(), 9))
    # What the site writes itself, such as the texts of Django's scripts.
    written = client.get(f"/{script}")
    assert written.status_code == 200, script
    return len(gzip.compress(written.content, 9))


def scripts(client: Client, path: str) -> list[str]:
    response = client.get(path)
    found = SCRIPT.findall(response.content.decode()) if response.status_code == 200 else []
    assert len(found) == len(set(found)), f"{path} loads a script twice"
    return [script for script in found if not TERMINAL.search(script)]


def pages(workspace: Workspace) -> list[str]:
    found = [reverse("admin:index"), reverse("admin:search"), reverse("admin:password_change")]
    for name in registered():
        found += [reverse(f"admin:{name}_changelist"), reverse(f"admin:{name}_add")]
    for model in django_admin.site._registry:
        record = model._default_manager.first()
        if record is not None:
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
            found += [reverse(f"{name}_{page}", args=[record.pk]) for page in ("change", "history", "delete")]
    tabs = ("overview", "jobs", "preview", "states", "start", "history", "who_may", *FORM_TABS)
    found += [reverse(f"admin:workspaces_workspace_{tab}", args=[workspace.pk]) for tab in tabs]
    return found


def test_no_page_loads_more_than_it_may_nor_jquery(admin: Client, filled: Workspace) -> None:
    found = {path: scripts(admin, path) for path in pages(filled)}
    weighed = {path: sum(weight(name, admin) for name in names) for path, names in found.items()}
    assert sum(1 for total in weighed.values() if total) > 80, "most pages are there to be weighed"
    assert {path: total for path, total in weighed.items() if total > MOST_BYTES} == {}
    loaded = sorted({name for names in found.values() for name in names})
    assert "terrakube/choose_record.js" in loaded
    assert [name for name in loaded if "jquery" in name or "select2" in name] == []
