"""schemathesis over the whole description: whatever fits it or not is answered as it says, and never with a 5xx.

SCHEMATHESIS_EXAMPLES is how many requests are made up for each operation (2); each is sent with a valid token, with an
invalid one and with none. SCHEMATHESIS_SEED is where the making up starts.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.core.cache import cache
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, models, transaction
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from executors.health import heartbeats
from executors.installation import tool_releases
from tests.api.client import token_of
from tests.support.patience import patient

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "2"))
SEED = int(os.environ.get("SCHEMATHESIS_SEED", "1"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture
def callers(everything: dict[str, models.Model]) -> dict[str, dict[str, str]]:
    """The headers of each kind of caller."""
    valid = token_of("TERRAKUBE_ADMIN", "OWNERS")
    return {
        "valid": {"Authorization": f"Bearer {valid}"},
        "invalid": {"Authorization": f"Bearer {valid[:-4]}AAAA"},
        "none": {},
    }


@pytest.fixture
def ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What would be a rightful 503 is there: a worker, a watcher, and the indexes of releases, as files."""
    monkeypatch.setattr(heartbeats, "is_stale", lambda name: False)
    for name, content in (("Terraform", {"name": "terraform", "versions": {}}), ("Tofu", [])):
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps(content))
        monkeypatch.setenv(f"Custom{name}ReleasesUrl", str(file))
    tool_releases.release_index.cache_clear()
    yield
    tool_releases.release_index.cache_clear()


@pytest.fixture
def kept_connection() -> Iterator[None]:
    """Requests of a real server close connections that are in the middle of a transaction, as this test's is."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def _with_known_ids(case: Any, known: dict[str, str], draw: random.Random) -> None:
    """Let most of the ids in the path be those of records that are there, so that the way goes on behind them."""
    for name in case.path_parameters or {}:
        if name in known and draw.random() < 0.8:
            case.path_parameters[name] = known[name]


@pytest.mark.timeout(patient(600))
@pytest.mark.once
# A log that is followed is read to its end here, as this server is none for streams.
@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")
@pytest.mark.usefixtures("ready", "kept_connection")
def test_the_whole_description_with_and_without_a_token(
    everything: dict[str, models.Model], callers: dict[str, dict[str, str]]
) -> None:
    schema = schemathesis.openapi.from_wsgi("/doc/openapi.json", get_wsgi_application())
    known = {f"{name}Id": str(record.pk) for name, record in everything.items()}
    wrong: list[str] = []
    sent = 0

    draw = random.Random(SEED)  # noqa: S311 - the same choices at every run

    def send(case: Any) -> None:
        nonlocal sent
        _with_known_ids(case, known, draw)
        for who, headers in callers.items():
            case.headers = {
                key: value for key, value in (case.headers or {}).items() if key.lower() != "authorization"
            } | headers
            # Too many failures are answered with 429, which would hide all that comes after.
            cache.clear()
            with transaction.atomic():
                response = case.call()
                transaction.set_rollback(True)
            sent += 1
            try:
                case.validate_response(response, checks=CHECKS)
            except FailureGroup as error:
                wrong.append(f"{who}: {case.method} {case.formatted_path} {response.status_code}\n{error}")
            if who != "valid" and case.operation.definition.raw.get("security") != []:
                assert response.status_code == 401, (who, case.method, case.formatted_path, response.status_code)

    made_up = settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr] # of another description than a valid one
        ask = given(case=operation.as_strategy())(send)
        made_up(seed(SEED)(ask))()
    assert not wrong, f"{len(wrong)} of {sent}:\n" + "\n\n".join(wrong[:10])
    assert sent >= 3 * EXAMPLES * 150
