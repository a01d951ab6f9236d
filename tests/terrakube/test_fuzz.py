"""Whatever an executor's token sends, the answer is not that the server failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from executors.models import Attempt
from tests.terrakube.calls import Calls

pytestmark = pytest.mark.django_db
# Lone surrogates and NUL are text to JSON, and to no database.
TEXTS = st.one_of(st.text(), st.sampled_from(["\0", "\ud800", "x\0y", "²", "٣"]))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=5,
)
STATUSES = st.sampled_from(["running", "pending", "completed", "failed", "cancelled"])
NAMES = st.sampled_from(["commitId", "terraformPlan", "planChanges", "output", "tcl", "approvalTeam"])
ROWS = st.dictionaries(st.sampled_from(["stepId", "lineNumber", "output"]), VALUES)
FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(params=["launched", "begun"])
def calls(launch: Callable[..., Attempt], request: pytest.FixtureRequest) -> Calls:
    calls = Calls(launch().step)
    if request.param == "begun":
        calls.start()
    return calls


@FEW
@given(kind=st.sampled_from(["job", "step"]), status=STATUSES | VALUES, more=st.dictionaries(NAMES, VALUES))
def test_reports(calls: Calls, kind: str, status: Any, more: dict[str, Any]) -> None:
    key = str(calls.step.job_id if kind == "job" else calls.step.pk)
    path = calls.job_path if kind == "job" else f"{calls.job_path}/step/{key}"
    document = {"data": {"type": kind, "id": key, "attributes": {**more, "status": status}}}
    assert calls.send("PATCH", path, document).status_code < 500


@FEW
@given(document=VALUES | st.fixed_dictionaries({"data": st.lists(ROWS)}))
def test_log_lines(calls: Calls, document: Any) -> None:
    assert calls.send("POST", "/logs", document).status_code < 500


@FEW
@given(document=VALUES)
def test_contexts(calls: Calls, document: Any) -> None:
    assert calls.send("POST", f"/context/v1/{calls.step.job_id}", document).status_code < 500
    assert calls.send("GET", f"/context/v1/{calls.step.job_id}").status_code == 200


@FEW
@given(attributes=VALUES | st.dictionaries(st.sampled_from(["output", "jobReference", "serial"]), VALUES))
def test_announcements(calls: Calls, attributes: Any) -> None:
    workspace = calls.step.job.workspace
    path = f"/api/v1/organization/{workspace.organization_id}/workspace/{workspace.pk}/history"
    document = {"data": {"type": "history", "attributes": attributes}}
    assert calls.send("POST", path, document).status_code < 500


@FEW
@given(segment=st.text(alphabet=st.characters(exclude_characters="/?#"), min_size=1))
def test_paths(calls: Calls, segment: str) -> None:
    name = quote(segment, safe="", errors="replace")
    for path in (f"/context/v1/{name}", f"/api/v1/organization/{name}/job/{name}", f"{calls.job_path}/step/{name}"):
        assert calls.send("PATCH", path, {"data": {}}).status_code < 500
