"""Each address of the protocol, asked by each role: 404 for what it may not see, 403 for what it may not do."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import URLPattern, get_resolver

from tests.api.test_every_route import _patterns
from tests.roles.declared import WHO
from tests.roles.scene import Scene, api_of, enrol, undone
from tests.tfe.routes import BASES, ROUTES, WITHOUT_ROLE, names_of

pytestmark = pytest.mark.once


def patterns_below(base: str) -> dict[str, URLPattern]:
    return {
        path.removeprefix(base): pattern
        for path, pattern in _patterns(get_resolver().url_patterns)
        if path.startswith(base)
    }


def test_every_address_has_a_row_and_both_paths_the_same_views() -> None:
    first, second = (patterns_below(base) for base in BASES)
    known = {route.path for route in ROUTES} | WITHOUT_ROLE.keys()
    assert second.keys() == known
    for path, pattern in second.items():
        assert first[path].callback is pattern.callback, path


def filled(value: Any, names: dict[str, str]) -> Any:
    """A body in which names in braces stand for ids."""
    if isinstance(value, dict):
        return {key: filled(one, names) for key, one in value.items()}
    if isinstance(value, list):
        return [filled(one, names) for one in value]
    return names.get(value[1:-1], value) if isinstance(value, str) and value.startswith("{") else value


@pytest.mark.django_db
@pytest.mark.parametrize("name", WHO)
def test_each_address_answers_each_role_as_the_table_says(name: str, scene: Scene) -> None:
    who, api = enrol(name, scene), api_of(name)
    names = names_of(scene.records)
    api.prefix = f"/{BASES[0]}"
    for route in ROUTES:
        address = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: names[found[1]], route.path)
        with undone():
            response = api.call(route.method, address, filled(route.sent, names))
        asked = (name, route.method, route.path, response.status_code, response.content[:300])
        assert response.status_code < 500, asked
        if not who.is_active:
            assert response.status_code == 401, asked
        elif not who.may(route.seen):
            assert response.status_code == 404, asked
        elif not who.may(route.needed):
            assert response.status_code == 403, asked
        else:
            assert response.status_code not in {401, 403, 404}, asked
