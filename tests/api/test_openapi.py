"""The description of the API says what the API does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import jsonschema_rs
import pytest
from django.db import models
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular import validation
from drf_spectacular.renderers import OpenApiJsonRenderer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.client import Api
from workspaces.api.openapi.document import document
from workspaces.models import Job, Organization, PolicyRule, Reference, RunLimits, Tag, Webhook

SNAPSHOT = Path(__file__).with_name("api.txt")
# Pages of the panel, and what only executors call.
NOT_DESCRIBED = (
    *("admin/", "sign-in/", "runs/", "i18n/", "executor/", "logs", "context/", "doc", "healthz", "metrics"),
    # What providers and executors call.
    *("webhook/", "callback/", "vcs-token/"),
    # Another protocol, which terraform's makers describe.
    *("remote/tfe/v2/", "api/v2/", "app/"),
)
METHODS = ("get", "post", "put", "patch", "delete")


@cache
def described() -> dict[str, Any]:
    return document()


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in described()["paths"].items():
        for method in METHODS:
            if method in item:
                yield method, path, item[method]


def outline() -> str:
    """Each operation with its answers, and each schema with its members; ! marks those that must be there."""
    lines = [
        f"{method.upper()} {path} {' '.join(sorted(operation['responses']))}"
        for method, path, operation in operations()
    ]
    for name, schema in described()["components"]["schemas"].items():
        data = schema["properties"].get("data", schema)
        inner = data.get("properties", {}).get("attributes", data)
        members = [
            f"{key}{'!' if key in inner.get('required', []) else ''}:{json.dumps(value.get('type', '…'))}"
            for key, value in inner.get("properties", {}).items()
        ]
        lines.append(f"{name} {' '.join(members)}")
    return "\n".join(sorted(lines)) + "\n"


def test_the_description_is_valid_openapi() -> None:
    assert described()["openapi"] == "3.1.0"
    specification = json.loads(Path(validation.__file__).with_name("openapi_3_1_schema.json").read_text())
    # drf-spectacular's own validate_schema takes as long for this as two hundred other tests.
    valid = jsonschema_rs.validator_for(specification)
    found = json.loads(OpenApiJsonRenderer().render(described()))
    valid.validate(found)
    method, path, _ = next(operations())
    found["paths"][path][method]["responses"] = "none"
    assert not valid.is_valid(found)


def test_a_change_of_the_api_is_seen() -> None:
    found = outline()
    if not SNAPSHOT.exists():
        SNAPSHOT.write_text(found)
        pytest.fail(f"{SNAPSHOT} was written anew: look at what changed and commit it")
    assert found == SNAPSHOT.read_text(), "delete the file to have it written anew"


def test_every_operation_has_a_name_a_summary_and_answers() -> None:
    found = list(operations())
    assert len({operation["operationId"] for _, _, operation in found}) == len(found)
    for _, path, operation in found:
        assert operation["summary"]
        assert set(re.findall(r"{(\w+)}", path)) == {
            parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"
        }


def _examples(operation: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Any]]:
    """Of what is sent and of what answers a success, each schema with its example; None where one lacks."""
    parts = [operation["requestBody"]] if "requestBody" in operation else []
    parts += [answer for code, answer in operation["responses"].items() if code.startswith("2")]
    for part in parts:
        for content in part.get("content", {}).values():
            found = content.get("example")
            for named in content.get("examples", {}).values():
                found = described()["components"]["examples"][named["$ref"].rpartition("/")[2]]["value"]
            yield content["schema"], found


def test_every_operation_is_described_with_examples_that_fit() -> None:
    components = {"schemas": described()["components"]["schemas"]}
    for method, path, operation in operations():
        text = operation.get("description", "")
        assert len(text.split()) > 3, (method, path)
        assert text.endswith("."), (method, path)
        assert text != operation["summary"], (method, path)
        for schema, example in _examples(operation):
            assert example is not None, (method, path)
            jsonschema.validate(example, {**schema, "components": components})


def _with_known_ids(example: Any, kind: str, known: dict[str, str]) -> Any:
    """A body of an example, with the ids of records that are there."""
    body = json.loads(json.dumps(example))
    if "id" in body["data"]:
        body["data"]["id"] = known[f"{kind}Id"]
    for link in body["data"].get("relationships", {}).values():
        link["data"]["id"] = known[f"{link['data']['type']}Id"]
    attributes = body["data"]["attributes"]
    for name, key in (("tagId", "otherTagId"), ("templateReference", "templateId"), ("templateId", "templateId")):
        if name in attributes:
            attributes[name] = known[key]
    return body


@pytest.mark.parametrize(("method", "status"), [("post", 201), ("patch", 204)])
def test_each_example_of_what_is_sent_is_taken(
    everything: dict[str, models.Model], organization: Organization, admin: Api, method: str, status: int
) -> None:
    known = {f"{name}Id": str(record.pk) for name, record in everything.items()}
    known["otherTagId"] = str(Tag.objects.create(organization=organization, name="other").pk)
    if method == "post":
        # Of these there may be one alone.
        for model in (PolicyRule, Reference, RunLimits):
            model.objects.all().delete()
        # An address is added before its job begins.
        Job.objects.update(started_at=None)
    taken: set[str] = set()
    for found, path, operation in operations():
        kind = operation["tags"][0]
        if found != method or not path.startswith("/api/v1/") or kind in taken | {"operations"}:
            continue
        if kind == "webhook" and method == "post":
            Webhook.objects.all().delete()
        (content,) = operation["requestBody"]["content"].values()
        body = _with_known_ids(content["example"], kind, known)
        address = re.sub(r"{(\w+)}", lambda name: known[name[1]], path.removeprefix("/api/v1/"))
        response = admin.call(method.upper(), address, body)
        assert response.status_code == status, (address, body, response.content)
        if kind == "webhook" and method == "post":
            # Its events are added to the new one.
            known["webhookId"] = json.loads(response.content)["data"]["id"]
        taken.add(kind)
    assert len(taken) > 15


def _routes(patterns: list[Any], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern):
            yield path


def test_every_route_is_described() -> None:
    known = {re.sub(r"{\w+}", "*", path.removeprefix("/")) for path in described()["paths"]}
    for route in _routes(get_resolver().url_patterns):
        if not route or route.startswith(NOT_DESCRIBED) or "api/v1/" in route or "terraformContent" in route:
            continue
        assert re.sub(r"<[^>]+>", "*", route) in known, route


def test_what_is_read_is_as_described(everything: dict[str, models.Model], owner: Api, admin: Api) -> None:
    schemas = described()["components"]["schemas"]
    for kind, record in everything.items():
        for method, path, _ in operations():
            if method != "get" or not path.endswith(f"/{{{kind}Id}}") or not path.startswith("/api/v1/"):
                continue
            address = path.removeprefix("/api/v1/")
            for name, other in everything.items():
                address = address.replace(f"{{{name}Id}}", str(other.pk))
            found = (admin if kind == "cluster" else owner).read(address)["data"]
            assert found["id"] == str(record.pk)
            schema = {"$ref": f"#/components/schemas/{kind[0].upper()}{kind[1:]}", "components": {"schemas": schemas}}
            jsonschema.validate(found, schema)
            assert (
                found["attributes"].keys()
                <= schemas[f"{kind[0].upper()}{kind[1:]}"]["properties"]["attributes"]["properties"].keys()
            )


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.once
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_sent_is_answered_as_described(
    everything: dict[str, models.Model], owner: Api, data: st.DataObject
) -> None:
    found = [item for item in operations() if item[1].startswith("/api/v1/") and item[0] != "delete"]
    method, path, operation = data.draw(st.sampled_from(found))
    known = {f"{name}Id": str(record.pk) for name, record in everything.items()}
    ids = st.sampled_from(["0", "nonsense", "00000000-0000-0000-0000-000000000000", "9" * 30, "%00", "%ff"])
    for name in re.findall(r"{(\w+)}", path):
        use = known[name] if data.draw(st.integers(0, 9)) else data.draw(ids)
        path = path.replace(f"{{{name}}}", use)
    body: Any = None
    if "requestBody" in operation:
        (content,) = operation["requestBody"]["content"].values()
        kind = operation["tags"][0]
        keys = st.sampled_from(_names(content["schema"])) | st.text(max_size=5)
        resource = {
            "type": kind,
            "id": known.get(f"{kind}Id", "1"),
            "attributes": data.draw(st.dictionaries(keys, _json, max_size=4)),
            "relationships": data.draw(_json | st.just({"workspace": {"data": None}})),
        }
        body = data.draw(st.just({"data": resource}) | _json)
    response = owner.call(method.upper(), path.removeprefix("/api/v1/"), body)
    assert str(response.status_code) in operation["responses"], (method, path, body, response.content)


def _names(schema: dict[str, Any]) -> list[str]:
    if "$ref" not in schema:
        return ["name"]
    resolved = described()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return list(resolved["properties"]["data"]["properties"]["attributes"]["properties"]) or ["name"]


@pytest.mark.parametrize("path", ["/doc", "/doc/openapi.json"])
def test_programs_get_the_description(client: Client, path: str) -> None:
    assert json.loads(client.get(path).content)["info"]["title"] == "Terrakube Site"


def test_people_get_a_page_that_needs_no_other_host(client: Client) -> None:
    response = client.get("/doc", headers={"Accept": "text/html,*/*;q=0.8"})
    text = response.content.decode()
    assert "create_organization_job" in text
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text)
    assert "<script" not in text
