"""Dashboard and alert rules ask for what the site tells, in the language that Prometheus reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from terrakube_site.metrics.catalogue import METRICS
from workspaces.reasons import REASONS

MONITORING = Path(__file__).resolve().parents[2] / "deploy" / "monitoring"
DASHBOARD = json.loads((MONITORING / "grafana-dashboard.json").read_text(encoding="utf-8"))
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((MONITORING / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [(rule["alert"], rule["expr"]) for rule in RULES] + [
    (panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]
]
ADDED_BY_PROMETHEUS = {"instance", "pod", "container", "endpoint", "job", "namespace", "le"}


def parts(expression: Any) -> Iterator[Any]:
    """An expression and all that it is made of."""
    yield expression
    for name in ("expr", "lhs", "rhs", "param", "vector_selector"):
        part = getattr(expression, name, None)
        if part is not None:
            yield from parts(part)
    for part in getattr(expression, "args", ()):
        yield from parts(part)


@pytest.fixture
def told(client: Client, db: None) -> dict[str, set[str] | None]:
    """Each series' name and its labels; None where no sample shows them yet."""
    found: dict[str, set[str] | None] = {}
    for family in text_string_to_metric_families(client.get("/metrics").content.decode()):
        found.update((sample.name, set(sample.labels)) for sample in family.samples)
        found.setdefault(family.name, None)
    for metric in METRICS.values():
        suffixes = ("_bucket", "_sum", "_count") if metric.buckets else ("",)
        found.update((metric.name + suffix, set(metric.labels)) for suffix in suffixes)
    return found


@pytest.mark.parametrize(("title", "text"), EXPRESSIONS, ids=[title for title, _ in EXPRESSIONS])
def test_an_expression_is_promql_about_what_the_site_tells(
    title: str, text: str, told: dict[str, set[str] | None]
) -> None:
    selectors = [part for part in parts(promql.parse(text)) if isinstance(part, promql.VectorSelector)]
    assert selectors
    for selector in selectors:
        assert selector.name in told
        labels = told[selector.name]
        for matcher in selector.matchers.matchers:
            if matcher.name == "reason":
                assert set(matcher.value.split("|")) - {""} <= REASONS.keys()
        if labels is not None:
            assert {matcher.name for matcher in selector.matchers.matchers} <= labels | ADDED_BY_PROMETHEUS


def test_an_expression_that_is_no_promql_is_found() -> None:
    with pytest.raises(ValueError, match="unclosed left parenthesis"):
        promql.parse("sum by(reason (terrakube_jobs)")


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_a_rule_says_what_happened_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"warning", "critical"}
    annotations = rule["annotations"]
    assert 10 < len(annotations["summary"]) < 80
    assert len(annotations["description"]) > 40
    used = set(re.findall(r"\$labels\.(\w+)", annotations["description"]))
    aggregated = {
        name
        for part in parts(promql.parse(rule["expr"]))
        if isinstance(part, promql.AggregateExpr) and part.modifier is not None
        for name in part.modifier.labels
    }
    assert used <= aggregated


def test_no_two_panels_share_a_place_or_an_id() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_the_page_lists_every_metric(told: dict[str, set[str] | None]) -> None:
    page = (MONITORING.parents[1] / "docs" / "monitoring.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"`(terrakube_\w+)`", page))
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in told}
    assert {name for name in families if name + "_total" not in families} == listed
