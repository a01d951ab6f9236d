"""A site over https whose steps run in pods, which reach it over http as they do within a cluster."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kubernetes import client

from executors.choices import ExecutorKind
from executors.models import Attempt
from tests.faults.trial import DEFAULT_PATIENCE
from tests.spine import rights
from tests.spine.processes import Process
from tests.spine.sources import answers, free_port
from tests.spine.waiting import await_that
from tests.support.cluster import fresh_namespace
from tests.tfe.tls import TlsSite, shared_database
from workspaces.models import PolicyRule
from workspaces.models.policy import RuleEffect
from workspaces.pods import catalogue
from workspaces.services.organizations import add_default_templates
from workspaces.services.policy import create_rule

_AUTHORITY, _MOUNT_PATH = "authority", "/authority"


class PodSite(TlsSite):
    """A site at an address that pods reach, with one more web process that speaks http to them."""

    def __init__(self, folder: Path, host: str, environ: Mapping[str, str], *, namespace: str) -> None:
        self._plain_port = free_port(host)
        more = {"AzBuilderApiUrl": f"http://{host}:{self._plain_port}", **environ}
        super().__init__(folder, more, host=host, namespace=namespace)
        web = [sys.executable, "-m", "uvicorn", "terrakube_site.asgi:application", "--host", host]
        web += ["--port", str(self._plain_port), "--no-access-log", "--log-level", "warning"]
        self._plain = Process("plain", web, self.environ, folder)

    @property
    def processes(self) -> tuple[Process, ...]:
        return *super().processes, self._plain

    def start(self) -> None:
        self._plain.start()
        super().start()
        await_that(lambda: answers(self.host, self._plain_port), "the web process answers pods", 30)


@contextmanager
def pod_site(api: client.ApiClient, folder: Path, host: str, image: str) -> Iterator[PodSite]:
    """Run a whole site in a namespace of its own until the context ends; its workspaces may ask for pods."""
    with fresh_namespace(api) as namespace, shared_database(folder / "terrakube.sqlite3"):
        objects = rights.guide_objects() + rights.optional_objects()
        config = rights.kubeconfig(api, namespace, folder, objects)
        environ = {"KUBECONFIG": str(config), "ExecutorEphemeralImage": image, **DEFAULT_PATIENCE}
        with PodSite(folder, host, environ, namespace=namespace).at_hand() as site:
            site.start()
            add_default_templates(site.organization, by=None)
            yield site


@contextmanager
def all_in_pods(api: client.ApiClient, site: PodSite) -> Iterator[None]:
    """Lock the steps of all workspaces to pods, which trust the site's authority; in the end check where they ran.

    That is the installation's policy, so that it counts for the workspaces that ``init`` creates too.
    """
    bundle = {"ca.pem": site.bundle.read_text(encoding="utf-8")}
    authority = client.V1ConfigMap(metadata=client.V1ObjectMeta(name=_AUTHORITY), data=bundle)
    client.CoreV1Api(api).create_namespaced_config_map(site.namespace, authority)
    for setting, value in {
        catalogue.ENABLE: "1",
        catalogue.CONFIG_MAP_NAME: _AUTHORITY,
        catalogue.CONFIG_MAP_MOUNT_PATH: _MOUNT_PATH,
        catalogue.ENVIRONMENT: f"SSL_CERT_FILE={_MOUNT_PATH}/ca.pem",
    }.items():
        create_rule(PolicyRule(setting=setting, effect=RuleEffect.LOCKED, value=value), by=None)
    yield
    assert set(Attempt.objects.values_list("executor", flat=True)) == {ExecutorKind.KUBERNETES}
