"""What the chart makes of values: its own, the guide's, those of Terrakube's chart, and wrong ones."""

from __future__ import annotations

import base64
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from executors.installation.settings import read
from tests.deploy.chart import (
    CHART,
    DATABASE,
    DEPLOY,
    KUBERNETES,
    NAME,
    NAMESPACE,
    VALUES,
    Values,
    environment,
    helm,
    kinds,
    leaves,
    one,
    pods,
    refusal,
    render,
)

pytestmark = pytest.mark.helm

TRIAL: Values = {"trial": {"enabled": True}}
EPHEMERAL: Values = {
    "api": {"serviceAccountName": "terrakube-api-service-account", "ephemeralExecution": {"enabled": True}}
}
JOBS = {
    "apiGroups": ["batch"],
    "resources": ["jobs"],
    "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"],
}


def guide(name: str) -> Values:
    values: Values = yaml.safe_load((VALUES / f"guide-{name}.yaml").read_text(encoding="utf-8"))
    return values


def shipped_values() -> Values:
    values: Values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    return values


# ---- the chart as a whole -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [TRIAL, DATABASE], ids=["trial", "production"])
def test_helm_finds_nothing_wrong_with_the_chart(values: Values) -> None:
    answer = helm("lint", str(CHART), "--strict", "--kube-version", KUBERNETES, values=values)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_chart_images_and_package_have_one_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    package = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert chart["appVersion"] == package
    for image in ("site", "executor"):
        assert f"ARG VERSION={package}\n" in (DEPLOY / image / "Dockerfile").read_text(encoding="utf-8")


def test_the_case_of_every_value_has_every_value() -> None:
    every = yaml.safe_load((VALUES / "every.yaml").read_text(encoding="utf-8"))
    said = leaves(every)
    for path in leaves(shipped_values()):
        below = {leaf for leaf in said if leaf[: len(path)] == path}
        assert below, f"{'.'.join(path)} is not in every.yaml"


def test_every_documented_value_is_taken() -> None:
    objects = render(files=(VALUES / "every.yaml",))
    found = pods(objects)
    web = found["infra-terrakube-web"]
    said = environment(web)
    assert web["containers"][0]["image"] == "registry.example.com:5000/infra/terrakube-site:0.2.0-rc.1"
    assert said["TerrakubeApiUrl"] == "https://terrakube.example.com"
    assert said["TERRAKUBE_ALLOWED_HOSTS"].split(",")[-2:] == ["terrakube.example.com", "10.0.0.10"]
    assert said["DexIssuerUri"] == "https://sso.example.com/dex"
    connections = one(objects, "Secret", "infra-terrakube-connections")["stringData"]
    assert connections["TERRAKUBE_DATABASE_URL"] == (
        "postgresql://terrakube:p%40ss%20word%2F1@postgres.example.com:5433/terrakube?sslmode=require"
    )
    installation = read(said)
    assert (installation.image, installation.secrets) == (
        "azbuilder/executor:2.30.2",
        ("terrakube-executor-secrets", "proxy"),
    )
    assert (installation.deadline_seconds, installation.ttl_seconds) == (3600, 300)
    assert {installation.termination_grace_seconds(may_change=changes) for changes in (True, False)} == {90}
    keys = one(objects, "Secret", "infra-terrakube-keys")["data"]
    assert base64.b64decode(keys["InternalSecret"]).decode() == "an-internal-secret-of-more-than-32-characters"
    assert {each["kind"] for each in objects} >= {"HorizontalPodAutoscaler", "Ingress", "NetworkPolicy", "Role"}
    assert "PodDisruptionBudget" not in kinds(objects)
    assert "replicas" not in one(objects, "Deployment", "infra-terrakube-web")["spec"]


# ---- what every pod of it is like -----------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [TRIAL, DATABASE], ids=["trial", "production"])
def test_no_process_is_root_or_writes_where_it_lies(values: Values) -> None:
    found = pods(render(values))
    assert found
    for name, pod in found.items():
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/tmp", "/data"}, name


def test_web_worker_and_watcher_are_spread_kept_and_probed() -> None:
    objects = render(DATABASE)
    for kind in ("web", "worker", "watcher"):
        name = f"{NAME}-{kind}"
        pod = pods(objects)[name]
        assert (
            pod["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] == kind
        )
        assert one(objects, "PodDisruptionBudget", name)["spec"]["maxUnavailable"] == 1
        (container,) = pod["containers"]
        assert container["args"] == [kind]
        assert container["livenessProbe"]
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert one(objects, "Deployment", f"{NAME}-watcher")["spec"]["replicas"] == 2


def test_the_database_is_brought_up_to_date_after_the_install_and_before_an_upgrade() -> None:
    job = one(render(DATABASE), "Job")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "post-install,pre-upgrade"
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["manage", "migrate", "--no-input"]


def test_a_trial_is_one_pod_with_a_volume_and_no_service_beside_it() -> None:
    objects = render(TRIAL)
    assert not {"Deployment", "Job", "PodDisruptionBudget"} & set(kinds(objects))
    trial = one(objects, "StatefulSet")["spec"]
    assert (trial["replicas"], trial["volumeClaimTemplates"][0]["spec"]["accessModes"]) == (1, ["ReadWriteOnce"])
    without = one(render(TRIAL, {"trial": {"storage": ""}}), "StatefulSet")["spec"]
    assert "volumeClaimTemplates" not in without
    assert {"name": "data", "emptyDir": {}} in without["template"]["spec"]["volumes"]


def test_keys_are_made_and_outlive_the_release() -> None:
    first, second = (one(render(DATABASE), "Secret", f"{NAME}-keys") for _ in range(2))
    assert first["metadata"]["annotations"] == {
        "helm.sh/hook": "pre-install,pre-upgrade",
        "helm.sh/resource-policy": "keep",
    }
    assert first["data"].keys() == {"TERRAKUBE_SECRET_KEY", "TERRAKUBE_ENCRYPTION_KEYS", "InternalSecret", "PatSecret"}
    for name, value in first["data"].items():
        # An encryption key has just that length.
        length = 48 if name == "TERRAKUBE_SECRET_KEY" else 32
        assert len(base64.urlsafe_b64decode(base64.b64decode(value))) == length, name
        assert value != second["data"][name], f"{name} is the same in two installations"
    objects = render(DATABASE, {"security": {"existingSecret": "own"}})
    assert "Secret" not in kinds(objects)
    assert pods(objects)[f"{NAME}-web"]["containers"][0]["envFrom"] == [{"secretRef": {"name": "own"}}]


# ---- rights and network ---------------------------------------------------------------------------------------------


def test_the_guides_account_role_and_binding_are_those_of_the_manifest_for_installations_without_helm() -> None:
    objects = render(DATABASE, EPHEMERAL)
    for wanted in yaml.safe_load_all((DEPLOY / "rbac.yaml").read_text(encoding="utf-8")):
        if wanted["kind"] == "RoleBinding" and wanted["metadata"]["name"].endswith("-pods-binding"):
            wanted["metadata"]["name"] = "terrakube-api-role-binding-pods"
        found = one(objects, wanted["kind"], wanted["metadata"]["name"])
        assert found.get("rules") == wanted.get("rules")
        assert found.get("roleRef") == wanted.get("roleRef")
        for subject in found.get("subjects", []):
            assert subject.pop("namespace") == NAMESPACE
        assert found.get("subjects") == wanted.get("subjects")
    least = render(DATABASE, EPHEMERAL, {"api": {"rbac": {"optionalRole": False}}})
    assert [each["rules"] for each in least if each["kind"] == "Role"] == [[JOBS]]


def test_without_ephemeral_execution_no_rights_are_made() -> None:
    assert not {"ServiceAccount", "Role", "RoleBinding"} & set(kinds(render(DATABASE)))
    made = render(DATABASE, {"api": {"serviceAccountName": "tf", "rbac": {"create": True}}})
    assert one(made, "ServiceAccount")["metadata"]["name"] == "tf"


def test_executors_reach_the_site_and_names_and_the_internet_but_no_metadata() -> None:
    policy = one(render(DATABASE), "NetworkPolicy", f"{NAME}-executors")["spec"]
    assert policy["podSelector"] == {"matchLabels": {"app.kubernetes.io/managed-by": "terrakube-site"}}
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policy
    site, names, internet = policy["egress"]
    assert site["to"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "web"
    assert {port["port"] for port in names["ports"]} == {53}
    blocks = {each["ipBlock"]["cidr"]: each["ipBlock"]["except"] for each in internet["to"]}
    assert "169.254.169.254/32" in blocks["0.0.0.0/0"]
    assert "fd00:ec2::254/128" in blocks["::/0"]


def test_where_the_internet_is_closed_executors_reach_the_site_names_and_what_is_allowed() -> None:
    rule = {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 443}]}
    values = {"networkPolicy": {"internet": False, "extraEgress": [rule]}}
    egress = one(render(DATABASE, values), "NetworkPolicy", f"{NAME}-executors")["spec"]["egress"]
    assert egress[2:] == [rule]


# ---- the guide's own snippets, as they are --------------------------------------------------------------------------


@pytest.mark.parametrize("base", [TRIAL, DATABASE], ids=["trial", "production"])
def test_the_guides_automatic_configuration_works_as_it_is(base: Values) -> None:
    objects = render(base, guide("automatic"))
    assert one(objects, "Role", "terrakube-api-role")["rules"] == [JOBS]
    assert one(objects, "RoleBinding", "terrakube-api-role-binding")["subjects"] == [
        {"kind": "ServiceAccount", "name": "terrakube-api-service-account", "namespace": NAMESPACE}
    ]
    for name, pod in pods(objects).items():
        assert pod["serviceAccountName"] == "terrakube-api-service-account", name
        installation = read(environment(pod))
        assert (installation.namespace, installation.image) == (NAMESPACE, "terrakube-executor:0.1.0"), name
        assert installation.api_url == f"http://{NAME}.{NAMESPACE}.svc:8080", name


@pytest.mark.parametrize("base", [TRIAL, DATABASE], ids=["trial", "production"])
def test_the_guides_manual_configuration_works_as_it_is(base: Values) -> None:
    objects = render(base, guide("manual"))
    assert not {"ServiceAccount", "Role", "RoleBinding"} & set(kinds(objects)), "the guide has them made by hand"
    for name, pod in pods(objects).items():
        assert pod["serviceAccountName"] == "terrakube-api-service-account", name
        assert pod["containers"][0]["image"] == "terrakube-site:0.1.0", "azbuilder/api-server is another program"
        installation = read(environment(pod))
        assert installation.namespace == "terrakube"
        assert (installation.image, installation.terrakube_version) == ("azbuilder/executor:2.22.0", (2, 22))
        assert installation.secrets == ("terrakube-executor-secrets",)


def test_the_guides_node_selector_works_as_it_is() -> None:
    for pod in pods(render(DATABASE, guide("node-selector"))).values():
        assert read(environment(pod)).node_selector == {"diskType": "ssd", "nodeType": "spot"}


def test_the_guides_job_controls_work_as_they_are() -> None:
    objects = render(DATABASE, guide("automatic"), guide("job-controls"))
    installation = read(environment(pods(objects)[f"{NAME}-worker"]))
    assert installation.deadline_seconds == 3600
    assert {installation.termination_grace_seconds(may_change=changes) for changes in (True, False)} == {60}
    assert installation.ttl_seconds == 300


def test_what_api_env_says_wins_over_what_the_chart_says() -> None:
    own = [{"name": "ExecutorEphemeralImage", "value": "registry.example.com/executor:1"}]
    said = environment(pods(render(DATABASE, EPHEMERAL, {"api": {"env": own}}))[f"{NAME}-worker"])
    assert said["ExecutorEphemeralImage"] == "registry.example.com/executor:1"


def test_values_of_terrakubes_chart_for_parts_that_are_not_here_do_no_harm() -> None:
    theirs: Values = {
        "name": "terrakube",
        "openldap": {"podLabels": {}},
        "dex": {"enabled": False},
        "storage": {"defaultStorage": True},
        "postgresql": {"auth": {"username": "terrakube"}},
        "redis": {"architecture": "standalone", "auth": {"enabled": True}},
        "registry": {"enabled": True},
        "ui": {"enabled": False},
        "security": {"useOpenLDAP": True, "dexClientScope": "email openid", "existingSecret": False},
        "api": {"enabled": True, "existingSecret": False, "replicaCount": "2", "defaultRedis": False},
        "executor": {"enabled": True, "apiServiceUrl": "http://terrakube-api-service:8080"},
        "ingress": {
            "useTls": True,
            "includeTlsHosts": True,
            "ui": {"domain": "terrakube-ui.example.com"},
            "api": {
                "enabled": True,
                "domain": "terrakube-api.example.com",
                "ingressClassName": "nginx",
                "tlsSecretName": "tls-secret-api-terrakube",
            },
        },
    }
    objects = render(DATABASE, theirs)
    assert one(objects, "Deployment", f"{NAME}-web")["spec"]["replicas"] == 2
    ingress = one(objects, "Ingress")["spec"]
    assert ingress["rules"][0]["host"] == "terrakube-api.example.com"
    assert ingress["tls"] == [{"hosts": ["terrakube-api.example.com"], "secretName": "tls-secret-api-terrakube"}]
    said = environment(pods(objects)[f"{NAME}-web"])
    assert said["TerrakubeApiUrl"] == "https://terrakube-api.example.com"


# ---- what is refused ------------------------------------------------------------------------------------------------

WRONG: list[tuple[Values, str]] = [
    ({"api": {"replicaCout": 2}}, "'replicaCout'"),
    ({"replicas": 2}, "'replicas'"),
    ({"api": {"port": 80800}}, "/api/port"),
    ({"api": {"image": "terrakube-site:0.1.0"}}, "/api/image"),
    ({"api": {"pullPolicy": "Sometimes"}}, "/api/pullPolicy"),
    ({"api": {"env": [{"name": "TERRAKUBE_WORKERS", "value": 4}]}}, "/api/env/0/value"),
    ({"api": {"env": {"TERRAKUBE_WORKERS": "4"}}}, "/api/env"),
    ({"api": {"ephemeralExecution": {"backoffLimit": "3"}}}, "/api/ephemeralExecution/backoffLimit"),
    (
        {"api": {"ephemeralExecution": {"ttlSecondsAfterFinished": 30}}},
        "/api/ephemeralExecution/ttlSecondsAfterFinished",
    ),
    ({"api": {"serviceAccountName": "Terrakube API"}}, "/api/serviceAccountName"),
    ({"api": {"resources": {"limits": {"memory": "1 GB"}}}}, "/api/resources/limits/memory"),
    ({"api": {"properties": {"databaseType": "SQL_AZURE"}}}, "/api/properties/databaseType"),
    ({"worker": {"workers": 0}}, "/worker/workers"),
    ({"watcher": {"replicaCount": -1}}, "/watcher/replicaCount"),
    ({"publicUrl": "terrakube.example.com"}, "/publicUrl"),
    ({"security": {"internalSecret": "AxxPdgpCi72f8WhMXCTGhtfMRp6AuBfj"}}, "/security/internalSecret"),
    ({"security": {"patSecret": "short"}}, "/security/patSecret"),
    ({"networkPolicy": {"blockedCidrs": ["169.254.169.254"]}}, "/networkPolicy/blockedCidrs/0"),
    ({"service": {"type": "ExternalName"}}, "/service/type"),
    ({"trial": {"enabled": "yes"}}, "/trial/enabled"),
]


@pytest.mark.parametrize(("wrong", "name"), WRONG, ids=[name for _, name in WRONG])
def test_a_wrong_value_is_refused_by_its_name(wrong: Values, name: str) -> None:
    assert name in refusal(DATABASE, wrong)


def test_what_is_missing_is_said_by_its_name() -> None:
    assert "database.existingSecret is empty" in refusal({})
    assert "api.serviceAccountName is empty" in refusal(DATABASE, {"api": {"ephemeralExecution": {"enabled": True}}})
    assert "ingress.host is empty" in refusal(DATABASE, {"ingress": {"enabled": True}})


def test_the_schema_knows_every_value_of_the_chart() -> None:
    schema: dict[str, Any] = json.loads(Path(CHART / "values.schema.json").read_text(encoding="utf-8"))

    def known(node: dict[str, Any], path: tuple[str, ...]) -> bool:
        if not path:
            return True
        below = node.get("properties", {}).get(path[0])
        return below is not None and known(below, path[1:])

    unknown = [path for path in leaves(shipped_values()) if len(path) < 4 and not known(schema, path)]
    assert unknown == []
