"""Environment of terraform and of scripts: the container's own without Terrakube's keys, plus the job's."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from executors.contract.job_data import DATA_VARIABLE, FLAG_VARIABLE, MAX_ENVIRONMENT_STRING_BYTES
from terrakube_site.sentences import marked as _

from .errors import StepFailed

#: Keys of Terrakube itself: its API and tokens, storage, Redis, database. A Secret made for Terrakube's executor image
#: is mounted whole into the container; the commands of a step must not see it.
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

#: Keys of a workspace that configure Terrakube and the pod, and mean nothing to the commands in it.
CONTROL_KEYS = (
    "EPHEMERAL_*",
    "TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR",
    "PVC_CLAIM_NAME",
    "KEEP_JOB_HISTORY*",
    "TERRAKUBE_DEFAULT_EXECUTOR",
    "ENABLE_DYNAMIC_CREDENTIALS_*",
)

_TOKEN_OF = "TF_TOKEN_"  # noqa: S105 - how the names begin
_NAME = re.compile(r"[^=\0]+")
_SHELL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def job_environment(container: Mapping[str, str], job: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for every command of the step; raise StepFailed for a value that Linux cannot pass on."""
    environment = {key: value for key, value in container.items() if not _matches(key, TERRAKUBE_KEYS + CONTROL_KEYS)}
    environment.update((key, value) for key, value in job.items() if not _matches(key, CONTROL_KEYS))
    for key, value in job.items():
        if key in environment:
            _check(key, value)
    environment.setdefault("CHECKPOINT_DISABLE", "1")
    return environment


def drop_unusable_paths(environment: dict[str, str], folder: Path, *, say: Callable[[str], object]) -> None:
    """Drop settings with which terraform would not start in `folder`; `say` gets a line for each.

    Call it right before init: what they name may be in the source, or made by a script.
    """
    config = environment.get("TF_CLI_CONFIG_FILE")
    if config and not (folder / config).is_file():
        say(f"TF_CLI_CONFIG_FILE names {config}, which does not exist: not used.")
        del environment["TF_CLI_CONFIG_FILE"]
    cache = environment.get("TF_PLUGIN_CACHE_DIR")
    if cache and not _usable(folder / cache):
        say(f"TF_PLUGIN_CACHE_DIR names {cache}, which cannot be written: providers are not cached.")
        del environment["TF_PLUGIN_CACHE_DIR"]


def add_host_tokens(environment: dict[str, str], tokens: Mapping[str, str]) -> None:
    """Add a token for each host as terraform reads it, unless the environment has one for this host already."""
    known = {_host(name) for name in environment if name.startswith(_TOKEN_OF)}
    for host, token in tokens.items():
        if host.lower() not in known:
            environment[_TOKEN_OF + host.replace("-", "__").replace(".", "_")] = token


def _host(name: str) -> str:
    """Return the host that a variable of terraform's gives a token for."""
    return name.removeprefix(_TOKEN_OF).replace("__", "-").replace("_", ".").lower()


def fits(name: str, value: str) -> bool:
    """Return True if Linux can pass the variable to a program."""
    return len(name.encode()) + 1 + len(value.encode(errors="replace")) <= MAX_ENVIRONMENT_STRING_BYTES


def is_shell_name(name: str) -> bool:
    """Return True if bash can read a variable of this name."""
    return bool(_SHELL_NAME.fullmatch(name))


def read_temp_environment(path: Path) -> dict[str, str]:
    """Read the `K=V` lines that a script left for later commands; {} if there is no file."""
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
            "bad-variables",
            _("The environment variable {name} contains a NUL character, which no program can receive."),
            name=repr(key),
        )
    if not fits(key, value):
        raise StepFailed(
            "bad-variables",
            _("The environment variable {name} takes {size} bytes; Linux allows 128 KiB."),
            name=key,
            size=len(value.encode()),
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
