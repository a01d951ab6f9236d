"""The environment of terraform and of scripts: the container's own, without what is Terrakube's, plus the job's."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from executors.job_data import DATA_VARIABLE, FLAG_VARIABLE, MAX_ENVIRONMENT_STRING_BYTES

from .errors import StepFailed

#: Terrakube's own keys: of the API and its tokens, of storage, Redis and the database. A Secret that was made for
#: Terrakube's executor image is mounted whole into the container; what the step runs has no business with it.
TERRAKUBE_KEYS = (
    FLAG_VARIABLE,
    DATA_VARIABLE,
    "InternalSecret",
    "PatSecret",
    "AzBuilder*",
    "Executor*",
    "TerrakubeApiUrl",
    "TerrakubeRegistryDomain",
    "TerrakubeRedis*",
    "TerrakubeEncryption*",
    "TerraformStateType",
    "TerraformOutputType",
    "StorageType",
    "Aws[A-Z]*",
    "Azure[A-Z]*",
    "Gcp[A-Z]*",
    "CustomReleaseGithubToken",
    "Datasource*",
    "ApiDataSourceType",
    "DynamicCredential*",
    "DexClient*",
    "DexIssuer*",
    "TERRAKUBE_ADMIN_GROUP",
    "LogViaApi",
)

#: Keys of a workspace that steer Terrakube and the pod, and mean nothing to what runs in it.
CONTROL_KEYS = (
    "EPHEMERAL_*",
    "TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR",
    "PVC_CLAIM_NAME",
    "KEEP_JOB_HISTORY*",
    "TERRAKUBE_DEFAULT_EXECUTOR",
    "ENABLE_DYNAMIC_CREDENTIALS_*",
)

_NAME = re.compile(r"[^=\0]+")
_SHELL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def job_environment(
    container: Mapping[str, str], job: Mapping[str, str], *, say: Callable[[str], object]
) -> dict[str, str]:
    """The environment for everything that the step runs; raises StepFailed for a value that Linux cannot pass on.

    `say` hears of settings that could not be kept.
    """
    environment = {key: value for key, value in container.items() if not _matches(key, TERRAKUBE_KEYS + CONTROL_KEYS)}
    environment.update((key, value) for key, value in job.items() if not _matches(key, CONTROL_KEYS))
    for key, value in job.items():
        if key in environment:
            _check(key, value)
    environment.setdefault("CHECKPOINT_DISABLE", "1")
    config = environment.get("TF_CLI_CONFIG_FILE")
    if config and not Path(config).is_file():
        say(f"TF_CLI_CONFIG_FILE names {config}, which does not exist: not used.")
        del environment["TF_CLI_CONFIG_FILE"]
    cache = environment.get("TF_PLUGIN_CACHE_DIR")
    if cache and not _usable(Path(cache)):
        say(f"TF_PLUGIN_CACHE_DIR names {cache}, which cannot be written: providers are not cached.")
        del environment["TF_PLUGIN_CACHE_DIR"]
    return environment


def fits(name: str, value: str) -> bool:
    """Whether Linux can hand the variable to a program."""
    return len(name.encode()) + 1 + len(value.encode(errors="replace")) <= MAX_ENVIRONMENT_STRING_BYTES


def is_shell_name(name: str) -> bool:
    """Whether bash can read a variable of this name."""
    return bool(_SHELL_NAME.fullmatch(name))


def read_temp_environment(path: Path) -> dict[str, str]:
    """The `K=V` lines that a script left for the commands after it; {} when there is no file."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines)
    return {
        key.strip(): value for key, mark, value in pairs if mark and is_shell_name(key.strip()) and fits(key, value)
    }


def _check(key: str, value: str) -> None:
    if not _NAME.fullmatch(key) or "\0" in value:
        raise StepFailed(
            "bad-variables", f"The environment variable {key!r} holds a character that no program can get."
        )
    if not fits(key, value):
        raise StepFailed(
            "bad-variables",
            f"The environment variable {key} takes {len(value.encode())} bytes; Linux allows 128 KiB.",
        )


def _matches(key: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(key, pattern) for pattern in patterns)


def _usable(path: Path) -> bool:
    probe = path / ".terrakube-probe"
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True
