"""What the calls of a cluster send, beside what the client package's own methods send, and what they load for it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import pytest
from kubernetes import client

from executors.cluster import ClusterError, Expired
from executors.cluster.api import Cluster
from tests.support.loopback import LoopbackServer, QuietHandler

NAMES: dict[str, Any] = {"name": "one-ü", "namespace": "here"}
BODY: dict[str, Any] = {"metadata": {"labels": {"a": None, "b": "c"}}}
RAW: dict[str, Any] = {"_preload_content": False}
EVENTS = [{"type": "ADDED", "object": {"metadata": {"name": "ü"}}}, {"type": "BOOKMARK", "object": {"metadata": {}}}]
GONE = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
EMPTY = {"items": [], "metadata": {"resourceVersion": "7"}, "status": {"allowed": True}}


class Api(QuietHandler):
    """Keeps what each call sends; ``answer`` is what it gets."""

    protocol_version = "HTTP/1.1"
    calls: ClassVar[list[tuple[Any, ...]]] = []
    answer: ClassVar[list[Any]] = [EMPTY]

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        address = urlsplit(self.path)
        said = json.loads(body) if body else None
        # The API server takes a body of no kind for JSON, and the package leaves that to it.
        kinds = self.headers["Accept"], self.headers["Content-Type"] or (said and "application/json")
        self.calls.append((self.command, address.path, sorted(parse_qsl(address.query)), *kinds, said))
        answer = b"".join(json.dumps(one).encode() + b"\n" for one in self.answer)
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_PATCH = do_DELETE = do_GET


@pytest.fixture(scope="module")
def api_client() -> Iterator[client.ApiClient]:
    server = LoopbackServer(Api)
    with client.ApiClient(client.Configuration(host=server.url)) as found:
        yield found
    server.stop()


@pytest.fixture(autouse=True)
def empty() -> None:
    Api.calls.clear()
    Api.answer[:] = [EMPTY]


ATTRIBUTES = {"verb": "get", "resource": "pods", "namespace": "here", "group": "", "subresource": "log"}
type Call = Callable[[Cluster], object]
type Package = Callable[[client.ApiClient], object]
CALLS: dict[str, tuple[Call, Package]] = {
    "read a Job": (
        lambda ours: ours.read_job("here", "one-ü"),
        lambda api: client.BatchV1Api(api).read_namespaced_job(**NAMES, **RAW),
    ),
    "change a Job": (
        lambda ours: ours.patch_job("here", "one-ü", BODY),
        lambda api: client.BatchV1Api(api).patch_namespaced_job(**NAMES, body=BODY, **RAW),
    ),
    "delete a Job": (
        lambda ours: ours.delete_job("here", "one-ü"),
        lambda api: client.BatchV1Api(api).delete_namespaced_job(**NAMES, propagation_policy="Foreground", **RAW),
    ),
    "list Jobs": (
        lambda ours: ours.list_jobs("here", "a=b,c in (d)"),
        lambda api: client.BatchV1Api(api).list_namespaced_job("here", label_selector="a=b,c in (d)", **RAW),
    ),
    "watch pods": (
        lambda ours: next(ours.watch_pods("here", "a=b", "7", seconds=60)),
        lambda api: client.CoreV1Api(api).list_namespaced_pod(
            "here",
            label_selector="a=b",
            resource_version="7",
            timeout_seconds=60,
            allow_watch_bookmarks=True,
            watch=True,
            **RAW,
        ),
    ),
    "change a pod": (
        lambda ours: ours.patch_pod("here", "one-ü", BODY),
        lambda api: client.CoreV1Api(api).patch_namespaced_pod(**NAMES, body=BODY, **RAW),
    ),
    "kill a pod": (
        lambda ours: ours.kill_pod("here", "one-ü"),
        lambda api: client.CoreV1Api(api).delete_namespaced_pod(**NAMES, grace_period_seconds=1, **RAW),
    ),
    "read a log": (
        lambda ours: ours.pod_log("here", "one-ü", container="main", tail_lines=9),
        lambda api: client.CoreV1Api(api).read_namespaced_pod_log(**NAMES, container="main", tail_lines=9, **RAW),
    ),
    "list events": (
        lambda ours: ours.list_events("here", "one"),
        lambda api: client.CoreV1Api(api).list_namespaced_event(
            "here", field_selector="involvedObject.name=one", **RAW
        ),
    ),
    "list Secrets": (
        lambda ours: ours.list_secrets("here", "a=b"),
        lambda api: client.CoreV1Api(api).list_namespaced_secret("here", label_selector="a=b", **RAW),
    ),
    "find a claim": (
        lambda ours: ours.claim_exists("here", "one-ü"),
        lambda api: client.CoreV1Api(api).read_namespaced_persistent_volume_claim(**NAMES, **RAW),
    ),
    "find a Secret": (
        lambda ours: ours.exists("Secret", "here", "one-ü"),
        lambda api: client.CoreV1Api(api).read_namespaced_secret(**NAMES, **RAW),
    ),
    "find a ConfigMap": (
        lambda ours: ours.exists("ConfigMap", "here", "one-ü"),
        lambda api: client.CoreV1Api(api).read_namespaced_config_map(**NAMES, **RAW),
    ),
    "find a ServiceAccount": (
        lambda ours: ours.exists("ServiceAccount", "here", "one-ü"),
        lambda api: client.CoreV1Api(api).read_namespaced_service_account(**NAMES, **RAW),
    ),
    "find a PriorityClass": (
        lambda ours: ours.exists("PriorityClass", "here", "one-ü"),
        lambda api: client.SchedulingV1Api(api).read_priority_class("one-ü", **RAW),
    ),
    "find a node": (
        lambda ours: ours.has_node("a=b"),
        lambda api: client.CoreV1Api(api).list_node(label_selector="a=b", limit=1, **RAW),
    ),
    "read the version": (lambda ours: ours.version(), lambda api: client.VersionApi(api).get_code(**RAW)),
    "ask for a right": (
        lambda ours: ours.may("get", "pods", "here", subresource="log"),
        lambda api: client.AuthorizationV1Api(api).create_self_subject_access_review(
            {"spec": {"resourceAttributes": ATTRIBUTES}},  # type: ignore[arg-type]
            **RAW,
        ),
    ),
}


@pytest.mark.parametrize("case", CALLS)
def test_a_call_sends_what_the_client_packages_own_method_sends(case: str, api_client: client.ApiClient) -> None:
    ours, package = CALLS[case]
    Api.answer[:] = [EVENTS[0]] if case == "watch pods" else [EMPTY]
    ours(Cluster(api_client))
    package(api_client)
    sent, expected = Api.calls
    assert sent == expected


@pytest.mark.parametrize("dry_run", [False, True])
def test_what_is_created_is_sent_as_it_is_and_checked_by_the_server(
    api_client: client.ApiClient, *, dry_run: bool
) -> None:
    Cluster(api_client).create_job("here", BODY, dry_run=dry_run)
    query = [("dryRun", "All")] * dry_run + [("fieldValidation", "Strict")]
    path = "/apis/batch/v1/namespaces/here/jobs"
    assert Api.calls == [("POST", path, query, "application/json", "application/json", BODY)]


def test_a_watch_tells_each_change_and_ends_with_the_answer(api_client: client.ApiClient) -> None:
    Api.answer[:] = EVENTS
    watched = list(Cluster(api_client).watch_jobs("here", "a=b", "7", seconds=60))
    assert watched == [(event["type"], event["object"]) for event in EVENTS]


def test_a_watch_that_is_left_early_does_not_spoil_the_next_call(api_client: client.ApiClient) -> None:
    cluster = Cluster(api_client)
    Api.answer[:] = EVENTS * 5000
    watch = cluster.watch_jobs("here", "a=b", "7", seconds=60)
    assert next(watch)[0] == "ADDED"
    watch.close()  # type: ignore[attr-defined]
    Api.answer[:] = [EMPTY]
    assert cluster.list_jobs("here", "a=b") == ([], "7")


@pytest.mark.parametrize(("code", "kind"), [(410, Expired), (500, ClusterError)])
def test_an_error_within_a_watch_says_why(code: int, kind: type[ClusterError], api_client: client.ApiClient) -> None:
    Api.answer[:] = [EVENTS[0], {"type": "ERROR", "object": GONE | {"code": code}}]
    watch = Cluster(api_client).watch_jobs("here", "a=b", "7", seconds=60)
    assert next(watch)[0] == "ADDED"
    with pytest.raises(kind, match="too old resource version") as raised:
        next(watch)
    assert (type(raised.value), raised.value.status) == (kind, code)


LOADED = """
import sys
from executors.cluster import api
api.Cluster(api.client.ApiClient(api.client.Configuration(host="http://127.0.0.1:9"))).version()
print(*(name for name in sys.modules if name.startswith(("kubernetes.client.api.", "kubernetes.client.models."))))
"""


def test_a_call_loads_none_of_the_packages_models() -> None:
    """They take 23 MiB in each process that loads them, and half a second of its start."""
    run = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
