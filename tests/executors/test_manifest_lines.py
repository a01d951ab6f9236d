"""A Job as people read it: its lines, what differs from another, and which setting each line comes from."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from executors.launching.line_origins import setting_name
from executors.launching.redaction import redact_job
from executors.launching.yaml_lines import job_changes, yaml_lines
from workspaces.models.variable import HIDDEN
from workspaces.pods import SETTINGS, pod_settings
from workspaces.pods.catalogue import ENABLE
from workspaces.variables.in_force import Value

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(folder.name for folder in GOLDEN.iterdir() if (folder / "job.yaml").exists())


def job(case: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((GOLDEN / case / "job.yaml").read_text())
    return found


@pytest.mark.parametrize("case", CASES)
def test_the_lines_are_the_very_yaml_of_the_job(case: str) -> None:
    body = job(case)
    text = "".join(f"{line.text}\n" for line in yaml_lines(body))
    assert text == yaml.safe_dump(body, sort_keys=False, width=float("inf"))


def test_texts_that_yaml_would_misread_are_quoted() -> None:
    body = {"a": "true", "b": "1", "c": "", "d": "two\nlines", "e": [], "f": {}, "g": [{"h": None}, "- x"], "é": "é"}
    text = "".join(f"{line.text}\n" for line in yaml_lines(body))
    assert yaml.safe_load(text) == body


@pytest.mark.parametrize("case", CASES)
def test_a_job_differs_in_nothing_from_itself_in_another_run(case: str) -> None:
    before, after = job(case), job(case)
    after["metadata"]["name"] = "job-77-200-3"
    for labels in (after["metadata"]["labels"], after["spec"]["template"]["metadata"]["labels"]):
        labels |= {"terrakube.io/job": "77", "terrakube.io/step": "s", "terrakube.io/attempt": "a"}
    assert job_changes(before, after) == []


def test_what_differs_is_named_by_its_place_with_both_values() -> None:
    before = job(CASES[0])
    after = copy.deepcopy(before)
    pod = after["spec"]["template"]["spec"]
    pod["nodeSelector"] = {"disk": "ssd"}
    pod["tolerations"] = [{"key": "spot", "operator": "Exists"}]
    container = pod["containers"][0]
    container["image"] = "executor:2"
    place = "spec.template.spec."
    found = {change.place: (change.before, change.after) for change in job_changes(before, after)}
    image = before["spec"]["template"]["spec"]["containers"][0]["image"]
    expected = {
        f"{place}nodeSelector.disk": (None, "ssd"),
        f"{place}tolerations.spot.key": (None, "spot"),
        f"{place}tolerations.spot.operator": (None, "Exists"),
        f"{place}containers.executor.image": (image, "executor:2"),
    }
    assert {name: found.get(name) for name in expected} == expected
    back = {change.place: (change.after, change.before) for change in job_changes(after, before)}
    assert back == found


def test_every_setting_is_the_origin_of_a_line() -> None:
    variables = yaml.safe_load((GOLDEN / "everything" / "variables.yaml").read_text())["variables"]
    pod = pod_settings({name: str(text) for name, text in variables.items()})
    origins = {setting_name(line.place, pod) for line in yaml_lines(job("everything"))}
    assert SETTINGS.keys() - origins == {ENABLE}, "the switch alone is no line"


def test_what_is_the_same_in_every_job_comes_from_no_setting() -> None:
    pod = pod_settings({})
    for place in (
        ("apiVersion",),
        ("metadata", "labels", "terrakube.io/job"),
        ("metadata", "labels", "app.kubernetes.io/managed-by"),
        ("spec", "template", "spec", "restartPolicy"),
        ("spec", "template", "spec", "containers", "executor", "env", "EphemeralJobData", "value"),
    ):
        assert setting_name(place, pod) == ""


def test_sensitive_texts_and_the_data_of_a_step_are_masked() -> None:
    environment = {
        "EPHEMERAL_JOB_ENV_VARS": Value(text="TOKEN=top secret;PLAIN=x", sensitive=True),
        "EPHEMERAL_CONFIG_LABELS": Value(text="team=net"),
        "OTHER": Value(text="net", sensitive=True),
    }
    env = [{"name": "TOKEN", "value": "top secret"}, {"name": "EphemeralJobData", "value": "c2VjcmV0"}]
    body = {
        "metadata": {"labels": {"team": "net"}},
        "spec": {"template": {"spec": {"containers": [{"name": "executor", "env": env}]}}},
    }
    hidden = [{"name": HIDDEN, "value": HIDDEN}, {"name": "EphemeralJobData", "value": HIDDEN}]
    assert redact_job(body, environment) == {
        "metadata": {"labels": {"team": "net"}},
        "spec": {"template": {"spec": {"containers": [{"name": "executor", "env": hidden}]}}},
    }


@pytest.mark.parametrize("sensitive", [False, True])
def test_the_data_of_a_step_is_masked_whether_or_not_a_setting_is_sensitive(sensitive: bool) -> None:
    environment = {
        "EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS": Value(text="zone=a"),
        "EPHEMERAL_CONFIG_SERVICE_ACCOUNT": Value(text="deployer", sensitive=sensitive),
    }
    env = [{"name": "PLAIN", "value": "x"}, {"name": "EphemeralJobData", "value": "c2VjcmV0"}]
    pod = {"nodeSelector": {"zone": "a"}, "containers": [{"name": "executor", "env": env, "args": ["a", ["b"]]}]}
    hidden = [{"name": "PLAIN", "value": "x"}, {"name": "EphemeralJobData", "value": HIDDEN}]
    shown = {"nodeSelector": {"zone": "a"}, "containers": [{"name": "executor", "env": hidden, "args": ["a", ["b"]]}]}
    body = {"spec": {"backoffLimit": 0, "template": {"spec": pod}}}
    assert redact_job(body, environment) == {"spec": {"backoffLimit": 0, "template": {"spec": shown}}}
