"""Every page of the panel is among those of which `scripts/screenshots` takes pictures."""

from __future__ import annotations

from collections import defaultdict

import pytest
from django.contrib.auth.models import User

from scripts import page_states, panel_pages
from scripts.pictured_routes import WITHOUT_PAGE, routes, without_picture
from scripts.sample_data import Sample
from tests.factories import PLAN_AND_APPLY, WorkspaceFactory
from workspaces.services.jobs import create_job

pytestmark = pytest.mark.django_db


def test_every_page_has_a_picture() -> None:
    job = create_job(WorkspaceFactory.create(), by=None, tcl=PLAN_AND_APPLY)
    for name in ("ada", "grace"):
        User.objects.create_superuser(name)
    sample = Sample("", workspaces=defaultdict(lambda: job.workspace), jobs=defaultdict(lambda: job))
    pages = panel_pages.pages(sample) | panel_pages.pages_of_nothing()
    visited = [*pages.values(), *page_states.addresses()]
    missing = without_picture(visited)
    # Records of other kinds are in the script's own sample; each kind has the same pages, found by its list.
    own = [route for route in missing if "<path:object_id>" not in route]
    assert own == [], "Take a picture of it in scripts/panel_pages.py or page_states.py, or say why it has none"
    assert "admin/workspaces/cluster/<path:object_id>/history/" in missing


def test_what_has_no_page_is_an_address_of_the_site() -> None:
    assert WITHOUT_PAGE.keys() - routes() == set()
