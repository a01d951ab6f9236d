"""Connections by a stored kubeconfig: nothing of it stays in a file or longer than it counts, and one that ended in the
meantime is made anew.
"""

from __future__ import annotations

import base64
import gc
import json
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from executors import cluster
from executors.cluster import ClusterError, Dropped, NoCluster
from executors.clusters import reaching
from executors.installation.settings import Installation
from executors.launching import kubernetes_job
from tests.clusters.conftest import KUBECONFIG
from tests.support.loopback import QuietHandler
from tests.tfe.authority import Authority
from tests.warm.conftest import MemoryCluster
from workspaces.models import Cluster

INSIDE = "kubernetes.default.svc"


class Api(QuietHandler):
    """Answers each call with the client's name; ``broken`` calls on a kept connection end without an answer."""

    protocol_version = "HTTP/1.1"
    broken = 0
    calls: list[str]
    names: list[str | None]
    """By which names it was asked, as TLS says them."""

    def do_GET(self) -> None:
        type(self).calls.append(self.command)
        if type(self).broken:
            type(self).broken -= 1
            self.close_connection = True
            return
        length = int(self.headers.get("Content-Length", 0))
        self.rfile.read(length)
        peer: Any = self.connection.getpeercert()
        answer = json.dumps({"status": {"allowed": True}, "client": dict(peer["subject"][0])["commonName"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def server(authority: Authority) -> Iterator[str]:
    """The address of an API server that demands a client certificate and has one for a name inside the cluster."""
    Api.broken, Api.calls, Api.names = 0, [], []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue(INSIDE))
    context.load_verify_locations(authority.bundle)
    context.verify_mode = ssl.CERT_REQUIRED
    context.sni_callback = lambda _socket, name, _context: Api.names.append(name)
    serving = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    serving.daemon_threads = True
    serving.socket = context.wrap_socket(serving.socket, server_side=True)
    thread = Thread(target=serving.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{serving.server_port}"
    serving.shutdown()
    thread.join()
    serving.server_close()


def content(server: str, authority: Authority, **more: str) -> Mapping[str, Any]:
    def text(path: Path) -> str:
        return base64.b64encode(path.read_bytes()).decode()

    certificate, key = authority.issue("site")
    trusted = {"certificate-authority-data": text(authority.bundle), "server": server, **more}
    user = {"client-certificate-data": text(certificate), "client-key-data": text(key)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cluster", "cluster": {name: value for name, value in trusted.items() if value}}],
        "users": [{"name": "cluster", "user": user}],
        "contexts": [{"name": "cluster", "context": {"cluster": "cluster", "user": "cluster"}}],
        "current-context": "cluster",
    }


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_client_certificate_is_used_and_left_in_no_file(server: str, authority: Authority, scratch: Path) -> None:
    api = cluster.connect_by(content(server, authority, **{"tls-server-name": INSIDE}))
    assert list(scratch.iterdir()) == []
    assert api.read_job("steps", "any") == {"status": {"allowed": True}, "client": "site"}
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    "less", [{"tls-server-name": ""}, {"tls-server-name": INSIDE, "certificate-authority-data": ""}]
)
def test_a_server_with_another_name_or_an_unknown_authority_is_not_trusted(
    server: str, authority: Authority, less: dict[str, str]
) -> None:
    with pytest.raises(ClusterError, match="did not answer") as raised:
        cluster.connect_by(content(server, authority, **less)).read_job("steps", "any")
    assert not isinstance(raised.value, Dropped)
    assert Api.calls == []


def test_certificates_that_are_none_are_refused(authority: Authority) -> None:
    nothing = base64.b64encode(b"nothing").decode()
    with pytest.raises(NoCluster):
        cluster.connect_by(content("https://east.example", authority, **{"certificate-authority-data": nothing}))


def test_a_call_that_reads_is_repeated_on_a_new_connection_and_one_that_creates_is_not(
    server: str, authority: Authority
) -> None:
    api = cluster.connect_by(content(server, authority, **{"tls-server-name": INSIDE}))
    api.read_job("steps", "any")
    Api.broken = 1
    assert api.read_job("steps", "any") is not None
    assert Api.calls == ["GET", "GET", "GET"]
    Api.broken = 1
    with pytest.raises(Dropped):
        api.may("create", "jobs", "steps")
    assert Api.calls[3:] == ["POST"]
    api.close()
    assert api.may("create", "jobs", "steps")


@pytest.mark.django_db
def test_a_new_kubeconfig_closes_the_connection_of_the_former_and_the_least_used_goes_first(
    east: Cluster, conf: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[MemoryCluster] = []

    def connect_by(content: Mapping[str, Any]) -> MemoryCluster:
        made.append(MemoryCluster())
        return made[-1]

    def connect(record: Cluster) -> Any:
        return reaching.place_of_record(record, conf).connect()

    reaching.forget()
    monkeypatch.setattr(reaching, "connect_by", connect_by)
    monkeypatch.setattr(reaching, "_CONNECTIONS", 2)
    first = connect(east)
    east.kubeconfig = KUBECONFIG.replace("t-o-k-e-n", "n-e-w")
    second = connect(east)
    assert second is not first
    assert (first.closed, second.closed) == (True, False)
    west, north = (Cluster(name=name, namespace=name, kubeconfig=KUBECONFIG) for name in ("west", "north"))
    third = connect(west)
    assert connect(east) is second
    connect(north)
    assert (second.closed, third.closed) == (False, True)
    reaching.forget()


def test_what_a_connection_may_is_forgotten_with_it() -> None:
    kubernetes_job._may_create_secrets.clear()
    api: Any = MemoryCluster(forbidden=frozenset({("create", "secrets")}))
    assert not kubernetes_job.may_create_secrets(api, "steps")
    api.forbidden = frozenset()
    assert not kubernetes_job.may_create_secrets(api, "steps")
    assert kubernetes_job.may_create_secrets(api, "other")
    del api
    gc.collect()
    assert kubernetes_job._may_create_secrets == {}


def test_the_server_is_asked_by_the_tls_name(server: str, authority: Authority) -> None:
    cluster.connect_by(content(server, authority, **{"tls-server-name": INSIDE})).read_job("steps", "any")
    assert Api.names == [INSIDE]
