"""The JSON of a run's plan: whole for who may read states, without secrets for others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.client import Api, token_of
from tests.tfe.runs import WITH_CHANGES, new_version, run_step, start_run
from tfe.runs.redaction import redacted
from workspaces.models import SavedPlan, Workspace
from workspaces.services.organizations import add_default_templates

SECRET = "hush-hush"
PLAN: dict[str, Any] = {
    "format_version": "1.2",
    "variables": {"word": {"value": SECRET}},
    "planned_values": {"outputs": {"word": {"value": SECRET}}},
    "prior_state": {"values": {"outputs": {"word": {"value": SECRET}}}},
    "configuration": {"root_module": {"variables": {"word": {"default": SECRET}}}},
    "resource_changes": [
        {
            "address": "terraform_data.a",
            "mode": "managed",
            "type": "terraform_data",
            "name": "a",
            "provider_name": "terraform.io/builtin/terraform",
            "change": {
                "actions": ["update"],
                "before": {"id": "1", "input": {"word": "old-secret", "size": 1}, "list": ["x", SECRET]},
                "after": {"input": {"word": SECRET, "size": 2}, "list": ["x", SECRET]},
                "after_unknown": {"id": True, "output": True},
                "before_sensitive": {"input": {"word": True}, "list": [False, True]},
                "after_sensitive": {"input": {"word": True}, "list": [False, True]},
                "before_identity": {"word": SECRET},
            },
        }
    ],
    "output_changes": {
        "word": {
            "actions": ["create"], "before": None, "after": SECRET, "after_unknown": False,
            "before_sensitive": True, "after_sensitive": True,
        }
    },
}  # fmt: skip


def test_no_secret_is_left_and_differences_stay() -> None:
    found = redacted(json.dumps(PLAN).encode())
    assert found is not None
    text = json.dumps(found)
    assert SECRET not in text
    assert "old-secret" not in text
    (row,) = found["resource_changes"]
    change = row["change"]
    assert change["before"]["input"]["size"] == 1
    assert change["before"]["input"]["word"] != change["after"]["input"]["word"]
    assert change["before"]["list"] == change["after"]["list"]
    assert found["output_changes"]["word"]["before"] is None
    schema = found["provider_schemas"]["terraform.io/builtin/terraform"]["resource_schemas"]["terraform_data"]
    assert schema["block"]["attributes"].keys() == {"id", "input", "list", "output"}
    assert not found.keys() & {"variables", "planned_values", "prior_state", "configuration"}


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"resource_changes": [1]}', b'{"resource_changes": {"a": 1}}'])
def test_what_is_no_plan_is_none(content: bytes) -> None:
    assert redacted(content) is None


@pytest.mark.django_db
def test_who_sees_a_run_reads_its_plan_without_secrets(workspace: Workspace) -> None:
    add_default_templates(workspace.organization, by=None)
    owner = Api(token_of("OWNERS", name="owner@example.com"), prefix="/api/v2/")
    reader = Api(token_of("READERS"), prefix="/api/v2/")
    job = start_run(owner, workspace, new_version(owner, workspace))
    paths = [f"plans/plan-{job.pk}/json-output", f"runs/run-{job.pk}/plan/json-output"]
    assert {owner.get(path + end).status_code for path in paths for end in ("", "-redacted")} == {204}
    step = run_step(job, WITH_CHANGES)
    SavedPlan.objects.create(step=step, json=json.dumps(PLAN).encode())
    for path in paths:
        assert owner.read(path) == PLAN
        assert reader.get(path).status_code == 403
        shown = reader.get(f"{path}-redacted")
        assert shown.status_code == 200
        assert shown["Cache-Control"] == "no-store"
        assert SECRET.encode() not in shown.content
