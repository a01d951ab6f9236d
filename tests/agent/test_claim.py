"""Whoever does not win the claim runs nothing."""

from __future__ import annotations

import datetime
import ipaddress
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from executors.agent.__main__ import _START_SECONDS
from executors.agent.api import Answer
from executors.agent.claim import make_claim
from executors.agent.errors import ApiUnavailable
from executors.agent.proxy import proxy_for
from executors.contract.job_data import JobData, encode_claim, encode_inline
from executors.watching.decisions import UNANSWERED_CLAIM_SECONDS
from tests.agent.api_server import ATTEMPT_TOKEN, PATH, ApiServer, Call
from tests.agent.harness import Agent, job

Serve = Callable[..., ApiServer]
Start = Callable[..., Agent]

COMMAND = {"runtime": "BASH", "script": "echo ran; env"}


def self_signed(path: Path) -> str:
    """A certificate for 127.0.0.1 without key usage, as many clusters have; its key is in the file too."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, path.stem)])
    today = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(pem + private)
    return pem.decode()


def scripted(serve: Serve, **more: Any) -> ApiServer:
    return serve({}, type="customScripts", commandList=[COMMAND], **more)


@pytest.mark.parametrize(
    ("status", "code"), [(409, "already-claimed"), (410, "attempt-over"), (401, "unauthorized"), (404, "x"), (400, "x")]
)
def test_a_refused_claim_runs_nothing_and_says_why(serve: Serve, start: Start, status: int, code: str) -> None:
    api = scripted(serve)
    api.before = lambda call: (status, {"errors": [{"detail": f"No: {code}.", "code": code}]})
    agent = start(api)
    assert agent.wait() == 20
    assert [call.path for call in api.calls] == ["/claim"]
    assert f"No: {code}." in agent.errors


def test_an_unanswered_claim_is_tried_again_with_the_same_session(serve: Serve, start: Start) -> None:
    api = scripted(serve)
    replies: list[tuple[int, dict[str, Any]] | None] = [(503, {}), (429, {}), None]

    def before(call: Call) -> tuple[int, dict[str, Any]] | None:
        if call.path != "/claim":
            return None
        reply = replies.pop(0)
        if reply and reply[0] == 429:
            # The claim was won, and its answer lost.
            api.attempt.session = json.loads(call.body)["session"]
        return reply

    api.before = before
    agent = start(api)
    assert agent.wait() == 0, agent.errors
    sessions = {json.loads(call.body)["session"] for call in api.made("POST", "/claim")}
    assert len(api.made("POST", "/claim")) == 3
    assert len(sessions) == 1
    assert len(sessions.pop()) >= 43


class _SilentApi:
    """An API that takes a claim and does not answer; its own clock moves by what a call or a pause takes."""

    def __init__(self) -> None:
        self.now = 0.0
        self.token = ATTEMPT_TOKEN
        self.calls: list[tuple[float, float]] = []

    def monotonic(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds

    def post_json(self, path: str, content: Any, *, timeout: float) -> Answer:
        assert path == "/claim"
        self.calls.append((self.now, timeout))
        self.now += timeout
        raise ApiUnavailable("timed out")


def test_a_slow_api_is_given_more_time_with_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    api = _SilentApi()
    for module in ("claim", "api"):
        monkeypatch.setattr(f"executors.agent.{module}.time", api)
    with pytest.raises(ApiUnavailable):
        make_claim(cast("Any", api), seconds=_START_SECONDS, pause=api.pause)
    begins, patience = zip(*api.calls, strict=True)
    assert patience[0] == 10
    assert sorted(patience) == list(patience)
    assert patience[-1] == 20
    assert len(patience) >= 6, "an API whose answers are lost is asked several times"
    assert begins[-1] <= _START_SECONDS
    assert api.now < UNANSWERED_CLAIM_SECONDS, "the site may look for another pod as soon as this one has given up"


def test_without_an_api_the_pod_gives_up_and_says_so(serve: Serve, start: Start) -> None:
    api = scripted(serve)
    api.down = True
    agent = start(api, TERRAKUBE_START_SECONDS="0.5")
    assert agent.wait() == 21
    assert "nothing was run" in agent.errors


@pytest.mark.parametrize("text", ["", "?", encode_inline(JobData.from_json(job()))])
def test_job_data_that_cannot_be_used_ends_the_pod_with_one_sentence(serve: Serve, start: Start, text: str) -> None:
    api = scripted(serve)
    agent = start(api, data=text)
    assert agent.wait() == 64
    assert agent.errors.count("\n") == 1
    assert "EphemeralJobData" in agent.errors
    assert api.calls == []


def test_an_answer_that_cannot_be_used_is_reported(serve: Serve, start: Start) -> None:
    api = scripted(serve)
    api.attempt.answer["jobData"]["tofu"] = "perhaps"
    agent = start(api)
    assert agent.wait() == 64
    assert api.attempt.result is not None
    assert api.attempt.result["outcome"] == "failed"
    assert api.attempt.result["reason"] == "bad-job-data"
    assert "tofu must be true or false" in api.attempt.result["message"]


def test_a_pod_without_a_place_to_write_says_so(serve: Serve, start: Start, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    api = scripted(serve)
    assert start(api, TERRAKUBE_WORK_DIR=str(tmp_path / "file")).wait() == 10
    assert api.attempt.result is not None
    assert api.attempt.result["reason"] == "no-work-directory"


def test_inline_data_is_claimed_too_and_what_the_claim_says_counts(serve: Serve, start: Start) -> None:
    api = scripted(serve)
    inline = JobData.from_json(job(type="customScripts", commandList=[{**COMMAND, "script": "echo from the variable"}]))
    assert start(api, data=encode_inline(inline, api.url, ATTEMPT_TOKEN)).wait() == 0
    assert "ran" in api.log
    assert "from the variable" not in api.log


def test_the_job_data_is_not_in_the_environment_of_what_runs(serve: Serve, start: Start) -> None:
    api = scripted(serve)
    assert start(api, InternalSecret="key-of-terrakube").wait() == 0
    assert "workspaceName=ws1" in api.log
    for name in ("EphemeralJobData", "EphemeralFlagBatch", "InternalSecret", ATTEMPT_TOKEN):
        assert name not in api.log


@pytest.mark.parametrize("trusted", [True, False])
def test_the_certificate_in_the_job_data_is_the_one_that_is_trusted(
    serve: Serve, start: Start, tmp_path: Path, trusted: bool
) -> None:
    ours = self_signed(tmp_path / "ours.pem")
    other = self_signed(tmp_path / "other.pem")
    api = scripted(serve)
    api.speak_tls(tmp_path / "ours.pem")
    data = encode_claim(api.url, ATTEMPT_TOKEN, ours if trusted else other)
    agent = start(api, data=data, TERRAKUBE_START_SECONDS="0.1")
    assert agent.wait() == (0 if trusted else 21)
    assert ("certificate verify failed" in agent.errors) != trusted


def test_a_certificate_that_is_none_is_bad_job_data(serve: Serve, start: Start) -> None:
    api = scripted(serve)
    data = encode_claim(api.url.replace("http:", "https:"), ATTEMPT_TOKEN, "no certificate")
    agent = start(api, data=data)
    assert agent.wait() == 64
    assert "The caBundle is no PEM text" in agent.errors


def test_a_proxy_is_used_for_all_but_the_hosts_that_are_excepted(serve: Serve, start: Start) -> None:
    api = scripted(serve)
    proxy = api.url.removesuffix(PATH)
    assert start(api, data=encode_claim(f"http://api.invalid{PATH}", ATTEMPT_TOKEN), http_proxy=proxy).wait() == 0
    assert "ran" in api.log


@pytest.mark.parametrize(
    ("host", "environ", "proxy"),
    [
        ("api", {}, None),
        ("api", {"HTTPS_PROXY": "http://u:p@proxy:3128/"}, "u:p@proxy:3128"),
        ("api", {"https_proxy": "proxy:1", "HTTPS_PROXY": "proxy:2"}, "proxy:1"),
        ("api", {"HTTP_PROXY": "proxy:1"}, None),
        ("api.example.com", {"HTTPS_PROXY": "p:1", "NO_PROXY": "other, .example.com"}, None),
        ("api.example.com", {"HTTPS_PROXY": "p:1", "no_proxy": "example.com:443"}, None),
        ("myexample.com", {"HTTPS_PROXY": "p:1", "NO_PROXY": "example.com,"}, "p:1"),
        ("api", {"HTTPS_PROXY": "p:1", "NO_PROXY": "*"}, None),
        ("127.0.0.1", {"HTTPS_PROXY": "p:1"}, None),
        ("10.1.2.3", {"HTTPS_PROXY": "p:1", "NO_PROXY": "192.168.0.0/16,10.0.0.0/8"}, None),
        ("11.1.2.3", {"HTTPS_PROXY": "p:1", "NO_PROXY": "10.0.0.0/8,what/ever"}, "p:1"),
        ("fd00::7", {"HTTPS_PROXY": "p:1", "NO_PROXY": "fd00::/8"}, None),
        ("10.example.com", {"HTTPS_PROXY": "p:1", "NO_PROXY": "10.0.0.0/8"}, "p:1"),
    ],
)
def test_the_usual_variables_name_the_proxy(host: str, environ: dict[str, str], proxy: str | None) -> None:
    assert proxy_for("https", host, environ) == proxy


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_a_script_of_the_same_user_cannot_read_the_first_environment_of_the_agent(serve: Serve) -> None:
    python = shutil.which("python3", path="/usr/bin")
    if python is None:
        pytest.skip("needs a Python that every user may run")
    script = "echo parent; cat /proc/$PPID/environ"
    api = serve({}, type="customScripts", commandList=[{"runtime": "BASH", "script": script}])
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)  # noqa: S103 - for that other user
        agent = Agent(api, Path(directory), user=65534, python=python)
        try:
            assert agent.wait() == 10, agent.errors
        finally:
            agent.stop()
    assert "parent" in api.log
    assert "Permission denied" in api.log
