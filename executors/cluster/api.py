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
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Self

import urllib3
from kubernetes import client, config, watch
from kubernetes.client import ApiException
from kubernetes.config import ConfigException
from urllib3.util.ssl_ import create_urllib3_context

from executors.cluster import AlreadyExists, ClusterError, Dropped, Expired, Manifest, NoCluster
from terrakube_site.metrics import catalogue, tally

TIMEOUT_SECONDS = (5, 20)
"""Timeouts for a connection and for an answer."""
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


def _creator(api_client: client.ApiClient, name: str, path: str) -> Callable[..., Any]:
    """Return a function that creates objects by the client's transport, called as the client's own methods are.

    Those make the client's models of a manifest, and a dictionary of the models, to check what the server checks too:
    0.39 ms of processor time for a Job, and this takes 0.06. The server refuses a misspelt field either way.
    """

    def create(
        namespace: str,
        manifest: Manifest,
        *,
        dry_run: str = "",
        _preload_content: bool,
        _request_timeout: tuple[float, float],
    ) -> Any:
        query = [("fieldValidation", "Strict"), *([("dryRun", dry_run)] if dry_run else [])]
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        method, url, headers, _, _ = api_client.param_serialize(
            "POST", path, {"namespace": namespace}, query, headers, auth_settings=["BearerToken"]
        )
        answer = api_client.call_api(method, url, headers, manifest, _request_timeout=_request_timeout)
        if not 200 <= answer.status <= 299:
            answer.read()  # type: ignore[no-untyped-call]
            raise ApiException.from_response(http_resp=answer, body=None, data=None)
        return answer.response

    create.__name__ = name
    return create


def _translated(error: Exception) -> ClusterError:
    if isinstance(error, ApiException):
        kinds = {409: AlreadyExists, 410: Expired}
        return kinds.get(error.status or 0, ClusterError)(_message(error), status=error.status or None)
    reason = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) else error
    kind = Dropped if isinstance(reason, urllib3.exceptions.ProtocolError) else ClusterError
    return kind(f"The cluster's API did not answer: {type(error).__name__}")


class Cluster:
    """Calls of one cluster's API; safe to share between threads."""

    def __init__(self, api_client: client.ApiClient) -> None:
        self._client = api_client
        self._batch = client.BatchV1Api(api_client)
        self._core = client.CoreV1Api(api_client)
        self._authorization = client.AuthorizationV1Api(api_client)
        self._version = client.VersionApi(api_client)
        jobs, secrets = "/apis/batch/v1/namespaces/{namespace}/jobs", "/api/v1/namespaces/{namespace}/secrets"
        self._create_job = _creator(api_client, "create_namespaced_job", jobs)
        self._create_secret = _creator(api_client, "create_namespaced_secret", secrets)

    def close(self) -> None:
        """Close the connections that wait for a call; a later call opens new ones."""
        self._client.rest_client.close()

    @staticmethod
    def _call(method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        begin, status = time.perf_counter(), 0
        try:
            response = method(*args, _preload_content=False, _request_timeout=TIMEOUT_SECONDS, **kwargs)
            status = response.status
            return json.loads(response.data)
        except (ApiException, urllib3.exceptions.HTTPError) as error:
            status = (error.status or 0) if isinstance(error, ApiException) else 0
            raise _translated(error) from error
        finally:
            seconds = time.perf_counter() - begin
            tally.observe(catalogue.KUBERNETES_CALLS, seconds, operation=method.__name__, status=str(status))

    def _get(self, method: Callable[..., Any], name: str, namespace: str) -> Manifest | None:
        try:
            return self._call(method, name, namespace)  # type: ignore[no-any-return]
        except ClusterError as error:
            if error.status == 404:
                return None
            raise

    # ---- Jobs -------------------------------------------------------------------------------------------------------

    def create_job(self, namespace: str, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Create a Job and return it; the server refuses a misspelt field. Raises AlreadyExists, ClusterError."""
        options = {"dry_run": "All"} if dry_run else {}
        return self._call(self._create_job, namespace, manifest, **options)  # type: ignore[no-any-return]

    def read_job(self, namespace: str, name: str) -> Manifest | None:
        return self._get(self._batch.read_namespaced_job, name, namespace)

    def patch_job(self, namespace: str, name: str, changes: Manifest) -> Manifest:
        """Change fields of a Job and return it. Raises ClusterError, with status 404 if it does not exist."""
        return self._call(self._batch.patch_namespaced_job, name, namespace, changes)  # type: ignore[no-any-return]

    def delete_job(self, namespace: str, name: str) -> bool:
        """Delete a Job after its pods; return False if it does not exist.

        With foreground deletion the Job stays until its pods are gone, so that its absence proves theirs also to a
        service account that may not read pods.
        """
        try:
            self._call(self._batch.delete_namespaced_job, name, namespace, propagation_policy="Foreground")
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
            self._call(self._core.delete_namespaced_pod, name, namespace, grace_period_seconds=1)
        except ClusterError as error:
            if error.status in {403, 404}:
                return False
            raise
        return True

    def list_jobs(self, namespace: str, selector: str) -> tuple[list[Manifest], str]:
        """List the Jobs that match a selector, and the version from which to watch."""
        return self._list(self._batch.list_namespaced_job, namespace, selector)

    def watch_jobs(
        self, namespace: str, selector: str, version: str, *, seconds: int
    ) -> Iterator[tuple[str, Manifest]]:
        """Yield (type, Job) of each change after a version, for this many seconds. Raises Expired, ClusterError."""
        return self._watch(self._batch.list_namespaced_job, namespace, selector, version, seconds)

    # ---- pods and events --------------------------------------------------------------------------------------------

    def list_pods(self, namespace: str, selector: str) -> tuple[list[Manifest], str]:
        return self._list(self._core.list_namespaced_pod, namespace, selector)

    def watch_pods(
        self, namespace: str, selector: str, version: str, *, seconds: int
    ) -> Iterator[tuple[str, Manifest]]:
        return self._watch(self._core.list_namespaced_pod, namespace, selector, version, seconds)

    def patch_pod(self, namespace: str, name: str, changes: Manifest) -> Manifest:
        """Change fields of a pod and return it. Raises ClusterError, with status 404 if it does not exist."""
        return self._call(self._core.patch_namespaced_pod, name, namespace, changes)  # type: ignore[no-any-return]

    def pod_log(self, namespace: str, name: str, *, container: str, tail_lines: int = 50) -> str:
        """Return the last log lines of one of a pod's containers. Raises ClusterError."""
        try:
            response: Any = self._core.read_namespaced_pod_log(
                name,
                namespace,
                container=container,
                tail_lines=tail_lines,
                _preload_content=False,
                _request_timeout=TIMEOUT_SECONDS,
            )
        except (ApiException, urllib3.exceptions.HTTPError) as error:
            raise _translated(error) from error
        return bytes(response.data).decode(errors="replace")

    def list_events(self, namespace: str, object_name: str) -> list[Manifest]:
        selector = f"involvedObject.name={object_name}"
        return self._call(self._core.list_namespaced_event, namespace, field_selector=selector)["items"]  # type: ignore[no-any-return]

    # ---- Secrets, claims, rights ------------------------------------------------------------------------------------

    def create_secret(self, namespace: str, manifest: Manifest) -> None:
        """Create a Secret. Raises AlreadyExists, ClusterError."""
        self._call(self._create_secret, namespace, manifest)

    def list_secrets(self, namespace: str, selector: str) -> tuple[list[Manifest], str]:
        """List the Secrets that match a selector, without their contents."""
        found, version = self._list(self._core.list_namespaced_secret, namespace, selector)
        for one in found:
            one.pop("data", None)
        return found, version

    def claim_exists(self, namespace: str, name: str) -> bool | None:
        """Return True if a PersistentVolumeClaim exists, None without permission to read it."""
        try:
            return self._get(self._core.read_namespaced_persistent_volume_claim, name, namespace) is not None
        except ClusterError as error:
            if error.status == 403:
                return None
            raise

    def read_claim(self, namespace: str, name: str) -> Manifest | None:
        """Return a PersistentVolumeClaim, None if it does not exist. Raises ClusterError."""
        return self._get(self._core.read_namespaced_persistent_volume_claim, name, namespace)

    def exists(self, kind: str, namespace: str, name: str) -> bool | None:
        """Return True if an object of this kind exists, None without permission to read it. Raises ClusterError."""
        core = self._core
        readers: dict[str, Callable[..., Any]] = {
            "ConfigMap": core.read_namespaced_config_map,
            "PersistentVolumeClaim": core.read_namespaced_persistent_volume_claim,
            "Secret": core.read_namespaced_secret,
            "ServiceAccount": core.read_namespaced_service_account,
        }
        try:
            if kind == "PriorityClass":
                self._call(client.SchedulingV1Api(self._client).read_priority_class, name)
            else:
                self._call(readers[kind], name, namespace)
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
            return bool(self._call(self._core.list_node, label_selector=selector, limit=1)["items"])
        except ClusterError as error:
            if error.status == 403:
                return None
            raise

    def server_time(self) -> dt.datetime:
        """Return the API server's clock, to the second. Raises ClusterError."""
        try:
            response: Any = self._version.get_code(_preload_content=False, _request_timeout=TIMEOUT_SECONDS)
            return parsedate_to_datetime(response.headers["Date"])
        except (ApiException, urllib3.exceptions.HTTPError) as error:
            raise _translated(error) from error
        except (KeyError, ValueError) as error:
            raise ClusterError("The cluster's API says no time with its answers") from error

    def version(self) -> str:
        """Return the API server's version, such as v1.34.1; "" if it does not say. Makes one call."""
        try:
            return str(self._call(self._version.get_code).get("gitVersion", ""))
        except ClusterError:
            return ""

    def may(self, verb: str, resource: str, namespace: str, *, group: str = "", subresource: str = "") -> bool:
        """Return True if this service account has a permission (SelfSubjectAccessReview)."""
        attributes = {"verb": verb, "resource": resource, "namespace": namespace, "group": group}
        if subresource:
            attributes["subresource"] = subresource
        review = {"spec": {"resourceAttributes": attributes}}
        answer = self._call(self._authorization.create_self_subject_access_review, review)
        return bool(answer["status"].get("allowed"))

    # ---- lists and watches ------------------------------------------------------------------------------------------

    def _list(self, method: Callable[..., Any], namespace: str, selector: str) -> tuple[list[Manifest], str]:
        answer = self._call(method, namespace, label_selector=selector)
        return answer["items"], answer["metadata"]["resourceVersion"]

    @staticmethod
    def _watch(
        method: Callable[..., Any], namespace: str, selector: str, version: str, seconds: int
    ) -> Iterator[tuple[str, Manifest]]:
        # Not into the models of the client: 0.05 ms of processor time for a pod that changed, and not 0.25.
        stream = watch.Watch(return_type="object")
        try:
            for event in stream.stream(
                method,
                namespace,
                label_selector=selector,
                resource_version=version,
                timeout_seconds=seconds,
                allow_watch_bookmarks=True,
                # The server ends the watch itself; a connection that is silent for longer is dead.
                _request_timeout=(TIMEOUT_SECONDS[0], seconds + 10),
            ):
                yield event["type"], event["raw_object"]
        except (ApiException, urllib3.exceptions.HTTPError) as error:
            raise _translated(error) from error
        finally:
            stream.stop()


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


def preload() -> None:
    """Import the parts of the client package that are used; it imports each only at its first use."""
    for name in ("BatchV1Api", "CoreV1Api", "AuthorizationV1Api"):
        getattr(client, name)
