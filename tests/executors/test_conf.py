"""The installation's settings: Terrakube's names and defaults, strict reading, and what is told at start."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core.checks import ERROR, WARNING

from executors.installation import settings
from terrakube_site.env import SettingErrors

SETTINGS = {setting.name: setting for setting in settings.EXECUTORS.settings}


def refusal(**environ: str) -> str:
    with pytest.raises(SettingErrors) as caught:
        settings.read(environ)
    return str(caught.value)


def pem(directory: Path, *, private_key: bool = False, copies: int = 1) -> str:
    """Write a certificate of a made-up authority and return the path of its file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + timedelta(days=1))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    content = certificate * copies
    if private_key:
        content += key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    path = directory / "ca.pem"
    path.write_bytes(content)
    return str(path)


def test_nothing_set_gives_terrakubes_defaults() -> None:
    found = settings.read({})
    assert found.namespace == "terrakube"
    assert found.image == "azbuilder/executor:2.22.0"
    assert found.secrets == ("terrakube-executor-secrets",)
    assert found.node_selector == {}


def test_nothing_set_gives_our_defaults() -> None:
    found = settings.read({})
    assert (found.deadline_seconds, found.ttl_seconds, found.start_timeout_seconds) == (21600, 600, 600)
    assert (found.grace_seconds, found.termination_grace_seconds(may_change=False)) == (120, 150)
    assert (found.heartbeat_seconds, found.lost_after_seconds) == (5, 900)
    assert (found.max_attempts, found.outage_seconds) == (3, 300)
    assert (found.image_pull_policy, found.image_pull_secrets, found.token_secret) == (None, (), "auto")
    assert (found.api_url, found.ca_bundle, found.local_api_url) == (None, None, "http://127.0.0.1:8000")


def test_what_is_set_counts() -> None:
    found = settings.read(
        {
            "ExecutorEphemeralNamespace": "jobs",
            "ExecutorEphemeralImage": "registry.example:5000/team/executor:1.2@sha256:" + "a" * 64,
            "ExecutorEphemeralSecret": "one, two,,one",
            "ExecutorEphemeralDeadlineSeconds": "2h",
            "ExecutorEphemeralImagePullPolicy": "Never",
            "ExecutorEphemeralImagePullSecrets": "pull",
            "ExecutorEphemeralTokenSecret": "never",
            "AzBuilderApiUrl": "http://terrakube-api:8080/",
            "ExecutorLocalWorkDir": "/srv/work",
        }
    )
    assert found.namespace == "jobs"
    assert found.image.startswith("registry.example:5000/team/executor:1.2@sha256:")
    assert found.secrets == ("one", "two")
    assert found.deadline_seconds == 7200
    assert (found.image_pull_policy, found.image_pull_secrets, found.token_secret) == ("Never", ("pull",), "never")
    assert found.api_url == "http://terrakube-api:8080"
    assert found.local_work_dir == Path("/srv/work")


def test_executors_on_this_machine_work_in_the_data_folder() -> None:
    assert settings.read({"TERRAKUBE_DATA_DIR": "/srv/data"}).local_work_dir == Path("/srv/data/executor")
    beside_manage_py = Path(__file__).resolve().parents[2] / "var"
    assert settings.read({}).local_work_dir == beside_manage_py / "executor"


def test_an_empty_list_of_secrets_is_none() -> None:
    assert settings.read({"ExecutorEphemeralSecret": ""}).secrets == ()
    assert settings.read({"ExecutorEphemeralSecret": " , "}).secrets == ()


@pytest.mark.parametrize("name", SETTINGS)
def test_every_other_empty_setting_is_as_good_as_unset(name: str) -> None:
    if name != "ExecutorEphemeralSecret":
        assert settings.read({name: " "}) == settings.read({})


@pytest.mark.parametrize("name", [name for name, setting in SETTINGS.items() if setting.shown_default is not None])
def test_the_documented_default_is_the_default(name: str) -> None:
    assert settings.read({name: SETTINGS[name].shown_default or ""}) == settings.read({})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ExecutorEphemeralNamespace", "Terra_Kube", "a name, which must contain only lowercase letters"),
        ("ExecutorEphemeralImage", "has space:1", "an image such as"),
        ("ExecutorEphemeralImage", "Upper/Case:1", "an image such as"),
        ("ExecutorEphemeralSecret", "Bad_Name", "names, each of which must contain"),
        ("ExecutorEphemeralImagePullSecrets", "Bad_Name", "names, each of which must contain"),
        ("ExecutorEphemeralDeadlineSeconds", "soon", "a number of seconds from 60 to"),
        ("ExecutorEphemeralTtlSeconds", "59", "a number of seconds from 60 to"),
        ("ExecutorEphemeralStartTimeoutSeconds", "1", "a number of seconds from 10 to"),
        ("ExecutorEphemeralGraceSeconds", "0", "a number of seconds from 1 to"),
        ("ExecutorEphemeralJobData", "Inline", "one of auto, inline, claim"),
        ("ExecutorEphemeralImagePullPolicy", "always", "one of Always, IfNotPresent, Never"),
        ("ExecutorEphemeralTokenSecret", "yes", "one of auto, always, never"),
        ("AzBuilderApiUrl", "terrakube-api:8080", "an address such as"),
        ("ExecutorLocalApiUrl", "localhost", "an address such as"),
        ("ExecutorLocalWorkDir", "work", "an absolute path"),
        ("ExecutorHeartbeatSeconds", "61", "a number of seconds from 1 to 60"),
        ("ExecutorLostAfterSeconds", "5", "a number of seconds from 30 to"),
        ("ExecutorMaxAttempts", "0", "a whole number from 1 to 20"),
        ("ExecutorOutageSeconds", "-1", "a number of seconds from 1 to"),
        ("ExecutorApiCaBundle", "/nowhere/ca.pem", "No such file or directory"),
        ("ExecutorEphemeralNodeSelector", "a=b;c d=e", '"c d" must contain only letters'),
    ],
)
def test_a_wrong_setting_is_refused(name: str, value: str, words: str) -> None:
    said = refusal(**{name: value})
    assert said.startswith(f'{name} is "{value if name != "ExecutorEphemeralSecret" else "Bad_Name"}"; allowed is ')
    assert words in said
    assert "\n" not in said


def test_all_that_is_wrong_is_told_at_once() -> None:
    said = refusal(ExecutorEphemeralNamespace="A", ExecutorMaxAttempts="0", AzBuilderApiUrl="x")
    assert [line.split(" ")[0] for line in said.splitlines()] == [
        "ExecutorEphemeralNamespace",
        "AzBuilderApiUrl",
        "ExecutorMaxAttempts",
    ]


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        (
            {"ExecutorEphemeralDeadlineSeconds": "600"},
            'ExecutorEphemeralDeadlineSeconds is "600"; allowed is more than the 600 seconds of '
            "ExecutorEphemeralStartTimeoutSeconds.",
        ),
        (
            {"ExecutorLostAfterSeconds": "100"},
            'ExecutorLostAfterSeconds is "100"; allowed is more than the 300 seconds of ExecutorOutageSeconds.',
        ),
    ],
)
def test_times_that_contradict_each_other_are_refused(environ: dict[str, str], words: str) -> None:
    assert refusal(**environ) == words


# --- the image decides how data reaches the pod ---


@pytest.mark.parametrize(
    "image",
    [
        "azbuilder/executor",
        "azbuilder/executor:2.30.1",
        "docker.io/azbuilder/executor:2.30.1",
        "registry:5000/azbuilder/executor:2.30.1@sha256:" + "0" * 64,
        "registry:5000/azbuilder/executor",
        "mirror.example/docker.io/azbuilder/executor@sha256:" + "0" * 64,
    ],
)
def test_terrakubes_image_gets_its_data_inline(image: str) -> None:
    found = settings.read({"ExecutorEphemeralImage": image})
    assert found.is_terrakube_image
    assert found.job_data_mode == "inline"


@pytest.mark.parametrize(
    "image",
    ["terrakube-site/executor:1", "azbuilder/executor-debug:1", "myazbuilder/executor", "executor", "a/executor"],
)
def test_every_other_image_claims_its_data(image: str) -> None:
    found = settings.read({"ExecutorEphemeralImage": image})
    assert not found.is_terrakube_image
    assert found.job_data_mode == "claim"
    assert found.terrakube_version is None


@pytest.mark.parametrize("mode", ["inline", "claim"])
@pytest.mark.parametrize("image", ["azbuilder/executor:2.30.1", "our/executor:1"])
def test_a_written_mode_counts_for_every_image(mode: str, image: str) -> None:
    found = settings.read({"ExecutorEphemeralImage": image, "ExecutorEphemeralJobData": mode})
    assert found.job_data_mode == mode


@pytest.mark.parametrize(
    ("tag", "version"),
    [(":2.30.1", (2, 30)), (":v2.9.0-beta.1", (2, 9)), (":latest", None), ("", None), ("@sha256:" + "2" * 64, None)],
)
def test_the_tag_tells_terrakubes_version(tag: str, version: tuple[int, int] | None) -> None:
    assert settings.read({"ExecutorEphemeralImage": f"reg:5/azbuilder/executor{tag}"}).terrakube_version == version


# --- node selector and Terrakube's properties ---

SELECTOR = "-Dio.terrakube.executor.ephemeral.nodeSelector"
OLD_SELECTOR = "-Dorg.terrakube.executor.ephemeral.nodeSelector"


@pytest.mark.parametrize(
    ("options", "selector"),
    [
        (f"{SELECTOR}.diskType=ssd", {"diskType": "ssd"}),
        (f"{OLD_SELECTOR}.diskType=ssd", {"diskType": "ssd"}),
        (
            f"-Xmx512m {SELECTOR}.a=1\n\"{SELECTOR}.b=2\" {SELECTOR}.c='3'",
            {"a": "1", "b": "2", "c": "3"},
        ),
        (f"{SELECTOR}.kubernetes.io/arch=arm64", {"kubernetes.io/arch": "arm64"}),
        (f"{SELECTOR}[kubernetes.io/os]=linux", {"kubernetes.io/os": "linux"}),
        (f"{SELECTOR}.[kubernetes.io/os]=linux", {"kubernetes.io/os": "linux"}),
        (
            f"{SELECTOR}.a=new {OLD_SELECTOR}.a=old",
            {"a": "new"},
        ),
        ("-Dhttp.proxyHost=proxy -Dother.nodeSelector.a=b", {}),
        (rf"-Dpath=C:\dir\ {SELECTOR}.a=1", {"a": "1"}),
        (f"# {SELECTOR}.a=1", {"a": "1"}),
    ],
)
def test_the_node_selector_of_java_options(options: str, selector: dict[str, str]) -> None:
    assert settings.read({"JAVA_TOOL_OPTIONS": options}).node_selector == selector


def test_the_variable_is_merged_over_the_java_options() -> None:
    found = settings.read(
        {"JAVA_TOOL_OPTIONS": f"{SELECTOR}.a=1 {SELECTOR}.b=2", "ExecutorEphemeralNodeSelector": "b=3; c = 4"}
    )
    assert found.node_selector == {"a": "1", "b": "3", "c": "4"}


def test_properties_count_less_than_variables_and_more_than_defaults() -> None:
    options = " ".join(
        f"-Dio.terrakube.executor.ephemeral.{name}={value}"
        for name, value in {"namespace": "from-java", "image": "java/image:1", "secret": "java-a,java-b"}.items()
    )
    found = settings.read({"JAVA_TOOL_OPTIONS": options, "ExecutorEphemeralImage": "from/variable:1"})
    assert found.namespace == "from-java"
    assert found.image == "from/variable:1"
    assert found.secrets == ("java-a", "java-b")


def test_a_wrong_property_is_told_with_its_source() -> None:
    said = refusal(JAVA_TOOL_OPTIONS="-Dio.terrakube.executor.ephemeral.namespace=A_B")
    assert said.startswith('ExecutorEphemeralNamespace in JAVA_TOOL_OPTIONS is "A_B"; allowed is ')
    said = refusal(JAVA_TOOL_OPTIONS=f"{SELECTOR}.a='b c'")
    assert said.startswith(f'JAVA_TOOL_OPTIONS is "{SELECTOR}.a=b c"; allowed is ')


def test_java_options_that_cannot_be_split_are_not_repeated() -> None:
    said = refusal(JAVA_TOOL_OPTIONS="-Dpassword=hunter2 -Da='b")
    assert "hunter2" not in said
    assert "options whose quotation marks are all closed" in said


# --- certificates ---


def test_a_bundle_of_certificates_is_read(tmp_path: Path) -> None:
    found = settings.read({"ExecutorApiCaBundle": pem(tmp_path, copies=2)})
    assert found.ca_bundle is not None
    assert found.ca_bundle.count("-----BEGIN CERTIFICATE-----") == 2


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\xff\xfe", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_file_without_certificates_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(content)
    assert "a readable file of certificates in PEM" in refusal(ExecutorApiCaBundle=str(path))


def test_a_private_key_never_reaches_a_pod(tmp_path: Path) -> None:
    said = refusal(ExecutorApiCaBundle=pem(tmp_path, private_key=True))
    assert "without a private key" in said
    assert "BEGIN" not in said


def test_a_bundle_has_to_fit_into_an_environment_variable(tmp_path: Path) -> None:
    assert "at most 64 KiB" in refusal(ExecutorApiCaBundle=pem(tmp_path, copies=200))


# --- at start ---


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Give an environment in which nothing of ours is set."""
    for name in (*SETTINGS, "JAVA_TOOL_OPTIONS", "KUBECONFIG", "KUBERNETES_SERVICE_HOST", "TERRAKUBE_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    settings.installation.cache_clear()
    yield monkeypatch
    settings.installation.cache_clear()


def test_the_installation_is_read_once(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("ExecutorEphemeralNamespace", "one")
    assert settings.installation().namespace == "one"
    environ.setenv("ExecutorEphemeralNamespace", "two")
    assert settings.installation().namespace == "one"
    settings.installation.cache_clear()
    assert settings.installation().namespace == "two"


def test_nothing_is_said_where_there_is_no_cluster(environ: pytest.MonkeyPatch) -> None:
    assert settings.check_installation() == []


@pytest.mark.parametrize("sign", ["KUBECONFIG", "KUBERNETES_SERVICE_HOST", "ExecutorEphemeralImage"])
def test_a_cluster_without_the_sites_address_is_warned_of(environ: pytest.MonkeyPatch, sign: str) -> None:
    environ.setenv(sign, "some/value")
    [message] = settings.check_installation()
    assert message.level == WARNING
    assert "AzBuilderApiUrl is not set" in message.msg
    environ.setenv("AzBuilderApiUrl", "http://api:8080")
    assert settings.check_installation() == []


def test_each_wrong_setting_is_an_error_at_start(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("ExecutorMaxAttempts", "many")
    environ.setenv("ExecutorEphemeralTtlSeconds", "1")
    messages = settings.check_installation()
    assert [message.level for message in messages] == [ERROR, ERROR]
    assert [re.split(" ", message.msg)[0] for message in messages] == [
        "ExecutorEphemeralTtlSeconds",
        "ExecutorMaxAttempts",
    ]
