"""An installation of the chart on the cluster, and what its people do with it: helm, kubectl and the REST API."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import yaml

from tests.deploy.chart import CHART, NAME, RELEASE, Object, Values, laid_over
from tests.spine.sources import free_port
from tests.spine.waiting import await_that
from tests.support.patience import patient

FINAL = {"completed", "noChanges", "rejected", "cancelled", "failed"}
COMPONENTS = ("web", "worker", "watcher")
HELM_SECONDS = int(patient(100))
MEDIA_TYPE = "application/vnd.api+json"


def run(*command: str, text: str | None = None) -> str:
    """What a command says; one that fails fails the test, with what it said."""
    answer = subprocess.run(command, input=text, capture_output=True, text=True, timeout=HELM_SECONDS + 20)
    if answer.returncode != 0:
        pytest.fail(f"{' '.join(command[:4])}: {answer.stderr[-2000:]}{answer.stdout[-2000:]}")
    return answer.stdout


class Installation:
    """A release in a namespace, with values over those for a cluster without services.

    ``where`` is where commands of the site are run.
    """

    def __init__(self, namespace: str, host: str, *values: Values, where: str = f"deploy/{NAME}-web") -> None:
        self.namespace = namespace
        self.port = free_port(host)
        self.address = f"http://{host}:{self.port}"
        self.values = laid_over(without_services(self.address, host), *values)
        self.where = where
        self._token = ""
        self.database = ""

    # ---- what an operator does --------------------------------------------------------------------------------------

    def helm(self, *arguments: str, values: Values | None = None) -> str:
        given = ("--values", "-") if values is not None else ()
        text = yaml.safe_dump(values) if values is not None else None
        return run("helm", *arguments, "--namespace", self.namespace, *given, text=text)

    def kubectl(self, *arguments: str) -> str:
        return run("kubectl", "--namespace", self.namespace, *arguments)

    def exit_codes(self, selector: str) -> list[str]:
        """Delete pods, wait until they are gone, and return the exit codes with which their containers ended."""
        codes = "{.status.containerStatuses[*].state.terminated.exitCode}"
        watch = ["get", "pods", "-l", selector, "--watch", "--output", "jsonpath=" + codes + "{'\\n'}"]
        with TemporaryFile("a+") as output:
            watching = subprocess.Popen(["kubectl", "--namespace", self.namespace, *watch], stdout=output)

            def seen() -> list[str]:
                output.seek(0)
                return str(output.read()).split()

            try:
                self.kubectl("delete", "pods", "-l", selector)
                return await_that(seen, f"the pods of {selector} have ended with a code")
            finally:
                watching.terminate()
                watching.wait()

    def install(self, database: str) -> None:
        """Make the Secret that the values name, and install."""
        self.database = database
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "connections"},
            "stringData": {
                "TERRAKUBE_DATABASE_URL": database,
                "TerrakubeRedisPassword": os.environ.get("TerrakubeRedisPassword", ""),
            },
        }
        run("kubectl", "--namespace", self.namespace, "apply", "--filename", "-", text=json.dumps(secret))
        self.helm("install", RELEASE, str(CHART), "--wait", "--timeout", f"{HELM_SECONDS}s", values=self.values)

    def manage(self, *arguments: str) -> str:
        return self.kubectl("exec", self.where, "--", "terrakube-site", "manage", *arguments)

    def encryption_keys(self) -> list[str]:
        """What the Secret of keys holds as TERRAKUBE_ENCRYPTION_KEYS; the first one encrypts."""
        held = self.kubectl("get", "secret", f"{NAME}-keys", "-o", "jsonpath={.data.TERRAKUBE_ENCRYPTION_KEYS}")
        return base64.b64decode(held).decode().split(",")

    def give_encryption_keys(self, *keys: str) -> None:
        """Put encryption keys into the Secret of keys; running pods hear of them when they are rolled."""
        given = {"stringData": {"TERRAKUBE_ENCRYPTION_KEYS": ",".join(keys)}}
        self.kubectl("patch", "secret", f"{NAME}-keys", "--patch", json.dumps(given))

    def roll(self) -> None:
        """Replace all pods of the site, and wait until the new ones are ready."""
        deployments = [f"deploy/{NAME}-{component}" for component in COMPONENTS]
        self.kubectl("rollout", "restart", *deployments)
        self.await_rolled(*deployments)

    def await_rolled(self, *deployments: str) -> None:
        """Wait until the pods of deployments that were restarted are all new and ready."""
        for deployment in deployments:
            self.kubectl("rollout", "status", deployment, f"--timeout={HELM_SECONDS}s")

    def pods(self, component: str) -> dict[str, Object]:
        """The running pods of a component, by their uid."""
        answer = self.kubectl("get", "pods", "-l", f"app.kubernetes.io/component={component}", "-o", "json")
        return {pod["metadata"]["uid"]: pod for pod in json.loads(answer)["items"] if _is_ready(pod)}

    def step_pods(self, job: str) -> list[Object]:
        answer = self.kubectl("get", "pods", "-l", f"terrakube.io/job={job}", "-o", "json")
        pods: list[Object] = json.loads(answer)["items"]
        return pods

    # ---- what a client does -----------------------------------------------------------------------------------------

    def sign_in(self, user: str) -> None:
        self._token = self.manage("create_token", "--user", user, "--days", "1", "--description", "test").strip()

    def call(self, method: str, path: str, data: Mapping[str, Any] | None = None) -> Any:
        status, body = self._send(method, path, {"data": data} if data is not None else None)
        assert status < 400, f"{method} {path} was answered {status}: {body.decode(errors='replace')[:500]}"
        return json.loads(body)["data"] if body else None

    def text(self, path: str) -> str:
        return self._send("GET", path, None)[1].decode()

    def _send(self, method: str, path: str, document: Mapping[str, Any] | None) -> tuple[int, bytes]:
        request = urllib.request.Request(self.address + path, method=method)  # noqa: S310 - an address of the test's own
        request.add_header("Authorization", f"Bearer {self._token}")
        if document is not None:
            request.add_header("Content-Type", MEDIA_TYPE)
            request.data = json.dumps(document).encode()
        # A web process that is just being replaced answers a moment later.
        until = time.monotonic() + patient(30)
        while True:
            try:
                with urllib.request.urlopen(request, timeout=patient(30)) as response:  # noqa: S310
                    return response.status, response.read()
            except urllib.error.HTTPError as error:
                return error.code, error.read()
            except OSError:
                if method != "GET" or time.monotonic() > until:
                    raise
                time.sleep(0.2)

    def workspace(self, organization: str, url: str) -> str:
        """A workspace whose source is a git repository and whose steps run in the cluster."""
        made = self.call(
            "POST",
            f"/api/v1/organization/{organization}/workspace",
            {
                "type": "workspace",
                "attributes": {
                    "name": f"workspace-{uuid4().hex[:8]}",
                    "source": url,
                    "branch": "main",
                    "folder": "/",
                    "iacType": "terraform",
                    "terraformVersion": "1.11.4",
                },
            },
        )["id"]
        attributes = {
            "key": "TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR",
            "value": "1",
            "category": "ENV",
            "sensitive": False,
            "hcl": False,
            "description": "",
        }
        path = f"/api/v1/organization/{organization}/workspace/{made}/variable"
        self.call("POST", path, {"type": "variable", "attributes": attributes})
        return str(made)

    def start(self, organization: str, workspace: str, flow: str) -> str:
        """Start a job with a flow of its own; returns its number."""
        document = {
            "type": "job",
            "attributes": {"tcl": base64.b64encode(flow.encode()).decode()},
            "relationships": {"workspace": {"data": {"type": "workspace", "id": workspace}}},
        }
        return str(self.call("POST", f"/api/v1/organization/{organization}/job", document)["id"])

    def approve(self, organization: str, job: str) -> None:
        document = {"type": "job", "id": job, "attributes": {"status": "approved"}}
        self.call("PATCH", f"/api/v1/organization/{organization}/job/{job}", document)

    def await_status(self, organization: str, job: str, *statuses: str, seconds: float = 60) -> None:
        path = f"/api/v1/organization/{organization}/job/{job}"

        def there() -> bool:
            found = self.call("GET", path)["attributes"]
            if found["status"] in FINAL and found["status"] not in statuses:
                pytest.fail(f"job {job} is {found['status']}, not {' or '.join(statuses)}: {found['reason']}")
            return found["status"] in statuses

        await_that(there, f"job {job} is {' or '.join(statuses)}", seconds)

    def log(self, organization: str, job: str) -> str:
        """The logs of all steps, in their order."""
        steps = self.call("GET", f"/api/v1/organization/{organization}/job/{job}/step?sort=stepNumber")
        base = f"/tfoutput/v1/organization/{organization}/job/{job}/step"
        return "".join(self.text(f"{base}/{step['id']}") for step in steps)


def images(site_image: str, executor_image: str) -> Values:
    """Values for images that are on the node, and for the guide's account and Role alone."""
    site, _, site_version = site_image.rpartition(":")
    executor, _, executor_version = executor_image.rpartition(":")
    return {
        "api": {
            "image": site,
            "version": site_version,
            "serviceAccountName": "terrakube-api-service-account",
            "rbac": {"optionalRole": False},
            "ephemeralExecution": {"enabled": True},
        },
        "executor": {"image": executor, "version": executor_version},
    }


def without_services(address: str, host: str) -> Values:
    """Values for a cluster where services have no names or addresses: the node's network, and addresses instead."""
    env = {
        "KUBERNETES_SERVICE_HOST": host,
        "KUBERNETES_SERVICE_PORT": str(urlsplit(cluster_address()).port or 443),
        # Where the tests' own git server is.
        "TERRAKUBE_OUTGOING_ALLOWED": host,
        "TERRAKUBE_SOURCE_SCHEMES": "https,ssh,git",
        "TERRAKUBE_QUEUE": f"test-{uuid4().hex[:10]}",
    }
    return {
        "api": {
            "hostNetwork": True,
            "port": urlsplit(address).port,
            "env": [{"name": name, "value": value} for name, value in env.items()],
        },
        "publicUrl": address,
        "internalUrl": address,
    }


def servers() -> Values:
    """Values for the PostgreSQL and the Redis of the tests."""
    return {
        "database": {"existingSecret": "connections"},
        "redis": {
            "hostname": os.environ["TerrakubeRedisHostname"],
            "port": int(os.environ.get("TerrakubeRedisPort", "6379")),
            "existingSecret": "connections",
        },
    }


def cluster_address() -> str:
    return run("kubectl", "config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")


def _is_ready(pod: Object) -> bool:
    conditions = {each["type"]: each["status"] for each in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


class Gate:
    """What a step's commands wait for: open once somebody listens at an address."""

    def __init__(self, host: str) -> None:
        self._host, self._port = host, free_port(host)

    def counting(self) -> str:
        """Bash that writes numbered lines until the gate is open, then how many."""
        return (
            f"n=0; until (exec 3<>/dev/tcp/{self._host}/{self._port}) 2>/dev/null; do n=$((n+1)); "
            'echo "counted $n"; sleep 0.1; done; echo "all $n"'
        )

    @contextmanager
    def opened(self) -> Iterator[None]:
        # Nobody accepts, so the backlog must hold all that come.
        with socket.create_server((self._host, self._port), backlog=1024):
            yield


def counted_all(log: str) -> bool:
    """Whether a log has every line of `Gate.counting`, once and in order."""
    lines = [line.strip() for line in log.splitlines()]
    numbers = [int(line.removeprefix("counted ")) for line in lines if line.startswith("counted ")]
    return numbers == list(range(1, len(numbers) + 1)) and f"all {len(numbers)}" in lines
