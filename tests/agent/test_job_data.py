"""EphemeralJobData in its two forms."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from executors.contract.job_data import Command, JobData, JobDataError, decode, encode_claim, encode_inline
from tests.agent.harness import job

URL = "https://terrakube.example/executor/v1/attempts/1"


def sample(**fields: Any) -> JobData:
    command = Command(runtime="BASH", script="echo ä", priority=3, before_init=True)
    return JobData.from_json(
        job(accessToken="t0ken", commandList=[command.to_json()], onFailureList=[], variables={"a": "b"}, **fields)
    )


def encoded(content: object) -> str:
    return base64.b64encode(json.dumps(content).encode()).decode()


def test_the_claim_form_carries_address_token_and_certificate_and_nothing_else() -> None:
    text = encode_claim(URL, "secret", "PEM")
    assert json.loads(base64.b64decode(text)) == {"attemptUrl": URL, "attemptToken": "secret", "caBundle": "PEM"}
    payload = decode(text)
    assert (payload.attempt_url, payload.attempt_token, payload.ca_bundle) == (URL, "secret", "PEM")
    assert payload.job_data is None


def test_the_inline_form_comes_back_as_it_was_given() -> None:
    data = sample()
    payload = decode(encode_inline(data, URL, "secret"))
    assert payload.job_data == data
    assert payload.attempt_url == URL


def test_inline_for_terrakubes_image_has_exactly_its_fields() -> None:
    content = json.loads(base64.b64decode(encode_inline(sample(), version=(2, 33))))
    assert set(content) == {
        "commandList", "onFailureList", "type", "organizationId", "workspaceId", "jobId", "stepId",
        "terraformVersion", "source", "branch", "folder", "vcsType", "connectionType", "refresh", "refreshOnly",
        "showHeader", "ignoreError", "accessToken", "moduleSshKey", "commitId", "tofu", "environmentVariables",
        "variables",
    }  # fmt: skip
    assert content["moduleSshKey"] is None


@pytest.mark.parametrize(
    ("version", "missing"),
    [
        ((2, 22), {"connectionType", "ignoreError", "onFailureList"}),
        ((2, 23), {"ignoreError", "onFailureList"}),
        ((2, 29), {"onFailureList"}),
        ((2, 30), set()),
    ],
)
def test_fields_that_an_older_image_hangs_on_are_left_out(version: tuple[int, int], missing: set[str]) -> None:
    full = set(sample().to_json())
    trimmed = sample().to_json(version)
    assert full - set(trimmed) == missing
    assert ("beforeInit" in trimmed["commandList"][0]) == (version >= (2, 28))


def test_fields_that_we_do_not_know_are_ignored() -> None:
    assert decode(encoded({**job(), "agentUrl": "x", "later": {"a": 1}})).job_data == JobData.from_json(job())


def test_secrets_are_not_in_the_text_form() -> None:
    text = repr(decode(encode_inline(sample(), URL, "attempt-secret")))
    assert "t0ken" not in text
    assert "attempt-secret" not in text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("%%%", "not standard base64"),
        ("eyJhIjox fQ==", "not standard base64"),
        (base64.b64encode(b"\xff").decode(), "not standard base64 of UTF-8"),
        (base64.b64encode(b"{").decode(), "does not hold JSON"),
        (encoded([1]), "must be a JSON object"),
        (encoded({}), "neither an attempt's address nor job data"),
        (encoded({"attemptUrl": URL}), "attemptUrl and attemptToken together"),
        (encoded({"attemptUrl": "ftp://x", "attemptToken": "t"}), "begin with http"),
        (encoded(job(tofu="yes")), "job data.tofu must be true or false"),
        (encoded(job(variables={"size": 3})), "job data.variables.size must be a text"),
        (encoded(job(terraformVersion=None)), "job data.terraformVersion must be a text"),
        (encoded(job(commandList={})), "commandList must be a list"),
        (encoded(job(commandList=[{"runtime": "PERL", "script": ""}])), r"commandList\[0\].runtime must be BASH"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(JobDataError, match=sentence):
        decode(text)


def test_what_does_not_fit_into_one_environment_variable_is_refused_with_its_size() -> None:
    assert encode_inline(sample(source="x" * 90_000))
    with pytest.raises(JobDataError, match="Linux allows 131071"):
        encode_inline(sample(source="x" * 100_000))
