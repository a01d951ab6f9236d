"""EphemeralJobData: the input of one step's pod, as dataclasses and as the text of its environment variable.

Two forms exist. The *claim* form carries only an address and a one-time token; the job data itself is the answer to
the claim. The *inline* form carries Terrakube's own fields: for Terrakube's executor image exactly those that its
version knows (it hangs on an unknown field), for ours the address and token as well.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FLAG_VARIABLE = "EphemeralFlagBatch"
DATA_VARIABLE = "EphemeralJobData"

#: Linux limits one `NAME=value` string of an environment to 128 KiB, including its end byte.
MAX_ENVIRONMENT_STRING_BYTES = 131_071

#: The first Terrakube version whose executor knows a field; older ones hang on it.
_TOP_FIELD_SINCE = {"connectionType": (2, 23), "ignoreError": (2, 24), "onFailureList": (2, 30)}
_COMMAND_FIELD_SINCE = {"beforeInit": (2, 28)}


class JobDataError(ValueError):
    """The job data is invalid; the text is one sentence and holds no value of the data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One script of a step. `runtime` is `BASH` or `GROOVY`; lower `priority` runs first."""

    runtime: str
    script: str
    priority: int = 0
    before: bool = False
    after: bool = False
    before_init: bool = False
    verbose: bool = False

    @classmethod
    def from_json(cls, raw: object, where: str) -> Command:
        """Parse one element of commandList or onFailureList; `where` names it in the error."""
        data = _object(raw, where)
        runtime = _text(data, "runtime", where).upper()
        if runtime not in ("BASH", "GROOVY"):
            raise JobDataError(f"{where}.runtime must be BASH or GROOVY.")
        return cls(
            runtime=runtime,
            script=_text(data, "script", where),
            priority=_integer(data, "priority", where),
            before=_flag(data, "before", where),
            after=_flag(data, "after", where),
            before_init=_flag(data, "beforeInit", where),
            verbose=_flag(data, "verbose", where),
        )

    def to_json(self, version: tuple[int, int] | None = None) -> dict[str, Any]:
        """Return the JSON object; `version` leaves out fields that this Terrakube executor does not know."""
        return _without_newer(
            {
                "runtime": self.runtime,
                "script": self.script,
                "priority": self.priority,
                "before": self.before,
                "after": self.after,
                "beforeInit": self.before_init,
                "verbose": self.verbose,
            },
            _COMMAND_FIELD_SINCE,
            version,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobData:
    """Everything that the executor needs to run one step. None is JSON's null."""

    type: str
    organization_id: str
    workspace_id: str
    job_id: str
    step_id: str
    terraform_version: str
    source: str
    branch: str
    vcs_type: str = "PUBLIC"
    folder: str = "/"
    connection_type: str | None = None
    refresh: bool = True
    refresh_only: bool = False
    show_header: bool = True
    ignore_error: bool = False
    access_token: str | None = field(default=None, repr=False)
    module_ssh_key: str | None = field(default=None, repr=False)
    commit_id: str | None = None
    tofu: bool = False
    environment_variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    command_list: tuple[Command, ...] | None = None
    on_failure_list: tuple[Command, ...] | None = None

    @classmethod
    def from_json(cls, raw: object) -> JobData:
        """Parse the JSON object of one step.

        Unknown fields are ignored, so that an older executor can serve a newer API. Raises JobDataError naming the
        first field that is missing or of the wrong type.
        """
        data = _object(raw, "the job data")
        where = "job data"
        return cls(
            type=_text(data, "type", where),
            organization_id=_text(data, "organizationId", where),
            workspace_id=_text(data, "workspaceId", where),
            job_id=_text(data, "jobId", where),
            step_id=_text(data, "stepId", where),
            terraform_version=_text(data, "terraformVersion", where),
            source=_text(data, "source", where, default=""),
            branch=_text(data, "branch", where, default=""),
            vcs_type=_text(data, "vcsType", where, default="PUBLIC"),
            folder=_text(data, "folder", where, default="/"),
            connection_type=_optional_text(data, "connectionType", where),
            refresh=_flag(data, "refresh", where, default=True),
            refresh_only=_flag(data, "refreshOnly", where),
            show_header=_flag(data, "showHeader", where, default=True),
            ignore_error=_flag(data, "ignoreError", where),
            access_token=_optional_text(data, "accessToken", where),
            module_ssh_key=_optional_text(data, "moduleSshKey", where),
            commit_id=_optional_text(data, "commitId", where),
            tofu=_flag(data, "tofu", where),
            environment_variables=_texts(data, "environmentVariables", where),
            variables=_texts(data, "variables", where),
            command_list=_commands(data, "commandList"),
            on_failure_list=_commands(data, "onFailureList"),
        )

    def to_json(self, version: tuple[int, int] | None = None) -> dict[str, Any]:
        """Return the JSON object with Terrakube's field names, null values included.

        `version` is that of a Terrakube executor image, such as (2, 29): newer fields are left out. None means all
        fields.
        """
        return _without_newer(
            {
                "commandList": _list_of(self.command_list, version),
                "onFailureList": _list_of(self.on_failure_list, version),
                "type": self.type,
                "organizationId": self.organization_id,
                "workspaceId": self.workspace_id,
                "jobId": self.job_id,
                "stepId": self.step_id,
                "terraformVersion": self.terraform_version,
                "source": self.source,
                "branch": self.branch,
                "folder": self.folder,
                "vcsType": self.vcs_type,
                "connectionType": self.connection_type,
                "refresh": self.refresh,
                "refreshOnly": self.refresh_only,
                "showHeader": self.show_header,
                "ignoreError": self.ignore_error,
                "accessToken": self.access_token,
                "moduleSshKey": self.module_ssh_key,
                "commitId": self.commit_id,
                "tofu": self.tofu,
                "environmentVariables": dict(self.environment_variables),
                "variables": dict(self.variables),
            },
            _TOP_FIELD_SINCE,
            version,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """The decoded variable: where to claim, and the job data if it is inline.

    `attempt_url` and `attempt_token` are None together (the form for Terrakube's own executor image); `job_data` is
    None in the claim form; `ca_bundle` is PEM text for the API's certificate, or None. With `warm` the address is that
    of a warm pod, at which it waits for an attempt.
    """

    attempt_url: str | None = None
    attempt_token: str | None = field(default=None, repr=False)
    warm: bool = False
    ca_bundle: str | None = None
    job_data: JobData | None = None


def encode_claim(attempt_url: str, attempt_token: str, ca_bundle: str | None = None) -> str:
    """Return the value of EphemeralJobData in the claim form."""
    return _encode(_address(attempt_url, attempt_token, ca_bundle))


def encode_warm(pod_url: str, pod_token: str, ca_bundle: str | None = None) -> str:
    """Return the value of EphemeralJobData of a warm pod, which waits at `pod_url` until it gets an attempt."""
    return _encode({**_address(pod_url, pod_token, ca_bundle), "warm": True})


def encode_inline(
    job_data: JobData,
    attempt_url: str | None = None,
    attempt_token: str | None = None,
    ca_bundle: str | None = None,
    *,
    version: tuple[int, int] | None = None,
) -> str:
    """Return the value of EphemeralJobData in the inline form.

    Without `attempt_url` it holds Terrakube's fields alone; `version` trims them to what that image knows. Raises
    JobDataError if the text does not fit into one environment variable.
    """
    content = job_data.to_json(version)
    if attempt_url is not None:
        if attempt_token is None:
            raise JobDataError("An attempt's address needs its token beside it.")
        content.update(_address(attempt_url, attempt_token, ca_bundle))
    return _encode(content)


def decode(text: str) -> Payload:
    """Parse the value of EphemeralJobData in either form; raises JobDataError."""
    if not text:
        raise JobDataError(f"{DATA_VARIABLE} is empty.")
    try:
        decoded = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise JobDataError(f"{DATA_VARIABLE} is not standard base64 of UTF-8 text.") from None
    try:
        raw = json.loads(decoded)
    except ValueError:
        raise JobDataError(f"{DATA_VARIABLE} does not hold JSON.") from None
    data = _object(raw, DATA_VARIABLE)
    url = _optional_text(data, "attemptUrl", DATA_VARIABLE)
    token = _optional_text(data, "attemptToken", DATA_VARIABLE)
    if (url is None) != (token is None):
        raise JobDataError(f"{DATA_VARIABLE} needs attemptUrl and attemptToken together.")
    if url is not None and not url.startswith(("http://", "https://")):
        raise JobDataError(f"{DATA_VARIABLE}.attemptUrl must begin with http:// or https://.")
    if url is None and "type" not in data:
        raise JobDataError(f"{DATA_VARIABLE} holds neither an attempt's address nor job data.")
    return Payload(
        attempt_url=url.rstrip("/") if url else None,
        attempt_token=token,
        warm=_flag(data, "warm", DATA_VARIABLE),
        ca_bundle=_optional_text(data, "caBundle", DATA_VARIABLE) or None,
        job_data=JobData.from_json(data) if "type" in data else None,
    )


def _address(url: str, token: str, ca_bundle: str | None) -> dict[str, Any]:
    address = {"attemptUrl": url, "attemptToken": token}
    return {**address, "caBundle": ca_bundle} if ca_bundle else address


def _encode(content: Mapping[str, Any]) -> str:
    text = base64.b64encode(json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()).decode()
    size = len(DATA_VARIABLE) + 1 + len(text)
    if size > MAX_ENVIRONMENT_STRING_BYTES:
        raise JobDataError(
            f"The job data takes {size} bytes as an environment variable; Linux allows {MAX_ENVIRONMENT_STRING_BYTES}."
        )
    return text


def _without_newer(
    content: dict[str, Any], since: Mapping[str, tuple[int, int]], version: tuple[int, int] | None
) -> dict[str, Any]:
    if version is None:
        return content
    return {name: value for name, value in content.items() if since.get(name, version) <= version}


def _list_of(commands: tuple[Command, ...] | None, version: tuple[int, int] | None) -> list[dict[str, Any]] | None:
    return None if commands is None else [command.to_json(version) for command in commands]


def _object(raw: object, where: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise JobDataError(f"{where} must be a JSON object.")
    return raw


def _text(data: Mapping[str, Any], name: str, where: str, default: str | None = None) -> str:
    value = data.get(name)
    if value is None and default is not None:
        return default
    # Terrakube writes jobId as text; a number may come from a hand-made payload.
    if isinstance(value, int) and not isinstance(value, bool) and name == "jobId":
        return str(value)
    if not isinstance(value, str):
        raise JobDataError(f"{where}.{name} must be a text.")
    return value


def _optional_text(data: Mapping[str, Any], name: str, where: str) -> str | None:
    return None if data.get(name) is None else _text(data, name, where)


def _flag(data: Mapping[str, Any], name: str, where: str, *, default: bool = False) -> bool:
    value = data.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise JobDataError(f"{where}.{name} must be true or false.")
    return value


def _integer(data: Mapping[str, Any], name: str, where: str) -> int:
    value = data.get(name)
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool):
        raise JobDataError(f"{where}.{name} must be a whole number.")
    return value


def _texts(data: Mapping[str, Any], name: str, where: str) -> dict[str, str]:
    value = data.get(name)
    if value is None:
        return {}
    texts = _object(value, f"{where}.{name}")
    for key, text in texts.items():
        if not isinstance(text, str):
            raise JobDataError(f"{where}.{name}.{key} must be a text.")
    return texts


def _commands(data: Mapping[str, Any], name: str) -> tuple[Command, ...] | None:
    value = data.get(name)
    if value is None:
        return None
    if not isinstance(value, list):
        raise JobDataError(f"job data.{name} must be a list.")
    return tuple(Command.from_json(raw, f"{name}[{index}]") for index, raw in enumerate(value))
