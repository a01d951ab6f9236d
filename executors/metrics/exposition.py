"""``/metrics``: the page that Prometheus scrapes."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from executors.metrics import store
from executors.metrics.gauges import all_gauges
from terrakube_site.http.error_response import error_response
from terrakube_site.metrics import tally
from terrakube_site.metrics.catalogue import METRICS
from terrakube_site.metrics.catalogue import Metric as Known
from workspaces.actors import is_admin
from workspaces.admin.base import actor_of


class _Counts(Collector):
    """The counters of all processes."""

    def collect(self) -> Iterator[Metric]:
        store.flush_counters()
        found = store.read_counters()
        for known in METRICS.values():
            if known.buckets:
                yield _histogram(known, found.get(known.name, {}), found.get(known.name + tally.SUM, {}))
            else:
                yield _counter(known, found.get(known.name, {}))


def _counter(known: Known, rows: dict[str, float]) -> Metric:
    family = CounterMetricFamily(known.name, known.help, labels=known.labels)
    for labels, value in sorted(rows.items()):
        said = json.loads(labels)
        family.add_metric([said[label] for label in known.labels], value)
    return family


def _histogram(known: Known, rows: dict[str, float], sums: dict[str, float]) -> Metric:
    family = HistogramMetricFamily(known.name, known.help, labels=known.labels)
    series: dict[tuple[str, ...], dict[str, float]] = {}
    for labels, value in rows.items():
        said = json.loads(labels)
        series.setdefault(tuple(said[label] for label in known.labels), {})[said["le"]] = value
    ends = [*(f"{end:g}" for end in known.buckets), tally.INFINITE]
    for values, buckets in sorted(series.items()):
        key = json.dumps(dict(zip(known.labels, values, strict=True)), sort_keys=True, separators=(",", ":"))
        so_far, cumulative = 0.0, []
        for end in ends:
            so_far += buckets.get(end, 0)
            cumulative.append((end, so_far))
        family.add_metric(values, cumulative, sums.get(key, 0.0))
    return family


class _Moment(Collector):
    def collect(self) -> Iterator[Metric]:
        return all_gauges()


def _may_read(request: HttpRequest) -> bool:
    """Return True for a caller with the token; without a token set, for this machine and for signed-in
    administrators.
    """
    token: str | None = settings.METRICS_TOKEN
    if token is not None:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if hmac.compare_digest(given.encode(), token.encode()):
            return True
    elif "X-Forwarded-For" not in request.headers and _is_loopback(request.META.get("REMOTE_ADDR", "")):
        return True
    return request.user.is_authenticated and is_admin(actor_of(request))


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Serve the metrics. Every web process gives the same answer, since all counters are in the database."""
    if not _may_read(request):
        return error_response(
            "Metrics are read with the token of TERRAKUBE_METRICS_TOKEN as a Bearer, or by an administrator.", 401
        )
    registry = CollectorRegistry()
    registry.register(_Counts())
    registry.register(_Moment())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


urlpatterns = [path("metrics", metrics, name="metrics")]
