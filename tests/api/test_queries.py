"""Filter, sort, page, include and fields; what is unknown is named."""

from __future__ import annotations

import contextlib
import urllib.parse

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.client import Api, detail
from tests.factories import TemplateFactory, VariableFactory, WorkspaceFactory
from workspaces.api.jsonapi import registry, rsql
from workspaces.api.jsonapi.rsql import All, Any_, Comparison
from workspaces.models import Job, Organization, Workspace
from workspaces.services.jobs import create_job


def names(api: Api, path: str) -> list[str]:
    return [row["attributes"]["name"] for row in api.read(path)["data"]]


@pytest.fixture
def three(organization: Organization) -> Organization:
    for name, branch in (("alpha", "main"), ("beta", "main"), ("gamma", "dev")):
        WorkspaceFactory.create(organization=organization, name=name, branch=branch, locked=name == "beta")
    return organization


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("name==alpha", ["alpha"]),
        ("name=='alpha'", ["alpha"]),
        ('name=="alpha"', ["alpha"]),
        ("name!=alpha", ["beta", "gamma"]),
        ("name==ALPHA", []),
        ("name=ini=(ALPHA,Beta)", ["alpha", "beta"]),
        ("name=in=(alpha,gamma)", ["alpha", "gamma"]),
        ("name=out=(alpha,gamma)", ["beta"]),
        ("name==*a", ["alpha", "beta", "gamma"]),
        ("name==b*", ["beta"]),
        ("name==*amm*", ["gamma"]),
        ("branch==main;locked==false", ["alpha"]),
        ("locked==true,branch==dev", ["beta", "gamma"]),
        ("(locked==true,branch==dev);name==gamma", ["gamma"]),
        ("locked==true and name==beta or name==alpha", ["alpha", "beta"]),
        ("description=isnull=true", ["alpha", "beta", "gamma"]),
        ("description=isnull=false", []),
        ("organization.name==net;name>b", ["beta", "gamma"]),
        ("name<=beta", ["alpha", "beta"]),
        ("name=between=(b,c)", ["beta"]),
        ("createdDate=ge=2020-01-01T00:00Z", ["alpha", "beta", "gamma"]),
        ("job=isempty=true", ["alpha", "beta", "gamma"]),
        ("variable.key==A", ["alpha"]),
        ("defaultTemplate==00000000-0000-0000-0000-000000000000", []),
        ("defaultTemplate==nothing-like-an-id", []),
        ("name=='it''s'", None),
        (r"name=='it\'s'", []),
    ],
)
def test_a_filter_finds(owner: Api, three: Organization, text: str, found: list[str] | None) -> None:
    alpha = Workspace.objects.get(name="alpha")
    VariableFactory.create(workspace=alpha, key="A")
    VariableFactory.create(workspace=alpha, key="B")
    path = f"organization/{three.pk}/workspace?filter[workspace]={urllib.parse.quote(text)}"
    if found is None:
        assert owner.get(path).status_code == 400
        return
    assert names(owner, path) == found
    # The name alone works too, and so do brackets that are encoded.
    assert names(owner, path.replace("filter[workspace]", "filter")) == found
    assert names(owner, path.replace("[", "%5B").replace("]", "%5D")) == found


def test_a_relationship_is_filtered_by_id_and_by_member(owner: Api, three: Organization) -> None:
    alpha = Workspace.objects.get(name="alpha")
    job = create_job(alpha, by=None, template=TemplateFactory.create(organization=three))
    path = f"organization/{three.pk}/job?filter[job]="
    assert [row["id"] for row in owner.read(f"{path}workspace.id=={alpha.pk}")["data"]] == [str(job.pk)]
    assert owner.read(f"{path}workspace.id!={alpha.pk}")["data"] == []
    assert len(owner.read(f"{path}status==pending;id=={job.pk}")["data"]) == 1
    assert names(owner, f"organization/{three.pk}/workspace?filter=job=hasmember={job.pk}") == ["alpha"]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("filter[workspace]=nosuch==1", "Unknown field nosuch"),
        ("filter[workspace]=organization.nosuch==1", "organization.nosuch"),
        ("filter[workspace]=name=like=1", "=like="),
        ("filter[workspace]=name=hasmember=1", "=hasmember="),
        ("filter[workspace]=name==", "a value"),
        ("filter[workspace]=", "a field"),
        ("filter[workspace]=(name==a", "&#x27;)&#x27;"),
        ("filter[workspace]=id==nonsense", "nonsense"),
        ("filter[workspace]=locked==maybe", "maybe"),
        ("filter[workspace]=createdDate==yesterday", "yesterday"),
        ("filter[workspace]=variable.value==secret", "variable.value"),
        ("filter[workspace]=executionMode==nosuch", "nosuch"),
        ("filter[job]=name==a", "filter[job]"),
        ("filter[]=name==a", "filter[]"),
        ("nosuch=1", "nosuch"),
        ("sort=nosuch", "nosuch"),
        ("sort=variable.key", "variable.key"),
        ("include=nosuch", "nosuch"),
        ("include=job.nosuch", "job.nosuch"),
        ("fields[workspace]=nosuch", "nosuch"),
        ("fields[nosuch]=name", "fields[nosuch]"),
        ("page[size]=0", "page[size]"),
        ("page[size]=many", "page[size]"),
        ("page[number]=0", "page[number]"),
        ("page[number]=99999999999999999999", "page[number]"),
        ("page[nosuch]=1", "page[nosuch]"),
    ],
)
def test_what_is_unknown_in_a_query_is_400_and_named(owner: Api, three: Organization, query: str, named: str) -> None:
    response = owner.get(f"organization/{three.pk}/workspace?{query}")
    assert response.status_code == 400
    assert named.replace("&#x27;", "'") in detail(response)


def test_a_list_is_sorted(owner: Api, three: Organization) -> None:
    path = f"organization/{three.pk}/workspace"
    assert names(owner, f"{path}?sort=-name") == ["gamma", "beta", "alpha"]
    assert names(owner, f"{path}?sort=branch,-name") == ["gamma", "beta", "alpha"]


def test_a_list_is_paged_in_both_ways(owner: Api, three: Organization) -> None:
    path = f"organization/{three.pk}/workspace"
    body = owner.read(f"{path}?page[size]=2&page[number]=2&page[totals]")
    assert [row["attributes"]["name"] for row in body["data"]] == ["gamma"]
    assert body["meta"] == {"page": {"number": 2, "limit": 2, "totalPages": 2, "totalRecords": 3}}
    body = owner.read(f"{path}?page[limit]=1&page[offset]=1")
    assert [row["attributes"]["name"] for row in body["data"]] == ["beta"]
    assert body["meta"] == {"page": {"number": 2, "limit": 1}}
    assert "meta" not in owner.read(path)


def test_fields_leave_out_everything_else(owner: Api, three: Organization) -> None:
    row = owner.read(f"organization/{three.pk}/workspace?fields[workspace]=name,vcs&sort=name")["data"][0]
    assert row.keys() == {"type", "id", "attributes", "relationships"}
    assert row["attributes"] == {"name": "alpha"}
    assert row["relationships"] == {"vcs": {"data": None}}
    row = owner.read(f"organization/{three.pk}/workspace?fields[workspace]=name&sort=name")["data"][0]
    assert row.keys() == {"type", "id", "attributes"}


def test_related_records_are_included_once_and_by_path(owner: Api, three: Organization) -> None:
    body = owner.read(f"organization/{three.pk}/workspace?include=organization")
    assert [(row["type"], row["id"]) for row in body["included"]] == [("organization", str(three.pk))]
    alpha = Workspace.objects.get(name="alpha")
    job = create_job(alpha, by=None, template=TemplateFactory.create(organization=three))
    body = owner.read(
        f"organization/{three.pk}/job/{job.pk}?include=workspace.organization,step&fields[workspace]=name"
    )
    assert {row["type"] for row in body["included"]} == {"workspace", "organization"}
    assert [row["attributes"] for row in body["included"] if row["type"] == "workspace"] == [{"name": "alpha"}]


def test_relationships_are_paths_of_their_own(owner: Api, three: Organization) -> None:
    alpha = Workspace.objects.get(name="alpha")
    job: Job = create_job(alpha, by=None, template=TemplateFactory.create(organization=three))
    path = f"organization/{three.pk}/job/{job.pk}"
    assert owner.read(f"{path}/workspace")["data"]["id"] == str(alpha.pk)
    assert owner.read(f"{path}/workspace/{alpha.pk}/job/{job.pk}")["data"]["id"] == str(job.pk)
    identifier = {"type": "workspace", "id": str(alpha.pk)}
    assert owner.read(f"{path}/relationships/workspace") == {"data": identifier}
    assert owner.read(f"workspace/{alpha.pk}/relationships/job") == {"data": [{"type": "job", "id": str(job.pk)}]}
    assert owner.read(f"workspace/{alpha.pk}/vcs") == {"data": None}
    assert owner.read(f"organization/{three.pk}/module") == {"data": []}
    assert owner.get(f"{path}/relationships/nosuch").status_code == 404


# ---- the grammar ----------------------------------------------------------------------------------------------------

_words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
_selectors = st.lists(st.from_regex(r"[a-z][A-Za-z0-9_]{0,8}", fullmatch=True), min_size=1, max_size=3)


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _written(node: rsql.Node) -> str:
    if isinstance(node, Comparison):
        values = ",".join(map(_quoted, node.values))
        return f"{'.'.join(node.selector)}{node.operator}({values})"
    return "(" + (";" if isinstance(node, All) else ",").join(map(_written, node.parts)) + ")"


_comparisons = st.builds(
    lambda selector, operator, values: Comparison(
        tuple(selector), operator, tuple(values[:2] if operator == "=between=" else values[:1])
    ),
    _selectors,
    st.sampled_from(sorted(set(rsql.OPERATORS.values()))),
    st.lists(_words, min_size=2, max_size=2),
)
_trees = st.recursive(
    _comparisons,
    lambda inner: st.builds(
        lambda kind, parts: kind(tuple(parts)), st.sampled_from([All, Any_]), st.lists(inner, min_size=2, max_size=3)
    ),
    max_leaves=8,
)


@given(_trees)
def test_a_written_filter_reads_as_what_was_meant(tree: rsql.Node) -> None:
    assert rsql.parse(_written(tree)) == tree


@given(st.text(max_size=60) | st.text("ab.=!<>();,'\"* \\", max_size=60))
def test_any_text_is_a_filter_or_is_refused(text: str) -> None:
    with contextlib.suppress(rsql.RsqlError):
        rsql.parse(text)


def test_a_filter_without_end_is_refused() -> None:
    for text in ("(" * 1000 + "a==1", "a==1," * 300 + "a==1", "a==" + "x" * 5000):
        with pytest.raises(rsql.RsqlError):
            rsql.parse(text)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_filter_of_any_field_is_a_mistake_of_the_server(
    owner: Api, three: Organization, data: st.DataObject
) -> None:
    resource = data.draw(st.sampled_from([registry.get(name) for name in ("workspace", "job", "template", "team")]))
    field = data.draw(st.sampled_from([*resource.attributes, *resource.relationships, "id", "nosuch"]))
    operator = data.draw(st.sampled_from(sorted(rsql.OPERATORS)))
    value = data.draw(st.sampled_from(["true", "5", "-1", "2026-11-24", "*", "a*", "pending", str(three.pk)]) | _words)
    text = (
        f"{field}{operator}({_quoted(value)},{_quoted(value)})"
        if operator == "=between="
        else (f"{field}{operator}{_quoted(value)}")
    )
    response = owner.get(f"organization/{three.pk}/{resource.type}?filter={urllib.parse.quote(text)}")
    assert response.status_code in {200, 400}, (text, response.content)
