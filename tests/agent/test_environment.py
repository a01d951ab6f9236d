"""What terraform and scripts see of the container's environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from executors.agent.environment import drop_unusable_paths, job_environment, read_temp_environment
from executors.agent.errors import StepFailed


def build(
    container: dict[str, str], job: dict[str, str] | None = None, *, folder: Path = Path("/none")
) -> tuple[dict[str, str], list[str]]:
    said: list[str] = []
    environment = job_environment(container, job or {})
    drop_unusable_paths(environment, folder, say=said.append)
    return environment, said


@pytest.mark.parametrize(
    "name",
    [
        "EphemeralFlagBatch", "EphemeralJobData", "InternalSecret", "PatSecret", "AzBuilderApiUrl",
        "TerrakubeRedisPassword", "TerrakubeRedisHostname", "TerrakubeRedisTruststorePassword",
        "AwsStorageSecretKey", "AwsTerraformStateSecretKey", "AwsTerraformOutputAccessKey", "AwsEndpoint",
        "AzureAccountKey", "AzureTerraformStateStorageAccessKey", "GcpStorageCredentialsBase64",
        "GcpTerraformStateCredentials", "DatasourcePassword", "CustomReleaseGithubToken",
        "DynamicCredentialPrivateKeyPath", "EPHEMERAL_JOB_SELECTOR", "TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR",
        "PVC_CLAIM_NAME", "KEEP_JOB_HISTORY", "KEEP_JOB_HISTORY_SOFT_DELETE", "TERRAKUBE_DEFAULT_EXECUTOR",
        "ENABLE_DYNAMIC_CREDENTIALS_AWS",
    ],
)  # fmt: skip
def test_terrakubes_own_keys_are_not_passed_on(name: str) -> None:
    assert name not in build({name: "x"})[0]


@pytest.mark.parametrize(
    "name", ["AWS_ACCESS_KEY_ID", "ARM_CLIENT_SECRET", "GOOGLE_CREDENTIALS", "HTTPS_PROXY", "PATH"]
)
def test_what_providers_and_tools_read_is_passed_on(name: str) -> None:
    assert build({name: "x"})[0][name] == "x"


def test_the_jobs_variables_win_and_its_control_keys_do_not_pass() -> None:
    environment, _ = build({"A": "container", "B": "container"}, {"A": "job", "EPHEMERAL_JOB_ENV_VARS": "x"})
    assert (environment["A"], environment["B"]) == ("job", "container")
    assert "EPHEMERAL_JOB_ENV_VARS" not in environment


def test_terraforms_call_home_is_off_unless_the_job_says_otherwise() -> None:
    assert build({})[0]["CHECKPOINT_DISABLE"] == "1"
    assert build({}, {"CHECKPOINT_DISABLE": ""})[0]["CHECKPOINT_DISABLE"] == ""


def test_a_missing_configuration_file_is_not_named_to_terraform(tmp_path: Path) -> None:
    environment, said = build({"TF_CLI_CONFIG_FILE": str(tmp_path / "none")})
    assert "TF_CLI_CONFIG_FILE" not in environment
    assert "does not exist" in said[0]
    (tmp_path / "there").touch()
    assert "TF_CLI_CONFIG_FILE" in build({"TF_CLI_CONFIG_FILE": str(tmp_path / "there")})[0]


def test_paths_are_those_of_the_folder_in_which_terraform_runs(tmp_path: Path) -> None:
    (tmp_path / "ci.tfrc").touch()
    given = {"TF_CLI_CONFIG_FILE": "ci.tfrc", "TF_PLUGIN_CACHE_DIR": "cache"}
    environment, said = build({}, given, folder=tmp_path)
    assert (environment, said) == ({**given, "CHECKPOINT_DISABLE": "1"}, [])
    assert (tmp_path / "cache").is_dir()


def test_a_plugin_cache_is_made_or_dropped_with_a_word(tmp_path: Path) -> None:
    cache = tmp_path / "new" / "cache"
    assert build({}, {"TF_PLUGIN_CACHE_DIR": str(cache)}) == (
        {"TF_PLUGIN_CACHE_DIR": str(cache), "CHECKPOINT_DISABLE": "1"},
        [],
    )
    assert cache.is_dir()
    (tmp_path / "file").touch()
    environment, said = build({}, {"TF_PLUGIN_CACHE_DIR": str(tmp_path / "file")})
    assert "TF_PLUGIN_CACHE_DIR" not in environment
    assert "cannot be written" in said[0]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [("BIG", "x" * 131_072, "BIG takes 131072 bytes"), ("NUL", "a\0b", "NUL"), ("A=B", "x", "A=B")],
)
def test_what_linux_cannot_pass_on_is_refused_by_name(name: str, value: str, sentence: str) -> None:
    with pytest.raises(StepFailed, match=sentence) as caught:
        build({}, {name: value})
    assert caught.value.reason == "bad-variables"


def test_lines_that_a_script_left_become_variables(tmp_path: Path) -> None:
    path = tmp_path / "env"
    assert read_temp_environment(path) == {}
    path.write_text("A=1\nB=x=y=z\n\nnot a line\n C =3\n1D=4\n")
    assert read_temp_environment(path) == {"A": "1", "B": "x=y=z", "C": "3"}
