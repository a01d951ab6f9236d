"""What a person sees: the keys that queries which are built once find are those of the scope's own queries."""

from __future__ import annotations

import pytest

from terrakube_site.database.built_once import BuiltOnce
from tests.factories import OrganizationFactory, TeamFactory, WorkspaceFactory
from workspaces import querysets
from workspaces.actors import TokenUser
from workspaces.models import Access, Project, ProjectAccess
from workspaces.querysets import evaluated_scope_of, scope_of

pytestmark = pytest.mark.django_db
PARTS = ("organizations", "projects", "workspaces", "organizations_of_workspaces")


@pytest.mark.parametrize("most", [0, 1000])
@pytest.mark.parametrize(
    "groups", [(), ("team",), ("access",), ("project",), ("access", "project", "team"), ("other",)]
)
def test_the_keys_of_a_scope_are_those_that_its_queries_find(
    groups: tuple[str, ...], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(querysets, "_MOST_KEYS", most)
    # Their limit is in the text of the queries that were built.
    built = {part: BuiltOnce(one._build) for part, one in querysets._KEYS.items()}
    monkeypatch.setattr(querysets, "_KEYS", built)
    TeamFactory.create(name="team", organization=OrganizationFactory.create())
    TeamFactory.create(name="team", organization=OrganizationFactory.create(disabled=True))
    Access.objects.create(workspace=WorkspaceFactory.create(), name="access", role="plan")
    Access.objects.create(workspace=WorkspaceFactory.create(deleted=True), name="access", role="plan")
    project = Project.objects.create(organization=OrganizationFactory.create(), name="project")
    WorkspaceFactory.create(organization=project.organization, project=project)
    ProjectAccess.objects.create(project=project, name="project", role="read")
    person = TokenUser(name="person", groups=frozenset(groups))

    wanted, found = scope_of(person), evaluated_scope_of(person)

    keys = {part: set(getattr(wanted, part)) for part in PARTS}
    assert {part: set(getattr(found, part)) for part in PARTS} == keys
    assert {part for part, some in keys.items() if some} == {
        part
        for group, parts in (
            ("team", {"organizations"}),
            ("access", {"workspaces", "organizations_of_workspaces"}),
            ("project", {"projects", "workspaces", "organizations_of_workspaces"}),
        )
        if group in groups
        for part in parts
    }
