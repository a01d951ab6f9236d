"""Calls of the Kubernetes API; the only module that knows the client package.

An error of the client becomes a ``ClusterError`` that says whether a retry can help.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import ssl
import tempfile
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Self

import urllib3
from kubernetes import client, config
from kubernetes.client import ApiException
from kubernetes.config import ConfigException
from kubernetes.watch.watch import iter_resp_lines
from urllib3.util.ssl_ import create_urllib3_context

from executors.cluster import AlreadyExists, ClusterError, Dropped, Expired, Manifest, NoCluster, operations
from executors.cluster.operations import Operation
from terrakube_site.metrics import catalogue, tally

TIMEOUT_SECONDS = (5, 20)
"""Timeouts for a connection and for an answer."""
_STRICT = {"fieldValidation": "Strict"}
"""The server refuses a misspelt field of what is created."""
_POOL_SIZE = 16
_DROPPED_MOST = 3
"""Kept connections in a row that may turn out to have ended, before a call counts as not answered."""
_CERTIFICATES = frozenset({"certificate-authority-data", "client-certificate-data", "client-key-data"})


def _message(error: ApiException) -> str:
    try:
        # Policies write several lines.
        return " ".join(str(json.loads(error.body or "")["message"]).split())
    except (ValueError, KeyError, TypeError):
        return str(error.reason or "no answer")


def _translated(error: Exception) -> ClusterError:
    if isinstance(error, ApiException):
        kinds = {409: AlreadyExists, 410: Expired}
        return kinds.get(error.status or 0, ClusterError)(_message(error), status=error.status or None)
    reason = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) else error
    kind = Dropped if isinstance(reason, urllib3.exceptions.ProtocolError) else ClusterError
    return kind(f"The cluster's API did not answer: {type(error).__name__}")


class Cluster:
    """Calls of one cluster's API; safe to share between threads.

    They take the client's transport alone: its certificates, tokens, proxies and kept connections. Its methods would
    load the models of all objects, 23 MiB and half a second for a process, and make models of what is sent to check
    what the server checks too.
    """

    def __init__(self, api_client: client.ApiClient) -> None:
        self._client = api_client

    def close(self) -> None:
        """Close the connections that wait for a call; a later call opens new ones."""
        self._client.rest_client.close()

    def _send(
        self,
        operation: Operation,
        names: Mapping[str, str],
        query: Mapping[str, str | int],
        body: Manifest | None = None,
        *,
        timeout: tuple[float, float] = TIMEOUT_SECONDS,
    ) -> urllib3.HTTPResponse:
        """Return the answer of a call that succeeded, not read yet. Raises ApiException, HTTPError."""
        headers = {"Accept": "application/json"}
        if body is not None:
            patch = operation.verb == "PATCH"
            headers["Content-Type"] = "application/strategic-merge-patch+json" if patch else "application/json"
        verb, url, headers, _, _ = self._client.param_serialize(
            operation.verb, operation.path, dict(names), list(query.items()), headers, auth_settings=["BearerToken"]
        )
        answer = self._client.call_api(verb, url, headers, body, _request_timeout=timeout)
        if not 200 <= answer.status <= 299:
            answer.read()  # type: ignore[no-untyped-call]
            raise ApiException.from_response(http_resp=answer, body=None, data=None)
        response: urllib3.HTTPResponse = answer.response
        return response

    def _call(
        self,
        operation: Operation,
        namespace: str = "",
        name: str = "",
        *,
        query: Mapping[str, str | int] | None = None,
        body: Manifest | None = None,
    ) -> Any:
        """Return what the server answers. Raises ClusterError."""
        begin, status = time.perf_counter(), 0
        try:
            response = self._send(operation, {"namespace": namespace, "name": name}, query or {}, body)
            status = response.status
            return json.loads(response.data)
        except (ApiException, urllib3.exceptions.HTTPError) as error:
            status = (error.status or 0) if isinstance(error, ApiException) else 0
            raise _translated(error) from error
        finally:
            seconds = time.perf_counter() - begin
            tally.observe(catalogue.KUBERNETES_CALLS, seconds, operation=operation.name, status=str(status))

    def _get(self, operation: Operation, name: str, namespace: str) -> Manifest | None:
        try:
            return self._call(operation, namespace, name)  # type: ignore[no-any-return]
        except ClusterError as error:
            if error.status == 404:
                return None
            raise

    # ---- Jobs -------------------------------------------------------------------------------------------------------

    def create_job(self, namespace: str, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Create a Job and return it; the server refuses a misspelt field. Raises AlreadyExists, ClusterError."""
        query = _STRICT | ({"dryRun": "All"} if dry_run else {})
        return self._call(operations.CREATE_JOB, namespace, query=query, body=manifest)  # type: ignore[no-any-return]

    def read_job(self, namespace: str, name: str) -> Manifest | None:
        return self._get(operations.READ_JOB, name, namespace)

    def patch_job(self, namespace: str, name: str, changes: Manifest) -> Manifest:
        """Change fields of a Job and return it. Raises ClusterError, with status 404 if it does not exist."""
        return self._call(operations.PATCH_JOB, namespace, name, body=changes)  # type: ignore[no-any-return]

    def delete_job(self, namespace: str, name: str) -> bool:
        """Delete a Job after its pods; return False if it does not exist.

        With foreground deletion the Job stays until its pods are gone, so that its absence proves theirs also to a
        service account that may not read pods.
        """
        try:
            self._call(operations.DELETE_JOB, namespace, name, query={"propagationPolicy": "Foreground"})
        except ClusterError as error:
            if error.status == 404:
                return False
            raise
        return True

    def kill_pod(self, namespace: str, name: str) -> bool:
        """Kill a pod within a second; return False if it does not exist, or without the permission.

        The pod stays until its node reports its end; a grace period of 0 would only make the cluster forget it.
        """
        try:
            self._call(operations.DELETE_POD, namespace, name, query={"gracePeriodSeconds": 1})
        except ClusterError as error:
            if error.status in {403, 404}:
                return False
            raise
        return True

    def list_jobs(self, namespace: str, selector: str) -> tuple[list[Manifest], str]:
        """List the Jobs that match a selector, and the version from which to watch."""
        return self._list(operations.LIST_JOBS, namespace, selector)

    def watch_jobs(
        self, namespace: str, selector: str, version: str, *, seconds: int
    ) -> Iterator[tuple[str, Manifest]]:
        """Yield (type, Job) of each change after a version, for this many seconds. Raises Expired, ClusterError."""
        return self._watch(operations.LIST_JOBS, namespace, selector, version, seconds)

    # ---- pods and events --------------------------------------------------------------------------------------------

    def list_pods(self, namespace: str, selector: str) -> tuple[list[Manifest], str]:
        return self._list(operations.LIST_PODS, namespace, selector)

    def watch_pods(
        self, namespace: str, selector: str, version: str, *, seconds: int
    ) -> Iterator[tuple[str, Manifest]]:
        return self._watch(operations.LIST_PODS, namespace, selector, version, seconds)

    def patch_pod(self, namespace: str, name: str, changes: Manifest) -> Manifest:
        """Change fields of a pod and return it. Raises ClusterError, with status 404 if it does not exist."""
        return self._call(operations.PATCH_POD, namespace, name, body=changes)  # type: ignore[no-any-return]

    def pod_log(self, namespace: str, name: str, *, container: str, tail_lines: int = 50) -> str:
        """Return the last log lines of one of a pod's containers. Raises ClusterError."""
        try:
            query: dict[str, str | int] = {"container": container, "tailLines": tail_lines}
            response = self._send(operations.READ_POD_LOG, {"namespace": namespace, "name": name}, query)
            return response.data.decode(errors="replace")
        except (ApiException, urllib3.exceptions.HTTPError) as error:
            raise _translated(error) from error

    def list_events(self, namespace: str, object_name: str) -> list[Manifest]:
        selector = f"involvedObject.name={object_name}"
        return self._call(operations.LIST_EVENTS, namespace, query={"fieldSelector": selector})["items"]  # type: ignore[no-any-return]

    # ---- Secrets, claims, rights ------------------------------------------------------------------------------------

    def create_secret(self, namespace: str, manifest: Manifest) -> None:
        """Create a Secret. Raises AlreadyExists, ClusterError."""
        self._call(operations.CREATE_SECRET, namespace, query=_STRICT, body=manifest)

    def list_secrets(self, namespace: str, selector: str) -> tuple[list[Manifest], str]:
        """List the Secrets that match a selector, without their contents."""
        found, version = self._list(operations.LIST_SECRETS, namespace, selector)
        for one in found:
            one.pop("data", None)
        return found, version

    def claim_exists(self, namespace: str, name: str) -> bool | None:
        """Return True if a PersistentVolumeClaim exists, None without permission to read it."""
        try:
            return self._get(operations.READ_CLAIM, name, namespace) is not None
        except ClusterError as error:
            if error.status == 403:
                return None
            raise

    def read_claim(self, namespace: str, name: str) -> Manifest | None:
        """Return a PersistentVolumeClaim, None if it does not exist. Raises ClusterError."""
        return self._get(operations.READ_CLAIM, name, namespace)

    def exists(self, kind: str, namespace: str, name: str) -> bool | None:
        """Return True if an object of this kind exists, None without permission to read it. Raises ClusterError."""
        try:
            self._call(operations.EXISTING[kind], namespace, name)
        except ClusterError as error:
            if error.status == 404:
                return False
            if error.status == 403:
                return None
            raise
        return True

    def has_node(self, selector: str) -> bool | None:
        """Return True if a node has these labels, None without permission to list nodes. Raises ClusterError."""
        try:
            return bool(self._call(operations.LIST_NODES, query={"labelSelector": selector, "limit": 1})["items"])
        except ClusterError as error:
            if error.status == 403:
                return None
            raise

    def server_time(self) -> dt.datetime:
        """Return the API server's clock, to the second. Raises ClusterError."""
        try:
            response = self._send(operations.READ_VERSION, {}, {})
            return parsedate_to_datetime(response.headers["Date"])
        except (ApiException, urllib3.exceptions.HTTPError) as error:
            raise _translated(error) from error
        except (KeyError, ValueError) as error:
            raise ClusterError("The cluster's API says no time with its answers") from error

    def version(self) -> str:
        """Return the API server's version, such as v1.34.1; "" if it does not say. Makes one call."""
        try:
            return str(self._call(operations.READ_VERSION).get("gitVersion", ""))
        except ClusterError:
            return ""

    def may(self, verb: str, resource: str, namespace: str, *, group: str = "", subresource: str = "") -> bool:
        """Return True if this service account has a permission (SelfSubjectAccessReview)."""
        attributes = {"verb": verb, "resource": resource, "namespace": namespace, "group": group}
        if subresource:
            attributes["subresource"] = subresource
        review = {"spec": {"resourceAttributes": attributes}}
        answer = self._call(operations.REVIEW_OWN_ACCESS, body=review)
        return bool(answer["status"].get("allowed"))

    # ---- lists and watches ------------------------------------------------------------------------------------------

    def _list(self, operation: Operation, namespace: str, selector: str) -> tuple[list[Manifest], str]:
        answer = self._call(operation, namespace, query={"labelSelector": selector})
        return answer["items"], answer["metadata"]["resourceVersion"]

    def _watch(
        self, operation: Operation, namespace: str, selector: str, version: str, seconds: int
    ) -> Iterator[tuple[str, Manifest]]:
        query: dict[str, str | int] = {
            "labelSelector": selector,
            "resourceVersion": version,
            "timeoutSeconds": seconds,
            "allowWatchBookmarks": "true",
            "watch": "true",
        }
        try:
            # The server ends the watch itself; a connection that is silent for longer is dead.
            timeout = (TIMEOUT_SECONDS[0], seconds + 10)
            response = self._send(operation, {"namespace": namespace}, query, timeout=timeout)
            try:
                for line in iter_resp_lines(response):
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        status = event["object"]
                        raise ApiException(status=status["code"], reason=f"{status['reason']}: {status['message']}")
                    yield event["type"], event["object"]
            finally:
                # What has not been read must not become the answer to the connection's next call.
                response.close()
                response.release_conn()
        except (ApiException, urllib3.exceptions.HTTPError) as error:
            raise _translated(error) from error


def from_environment() -> Cluster:
    """Connect with the pod's service account, else with the current kubeconfig. Raises NoCluster."""
    settings = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=settings)
    except ConfigException:
        try:
            config.load_kube_config(client_configuration=settings)
        except (ConfigException, OSError) as error:
            raise NoCluster(
                "No cluster is configured: this process has neither a Kubernetes service account nor a kubeconfig."
            ) from error
    settings.connection_pool_maxsize = _POOL_SIZE
    return Cluster(client.ApiClient(settings))


def from_kubeconfig(content: Mapping[str, Any]) -> Cluster:
    """Connect as a kubeconfig says that holds all it needs. Raises NoCluster if it cannot be used.

    A call is not repeated, so that a cluster that does not answer holds its caller for one timeout only; but one that
    only reads or deletes is, where a kept connection had ended. No credential stays in a file.
    """
    settings = client.Configuration()
    try:
        # The client package would write these into files that only the orderly end of the process removes.
        plain, certificates = _without_certificates(content)
        context = _tls_context(certificates)
        config.load_kube_config_from_dict(plain, client_configuration=settings)
    except (ConfigException, OSError, ValueError) as error:
        raise NoCluster("The stored kubeconfig cannot be used.") from error
    settings.connection_pool_maxsize = _POOL_SIZE
    settings.retries = _AfterDrop(total=_DROPPED_MOST, respect_retry_after_header=False)
    api_client = client.ApiClient(settings)
    api_client.rest_client.pool_manager.connection_pool_kw["ssl_context"] = context
    return Cluster(api_client)


class _AfterDrop(urllib3.Retry):
    """Repeats a call that only reads or deletes if its connection ended before the answer, and no other."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: Any = None,
        error: Exception | None = None,
        _pool: Any = None,
        _stacktrace: Any = None,
    ) -> Self:
        if method in {"GET", "DELETE"} and isinstance(error, urllib3.exceptions.ProtocolError):
            return super().increment(method, url, response, error, _pool, _stacktrace)
        raise urllib3.exceptions.MaxRetryError(_pool, url or "", error)


def _without_certificates(content: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return a kubeconfig with one cluster and login without its certificates and key, and those, decoded, by name."""
    found: dict[str, bytes] = {}

    def reduced(kind: str, kinds: str) -> list[dict[str, Any]]:
        (one,) = content[kinds]
        for name in _CERTIFICATES & one[kind].keys():
            found[name] = base64.b64decode(one[kind][name])
        return [{**one, kind: {name: value for name, value in one[kind].items() if name not in _CERTIFICATES}}]

    return {**content, "clusters": reduced("cluster", "clusters"), "users": reduced("user", "users")}, found


def _tls_context(certificates: Mapping[str, bytes]) -> ssl.SSLContext:
    """Return how to verify the server and to log in, as urllib3 would make it of files. Raises OSError, ValueError."""
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    authority = certificates.get("certificate-authority-data")
    if authority:
        context.load_verify_locations(cadata=authority.decode())
    else:
        context.load_default_certs()
    key = certificates.get("client-key-data")
    if key:
        # Python reads a key from a file alone. This one is there for a moment, in a folder that nobody else may enter.
        with tempfile.TemporaryDirectory() as folder:
            both = Path(folder, "login.pem")
            both.write_bytes(certificates.get("client-certificate-data", b"") + b"\n" + key)
            context.load_cert_chain(both)
    return context
