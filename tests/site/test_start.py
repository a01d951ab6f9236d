"""What the processes of the site load when they start: each only what it needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tests.support.migrated import copy_migrated

PANEL = {"workspaces.admin.workspaces", "executors.admin.jobs", "unfold.admin"}
PAGES = PANEL | {"terrakube_site.urls", "tfe.urls", "workspaces.api.urls", "rest_framework.views"}
RARELY_USED = {
    "authlib",  # signs in through an issuer
    "boto3",  # Terrakube's storage
    "drf_spectacular",  # builds the description of the REST API
    "jinja2",
    "kubernetes",  # calls a cluster
    "opentelemetry",  # sends traces
    "redis",  # a queue of its own
}
SETUP = "import django; django.setup()"
ADDRESSES = f"{SETUP}; from django.urls import get_resolver; get_resolver().url_patterns"
COMMAND = "from django.core.management import execute_from_command_line as run; run(['manage.py', *{!r}])"
LOADED = "; import sys; print('loaded:', *sorted(sys.modules))"


def loaded(tmp_path: Path, program: str, **environ: str) -> set[str]:
    """Return the modules that a process has loaded at its end, on SQLite."""
    left_out = {"TERRAKUBE_DATABASE_URL", "TerrakubeRedisHostname"}
    environment = {name: text for name, text in os.environ.items() if name not in left_out}
    environment |= {"TERRAKUBE_DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "terrakube_site.settings"}
    done = subprocess.run(
        [sys.executable, "-c", program + LOADED],
        env=environment | environ,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.rpartition("loaded:")[2].split())


def test_an_application_is_ready_without_its_pages(tmp_path: Path) -> None:
    modules = loaded(tmp_path, SETUP)
    assert "workspaces.models.job" in modules
    assert (
        modules & (PAGES | RARELY_USED | {"psycopg", "cryptography.x509", "executors.launching.kubernetes_job"})
        == set()
    )


def test_the_addresses_come_with_the_panel_and_without_what_few_ask_for(tmp_path: Path) -> None:
    modules = loaded(tmp_path, ADDRESSES)
    assert modules >= PAGES
    assert modules & RARELY_USED == set()


@pytest.mark.parametrize(
    ("issuer", "client"),
    [pytest.param("https://issuer.example", "terrakube", id="with-issuer"), pytest.param("", "", id="without")],
)
def test_the_web_process_has_the_client_of_an_issuer_at_hand(tmp_path: Path, issuer: str, client: str) -> None:
    settings_of_issuer = {"DexIssuerUri": issuer, "DexClientId": client}
    modules = loaded(tmp_path, "import terrakube_site.asgi", **settings_of_issuer)
    assert modules >= PAGES
    assert ("authlib" in modules) is bool(issuer)


def test_a_command_loads_no_page(tmp_path: Path) -> None:
    copy_migrated(tmp_path)
    modules = loaded(tmp_path, COMMAND.format(["list_refused_input"]))
    assert "workspaces.management.commands.list_refused_input" in modules
    assert modules & (PAGES | RARELY_USED) == set()


def test_the_check_of_the_panel_finds_its_pages(tmp_path: Path) -> None:
    assert loaded(tmp_path, COMMAND.format(["check", "--tag", "admin"])) >= PANEL


@pytest.mark.parametrize("command", ["qcluster", "up", "create_token", "seed_example"])
def test_a_command_refuses_settings_that_are_not_allowed(tmp_path: Path, command: str) -> None:
    environment = os.environ | {"TERRAKUBE_DATA_DIR": str(tmp_path), "ExecutorEphemeralNamespace": "Not A Name"}
    arguments = ["--user", "admin"] if command == "create_token" else []
    done = subprocess.run(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), command, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "(executors.E001) ExecutorEphemeralNamespace" in done.stderr


@pytest.mark.parametrize(
    ("environ", "is_loaded"),
    [
        pytest.param({"KUBECONFIG": "{folder}/missing"}, False, id="no-kubeconfig"),
        pytest.param({"KUBECONFIG": "{folder}/missing:{folder}/there"}, True, id="kubeconfig"),
        pytest.param({"HOME": "{folder}"}, True, id="kubeconfig-at-home"),
        pytest.param({"HOME": "{folder}/missing"}, False, id="nothing-at-home"),
        pytest.param({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBECONFIG": ""}, True, id="service-account"),
    ],
)
def test_a_worker_without_a_cluster_leaves_its_client_out(
    tmp_path: Path, environ: dict[str, str], is_loaded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    for path in (tmp_path / "there", tmp_path / ".kube" / "config"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    said = {name: text.format(folder=tmp_path) for name, text in environ.items()}
    program = f"import sys; sys.argv = ['manage.py', 'qcluster']; {SETUP}"
    modules = loaded(tmp_path, program, **said)
    assert "executors.tasks" in modules
    assert ("kubernetes" in modules) is is_loaded
