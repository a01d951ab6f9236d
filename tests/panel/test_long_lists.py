"""Rows of a record and lists that have become long: pages of them, and no query for each row."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import CollectionFactory, ReferenceFactory, VariableFactory, WorkspaceFactory
from workspaces.admin.collections import ReferenceInline
from workspaces.admin.late_pages import FromTheNearerEnd
from workspaces.models import Collection, Reference, Variable, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> Collection:
    """A collection that seven workspaces use, of which a page has three."""
    monkeypatch.setattr(ReferenceInline, "per_page", 3)
    collection = CollectionFactory.create()
    for number in range(7):
        workspace = WorkspaceFactory.create(organization=collection.organization, name=f"used-{number}")
        ReferenceFactory.create(collection=collection, workspace=workspace)
    return collection


def address(collection: Collection, page: int = 1) -> str:
    found = reverse("admin:workspaces_collection_change", args=[collection.pk])
    return f"{found}?references-page={page}" if page > 1 else found


def shown(text: str) -> set[str]:
    return set(re.findall(r"<option[^>]*selected[^>]*>\s*(?:[^<]*/)?\s*(used-\d)", text))


def test_each_page_has_a_part_and_all_pages_have_all(admin: Client, used: Collection) -> None:
    pages = [shown(admin.get(address(used, page)).content.decode()) for page in (1, 2, 3)]
    assert [len(page) for page in pages] == [3, 3, 1]
    assert set().union(*pages) == {f"used-{number}" for number in range(7)}


def test_names_are_read_for_all_rows_at_once(admin: Client, used: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []
    for per_page in (3, 7):
        monkeypatch.setattr(ReferenceInline, "per_page", per_page)
        admin.get(address(used))
        with CaptureQueriesContext(connection) as queries:
            assert len(shown(admin.get(address(used)).content.decode())) == per_page
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_reader_reads_names_for_all_rows_at_once(
    used: Collection, sign_in: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = sign_in(used.organization, role="read")
    counts = []
    for per_page in (3, 7):
        monkeypatch.setattr(ReferenceInline, "per_page", per_page)
        reader.get(address(used))
        with CaptureQueriesContext(connection) as queries:
            text = reader.get(address(used)).content.decode()
        assert len(set(re.findall(r">\s*(used-\d)", text))) == per_page
        counts.append(len(queries))
    assert counts[0] == counts[1]


def fields_of(answer: Any) -> dict[str, str]:
    """Return what a browser would send of the rows that are shown."""
    for shown in answer.context["inline_admin_formsets"]:
        if shown.formset.model is Reference:
            rows = shown.formset
            found = {
                f"{rows.management_form.prefix}-{key}": value for key, value in rows.management_form.initial.items()
            }
            for row in rows.initial_forms:
                found |= {
                    row.add_prefix("id"): row.instance.pk,
                    row.add_prefix("collection"): row.instance.collection_id,
                    row.add_prefix("workspace"): row.instance.workspace_id,
                    row.add_prefix("description"): row.instance.description or "",
                }
            return {key: str(value) for key, value in found.items()}
    raise AssertionError("no rows")


def own_fields(collection: Collection) -> dict[str, str]:
    """Return what a browser would send of a collection without items, beside its rows."""
    return {
        "name": collection.name,
        "priority": str(collection.priority),
        "description": "",
        "items-TOTAL_FORMS": "0",
        "items-INITIAL_FORMS": "0",
    }


def test_saving_a_page_changes_its_rows_and_leaves_the_others(admin: Client, used: Collection) -> None:
    before = dict(Reference.objects.filter(collection=used).values_list("pk", "workspace_id"))
    page = admin.get(address(used, 2))
    data = fields_of(page)
    first = data["references-0-id"]
    data |= own_fields(used) | {"references-0-description": "looked at", "references-1-DELETE": "on"}
    answer = admin.post(address(used, 2), data)
    assert answer.status_code == 302, answer.context["errors"]
    after = dict(Reference.objects.filter(collection=used).values_list("pk", "workspace_id"))
    assert len(after) == 6
    assert after.items() < before.items()
    assert str(Reference.objects.get(description="looked at").pk) == first


def test_a_page_is_saved_though_its_rows_have_moved_to_another_meanwhile(admin: Client, used: Collection) -> None:
    data = fields_of(admin.get(address(used, 2)))
    moved = data["references-0-id"]
    # As many as a page has, before all others: each row is on the next page now.
    for number in range(3):
        workspace = WorkspaceFactory.create(organization=used.organization, name=f"first-{number}")
        ReferenceFactory.create(collection=used, workspace=workspace)
    data |= own_fields(used) | {"references-0-description": "looked at"}
    assert admin.post(address(used, 2), data).status_code == 302
    assert str(Reference.objects.get(description="looked at").pk) == moved
    assert Reference.objects.filter(collection=used).count() == 10


def test_a_late_page_has_what_counting_from_the_front_would_give() -> None:
    workspace = WorkspaceFactory.create()
    for _ in range(11):
        VariableFactory.create(workspace=workspace)
    rows = Variable.objects.order_by("-key", "pk")
    pages = FromTheNearerEnd(rows, 3)
    for number in range(1, 5):
        assert list(pages.page(number)) == list(rows[3 * number - 3 : 3 * number])


def test_the_last_page_passes_over_no_row_before_it() -> None:
    for _ in range(5):
        WorkspaceFactory.create()
    with CaptureQueriesContext(connection) as queries:
        assert len(FromTheNearerEnd(Workspace.objects.order_by("name", "pk"), 2).page(3)) == 1
    assert "OFFSET" not in queries[-1]["sql"]
