"""Whatever an executor sends is answered with a sentence, never with a failure of the site."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from executors.attempts.tokens import claim_token
from executors.models import Attempt
from executors.reporting.bodies import MAX_LOG_SIZE
from tests.api.client import Api
from tests.executors.reporter import LOCK, STATE, Executor, job_of, launch
from tests.factories import WorkspaceFactory
from workspaces.jobs.plans import read_outputs, read_plan
from workspaces.services.tokens import internal_token

pytestmark = pytest.mark.django_db

DEEP = b"[" * 100_000 + b"]" * 100_000
STRANGE_NUMBERS = [str(2**70), f"-{2**70}", "-1", "NaN", "Infinity", "-Infinity", "1e999", "1" * 5000, '"7"', "[7]"]
STRANGE_TEXTS = [r'"a\u0000b"', r'"\ud800"', r'"\udfffx"', "7", "{}", "[]", "true"]
BODIES = [
    DEEP,
    b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    b"\xff\xfe{}",
    b'{"a": "\xc3"}',
    "{}".encode("utf-16"),
    b'{"phase": "a", "phase": "b"}',
    b'{"a": {"b": 1, "b": 1}}',
    b"",
    b"null",
    b"[]",
    b'"text"',
    b"{",
    b"{}{}",
    b'{"a": NaN}',
    rb'{"a": ["\u0000"]}',
    rb'{"\ud83d": 1}',
    f'{{"a": [{2**64}]}}'.encode(),
]
JSON_DOORS = ["heartbeat", "result", "lock", "unlock"]
NUMBERS = {
    "heartbeat": ("peakMemoryBytes", "cpuSeconds"),
    "result": ("peakMemoryBytes", "cpuSeconds", "exitCode", "logSize"),
}
TEXTS = {"heartbeat": ("phase", "commitId"), "result": ("outcome", "reason", "message")}


@pytest.fixture(scope="module")
def claimed(shared_rows: Callable[[], AbstractContextManager[None]]) -> uuid.UUID:
    """An attempt that an executor has claimed."""
    with shared_rows():
        made = launch(WorkspaceFactory.create())
        assert made.claim().status_code == 200
        return made.attempt.pk


@pytest.fixture
def executor(claimed: uuid.UUID) -> Executor:
    """The executor of that attempt, before its first report."""
    return Executor(Attempt.objects.get(pk=claimed))


def sentence(answer: Any) -> str:
    return str(json.loads(answer.content)["errors"][0]["detail"])


@pytest.mark.parametrize("door", JSON_DOORS)
@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:24]))
def test_a_body_that_is_no_object_of_plain_json_is_400(body: bytes, door: str, executor: Executor) -> None:
    answer = executor.call(door, body)
    assert answer.status_code == 400, answer.content
    assert len(sentence(answer)) > 20


@pytest.mark.parametrize("body", [*BODIES[:5], *BODIES[7:13]], ids=lambda body: repr(body[:24]))
def test_a_claim_of_another_shape_is_400_and_claims_nothing(body: bytes) -> None:
    made = launch(WorkspaceFactory.create())
    assert made.call("claim", body, token=claim_token(made.attempt)).status_code == 400
    assert made.claim().status_code == 200


@pytest.mark.parametrize("number", STRANGE_NUMBERS, ids=lambda text: text[:12])
@pytest.mark.parametrize(("door", "name"), [(door, name) for door, names in NUMBERS.items() for name in names])
def test_a_number_that_cannot_be_is_400(door: str, name: str, number: str, executor: Executor) -> None:
    if name == "exitCode" and number == "-1":
        number = str(-(2**31) - 1)
    body = f'{{"outcome": "succeeded", "{name}": {number}}}'.encode()
    answer = executor.call(door, body)
    assert answer.status_code == 400, answer.content
    assert not Attempt.objects.filter(pk=executor.attempt.pk).exclude(outcome="").exists()


@pytest.mark.parametrize("text", STRANGE_TEXTS)
@pytest.mark.parametrize(("door", "name"), [(door, name) for door, names in TEXTS.items() for name in names])
def test_a_text_that_cannot_be_kept_is_400(door: str, name: str, text: str, executor: Executor) -> None:
    body = f'{{"x": "succeeded", "{name}": {text}}}'.encode()
    if door == "result" and name != "outcome":
        body = f'{{"outcome": "succeeded", "{name}": {text}}}'.encode()
    assert executor.call(door, body).status_code == 400


def test_long_texts_are_cut(executor: Executor) -> None:
    long = "ä" * 50_000
    assert executor.call("heartbeat", {"phase": long, "commitId": long}).status_code == 200
    said = {"outcome": "failed", "reason": long, "message": long, "peakMemoryBytes": 2**63 - 1, "cpuSeconds": 1e9}
    assert executor.call("result", said).status_code == 200
    executor.attempt.refresh_from_db()
    assert len(executor.attempt.phase) <= 16


@pytest.mark.parametrize(
    "query",
    [
        "",
        "offset=",
        "offset=-1",
        "offset=1e3",
        f"offset={2**70}",
        f"offset={MAX_LOG_SIZE + 1}",
        "offset=%D9%A3",
        "offset=%FF",
        "offset=%00",
        "offset=0&lost=-1",
        f"offset=0&lost={2**70}",
        f"offset=1&lost={MAX_LOG_SIZE}",
        "offset=0&lost=x",
    ],
)
def test_a_piece_of_a_log_at_no_place_is_400(query: str, executor: Executor) -> None:
    assert executor.call(f"logs?{query}", b"line\n").status_code == 400
    assert Attempt.objects.get(pk=executor.attempt.pk).log_size == 0


def test_what_was_lost_is_bounded(executor: Executor) -> None:
    assert executor.call(f"logs?offset=0&lost={MAX_LOG_SIZE}").status_code == 200
    assert executor.call(f"logs?offset={MAX_LOG_SIZE}&lost=1").status_code == 400
    assert executor.call("result", {"outcome": "succeeded", "logSize": MAX_LOG_SIZE}).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"serial": 2**70},
        {"serial": -1},
        {"serial": 1.5},
        {"serial": "7"},
        {"serial": None},
        {"lineage": ""},
        {"lineage": 5},
        {"lineage": None},
    ],
    ids=str,
)
def test_a_state_that_is_none_is_400(change: dict[str, Any], executor: Executor) -> None:
    assert executor.call("state", {**STATE, **change}).status_code in {400, 403}


@pytest.mark.parametrize("body", [DEEP, b"\xff", b"", b"null", b"[]", b'{"serial": NaN, "lineage": "l"}'])
def test_a_state_of_another_shape_is_refused(body: bytes, executor: Executor) -> None:
    assert executor.call("state", body).status_code in {400, 403}


@pytest.mark.parametrize("lineage", ["a\0b", "\ud800", "ä" * 10_000])
def test_a_strange_lineage_is_no_failure(lineage: str, executor: Executor) -> None:
    assert executor.call("state", {**STATE, "lineage": lineage}).status_code < 500


def test_files_of_any_content_are_kept_and_read_as_none(executor: Executor) -> None:
    for name in ("plan-json", "state-json"):
        assert executor.call(name, DEEP, method="put").status_code == 200
    assert read_plan(DEEP) is None
    assert read_outputs(DEEP) is None
    assert executor.call("lock", {**LOCK, "Info": "x" * 100_000}).status_code == 200


# ---- Terrakube's executor -------------------------------------------------------------------------------------------


@pytest.fixture
def terrakube() -> Api:
    return Api(internal_token(seconds=600), prefix="/")


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:24]))
def test_terrakubes_executor_gets_a_sentence_too(body: bytes, executor: Executor, terrakube: Api) -> None:
    job = job_of(executor)
    step = job.steps.first()
    assert step is not None
    addresses = [
        ("POST", "logs"),
        ("POST", f"context/v1/{job.pk}"),
        ("PATCH", f"api/v1/organization/{job.organization_id}/job/{job.pk}"),
        ("PATCH", f"api/v1/organization/{job.organization_id}/job/{job.pk}/step/{step.pk}"),
        ("POST", f"api/v1/organization/{job.organization_id}/workspace/{job.workspace_id}/history"),
        ("POST", "api/v1/operations"),
        ("POST", "pat/v1"),
        ("POST", "access-token/v1/teams"),
        ("POST", f"remote/tfe/v2/workspaces/{job.workspace_id}/configuration-versions"),
    ]
    for method, address in addresses:
        assert terrakube.call(method, address, body).status_code < 500, address
    if body[:1] in b"[{\xff" and body not in BODIES[13:]:
        assert terrakube.call("POST", f"context/v1/{job.pk}", body).status_code == 400


@pytest.mark.parametrize("text", [*STRANGE_NUMBERS, *STRANGE_TEXTS], ids=lambda text: text[:12])
def test_no_member_of_a_report_of_terrakubes_executor_fails_the_site(
    text: str, executor: Executor, terrakube: Api
) -> None:
    job = job_of(executor)
    step = job.steps.first()
    assert step is not None
    path = f"api/v1/organization/{job.organization_id}"
    for kind, key, address, names in (
        (
            "job",
            job.pk,
            f"{path}/job/{job.pk}",
            ("status", "output", "terraformPlan", "commitId", "planChanges", "tcl"),
        ),
        ("step", step.pk, f"{path}/job/{job.pk}/step/{step.pk}", ("status", "output", "name", "stepNumber")),
    ):
        for name in names:
            for status in ("running", "completed"):
                attributes = f'"status": "{status}", ' if name != "status" else ""
                body = (
                    f'{{"data": {{"type": "{kind}", "id": "{key}", "attributes": {{{attributes}"{name}": {text}}}}}}}'
                )
                assert terrakube.call("PATCH", address, body.encode()).status_code < 500, (name, status)
    for name in ("output", "jobReference", "serial", "md5", "lineage"):
        body = f'{{"data": {{"type": "history", "attributes": {{"{name}": {text}}}}}}}'
        assert terrakube.call("POST", f"{path}/workspace/{job.workspace_id}/history", body.encode()).status_code < 500
    for name in ("stepId", "lineNumber", "output", "jobId"):
        line = f'{{"data": [{{"stepId": "{step.pk}", "lineNumber": 1, "output": "x", "{name}": {text}}}]}}'
        assert terrakube.call("POST", "logs", line.encode()).status_code < 500, name


@pytest.mark.parametrize("key", ["-1", str(2**70), "9" * 5000, "%D9%A3", "%FF", "x", "%00", "1.5", "1e3", "%ED%A0%80"])
def test_ids_that_are_none_are_not_found_or_refused(key: str, executor: Executor, terrakube: Api) -> None:
    job = job_of(executor)
    for method, address in (
        ("GET", f"context/v1/{key}"),
        ("POST", f"context/v1/{key}"),
        ("POST", f"logs/{key}/setup-consumer-groups"),
        ("GET", f"api/v1/organization/{key}/job/{job.pk}"),
        ("GET", f"api/v1/organization/{job.organization_id}/job/{key}"),
        ("PATCH", f"api/v1/organization/{job.organization_id}/job/{key}"),
        ("DELETE", f"pat/v1/{key}"),
        ("DELETE", f"access-token/v1/teams/{key}"),
        ("POST", f"executor/v1/attempts/{key}/heartbeat"),
        ("GET", f"runs/{key}/"),
    ):
        assert terrakube.call(method, address, {}).status_code < 500, address
