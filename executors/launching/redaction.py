"""Redact secrets in a Job, and in messages of the cluster about one, before they are shown or stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from executors.contract.job_data import DATA_VARIABLE
from executors.launching.line_origins import setting_name
from executors.launching.yaml_lines import Place, entry_name
from workspaces.models.variable import HIDDEN
from workspaces.pods import ALL_SETTINGS, PodSettings, pod_settings
from workspaces.pods import catalogue as names
from workspaces.pods.policy import patterns
from workspaces.variables.in_force import Value

_SHORTEST_ANYWHERE = 3
"""Shorter pieces are redacted only as whole words."""
_WHOLE = frozenset({names.NODE_SELECTOR, names.ANNOTATIONS, names.TOLERATIONS})
"""Settings that fill their whole part of a Job, keys included."""
_OWN_NAMES = frozenset({"config-volume", "tf-plugin-volume"})
"""Names in a Job that are the same whatever the settings say."""
_WORDS = frozenset({"Exists", "Equal", "NoSchedule", "PreferNoSchedule", "NoExecute", "true", "false"})


def sensitive_settings(environment: Mapping[str, Value]) -> frozenset[str]:
    """Return the names of the pod's sensitive settings."""
    return frozenset(name for name, value in environment.items() if name in ALL_SETTINGS and value.sensitive)


def redact_job(body: Any, environment: Mapping[str, Value]) -> Any:
    """Return a Job without the values of sensitive settings and without data of a step."""
    secret = sensitive_settings(environment)
    if not secret:
        return _without_data(body)
    pod = pod_settings({name: value.text for name, value in environment.items()}, secret)
    return _redact(body, (), pod, secret)


def _without_data(part: Any) -> Any:
    """Return a part of a Job without data of a step, where no setting is sensitive."""
    if isinstance(part, Mapping):
        if part.get("name") == DATA_VARIABLE and "value" in part:
            return {**part, "value": HIDDEN}
        return {key: _without_data(item) for key, item in part.items()}
    return [_without_data(item) for item in part] if isinstance(part, list) else part


def _redact(part: Any, place: Place, pod: PodSettings, secret: frozenset[str]) -> Any:
    if isinstance(part, Mapping):
        if part.get("name") == DATA_VARIABLE and "value" in part:
            return {**part, "value": HIDDEN}
        found: dict[str, Any] = {}
        for key, item in part.items():
            here = (*place, str(key))
            setting = setting_name(here, pod)
            if setting not in secret:
                found[key] = _redact(item, here, pod, secret)
            elif setting in (names.LABELS, names.POD_ANNOTATIONS):
                # The keys come from the setting too.
                found[HIDDEN] = HIDDEN
            else:
                found[key] = HIDDEN if setting in _WHOLE else _redact_leaves(item)
        return found
    if isinstance(part, list):
        return [
            _redact_leaves(item) if setting_name(here, pod) in secret else _redact(item, here, pod, secret)
            for item, here in ((item, (*place, entry_name(item, index))) for index, item in enumerate(part))
        ]
    return part


def _redact_leaves(part: Any) -> Any:
    if isinstance(part, Mapping):
        return {key: _redact_leaves(item) for key, item in part.items()}
    if isinstance(part, list):
        return [_redact_leaves(item) for item in part]
    return part if part in _OWN_NAMES else HIDDEN


def visible_resources(pod: PodSettings, environment: Mapping[str, Value]) -> dict[str, dict[str, str]]:
    """Return the requests and limits of a pod, without those that only a sensitive setting says."""
    secret = sensitive_settings(environment)
    which = {"requests": (pod.requests, 0), "limits": (pod.limits, 1)}
    return {
        kind: {name: amount for name, amount in amounts.items() if names.RESOURCES[name][place] not in secret}
        for kind, (amounts, place) in which.items()
    }


def secret_texts(environment: Mapping[str, Value]) -> frozenset[str]:
    """Return the texts of a workspace's sensitive pod settings: whole, their items, and the parts of these."""
    found: set[str] = set()
    for name in sensitive_settings(environment):
        text = environment[name].text
        found |= {text, text.strip(), text.strip().rstrip("/")}
        for shown, parts in patterns.items(name, text):
            found |= {shown, *parts}
    return frozenset(found - _WORDS - {"", "0", "1"})


def redact_message(sentence: str, secrets: Iterable[str]) -> str:
    """Return a message of the cluster without the values of sensitive settings."""
    for text in sorted(secrets, key=len, reverse=True):
        if len(text) >= _SHORTEST_ANYWHERE:
            sentence = sentence.replace(text, HIDDEN)
        else:
            sentence = " ".join(HIDDEN if word.strip("\"'.,:;()[]{}") == text else word for word in sentence.split(" "))
    return sentence
