"""Sources in git: the right commit, and no trace of the login."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from executors.agent.errors import StepFailed
from executors.agent.git_access import git_environment, login, ssh_key
from executors.job_data import JobData
from tests.agent.api_server import ApiServer
from tests.agent.git_server import GitServer, Repository
from tests.agent.harness import Agent, job

Serve = Callable[..., ApiServer]
Start = Callable[..., Agent]

SHOW = {"runtime": "BASH", "script": 'echo "a.txt: $(cat a.txt)"; git log --format=%H | wc -l; cat .git/config'}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "repositories" / "net")
    repository.commit("first")
    return repository


def cloning(serve: Serve, source: str, branch: str = "main", **fields: Any) -> ApiServer:
    fields = {"type": "customScripts", "commandList": [SHOW], "source": source, "branch": branch, **fields}
    return serve(None, **fields)


def test_a_branch_is_cloned_at_its_tip_and_shallow(serve: Serve, start: Start, repository: Repository) -> None:
    tip = repository.commit("second")
    api = cloning(serve, repository.url)
    assert start(api).wait() == 0, api.log
    assert "a.txt: second" in api.log
    assert "\n1\n" in api.log
    assert api.attempt.commit == tip
    assert f"Source: {repository.url} main, commit {tip}" in api.log


def test_a_tag_is_cloned_and_a_branch_wins_over_a_tag_of_its_name(
    serve: Serve, start: Start, repository: Repository
) -> None:
    repository.git("tag", "-a", "v1", "-m", "v1")
    repository.git("tag", "both")
    repository.commit("second")
    repository.git("branch", "both")
    tag, both = cloning(serve, repository.url, "v1"), cloning(serve, repository.url, "both")
    agents = start(tag), start(both)
    assert [agent.wait() for agent in agents] == [0, 0], tag.log + both.log
    assert "a.txt: first" in tag.log
    assert "a.txt: second" in both.log


@pytest.mark.parametrize("server_allows", ["true", "false"])
def test_a_pinned_commit_is_taken_even_where_the_server_hands_out_tips_only(
    serve: Serve, start: Start, repository: Repository, server_allows: str
) -> None:
    wanted = repository.commit("second")
    repository.commit("third")
    repository.git("config", "uploadpack.allowReachableSHA1InWant", server_allows)
    repository.git("config", "uploadpack.allowAnySHA1InWant", server_allows)
    # Protocol 2 lets every object be asked for, so the strict server speaks the older one.
    older = (
        {}
        if server_allows == "true"
        else {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "protocol.version", "GIT_CONFIG_VALUE_0": "0"}
    )
    api = cloning(serve, repository.url, commitId=wanted)
    assert start(api, **older).wait() == 0, api.log
    assert "a.txt: second" in api.log
    assert api.attempt.commit == wanted


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"branch": "none"}, "The repository has no branch or tag 'none'."),
        ({"commitId": "a" * 40}, f"The repository no longer has the commit {'a' * 40}."),
        ({"commitId": "--upload-pack=x"}, "The commit is not a full hash."),
        ({"branch": "--upload-pack=x"}, "The workspace names no branch or tag."),
        ({"source": "--upload-pack=x"}, "The workspace has no source to clone."),
        (
            {"source": "http://[x", "vcsType": "GITLAB", "accessToken": "t"},
            "The source is no address that can be read.",
        ),
        ({"source": "empty"}, "The workspace has no source to clone."),
    ],
)
def test_what_cannot_be_found_is_said(
    serve: Serve, start: Start, repository: Repository, fields: dict[str, Any], sentence: str
) -> None:
    api = cloning(serve, **{"source": repository.url, **fields})
    assert start(api).wait() == 10
    assert api.attempt.result is not None
    assert (api.attempt.result["reason"], api.attempt.result["message"]) == ("source-failed", sentence)


def test_gits_own_message_is_in_the_log(serve: Serve, start: Start, tmp_path: Path) -> None:
    api = cloning(serve, f"file://{tmp_path}/nothing-here")
    assert start(api).wait() == 10
    assert "nothing-here' does not appear to be a git repository" in api.log


def test_submodules_are_there_at_their_own_commit(serve: Serve, start: Start, repository: Repository) -> None:
    inner = Repository(repository.path.parent / "inner")
    inner.commit("inner one")
    inner.git("tag", "keep")
    outer = Repository(repository.path.parent / "outer")
    outer.git("submodule", "--quiet", "add", repository.url, "net")
    outer.git("submodule", "--quiet", "add", inner.url, "in")
    outer.commit("outer")
    inner.commit("inner two")
    api = cloning(serve, outer.url, commandList=[{"runtime": "BASH", "script": "cat a.txt net/a.txt in/a.txt"}])
    assert start(api, GIT_ALLOW_PROTOCOL="file").wait() == 0, api.log
    assert "outerfirstinner one" in api.log


@pytest.mark.parametrize(
    ("kind", "connection", "user", "password"),
    [
        ("GITHUB", "OAUTH", "gho_tokentoken", ""),
        ("GITHUB", "STANDALONE", "x-access-token", "gho_tokentoken"),
        ("GITLAB", "OAUTH", "oauth2", "gho_tokentoken"),
        ("BITBUCKET", None, "x-token-auth", "gho_tokentoken"),
        ("AZURE_DEVOPS", "STANDALONE", "dummy", "gho_tokentoken"),
    ],
)
def test_a_token_logs_in_and_is_seen_nowhere_else(
    serve: Serve,
    start: Start,
    repository: Repository,
    tmp_path: Path,
    kind: str,
    connection: str | None,
    user: str,
    password: str,
) -> None:
    server = GitServer(repository.path.parent, user, password)
    # A git that notes its arguments first.
    noting = tmp_path / "bin"
    noting.mkdir()
    seen = tmp_path / "arguments"
    (noting / "git").write_text(f'#!/bin/sh\necho "$@" >>{seen}\nexec /usr/bin/git "$@"\n')
    (noting / "git").chmod(0o755)
    try:
        api = cloning(
            serve,
            f"{server.url}/net/.git",
            vcsType=kind,
            connectionType=connection,
            accessToken="gho_tokentoken",
            commandList=[SHOW, {"runtime": "BASH", "script": "env; grep -r gho_ .git || echo clean"}],
        )
        agent = start(api, PATH=f"{noting}:{os.environ['PATH']}")
        assert agent.wait() == 0, api.log
    finally:
        server.stop()
    assert "a.txt: first" in api.log
    assert "clean" in api.log
    assert "TERRAKUBE_GIT" not in api.log
    assert "***" not in api.log, "a masked token would be one that was there"
    assert "fetch" in seen.read_text()
    assert "gho_" not in seen.read_text()


def test_a_wrong_token_fails_at_once_and_is_not_shown(serve: Serve, start: Start, repository: Repository) -> None:
    server = GitServer(repository.path.parent, "oauth2", "right-token")
    try:
        api = cloning(serve, f"{server.url}/net/.git", vcsType="GITLAB", accessToken="wrong-token")
        assert start(api).wait(10) == 10
    finally:
        server.stop()
    assert "Authentication failed" in api.log
    assert "wrong-token" not in api.log


def test_a_password_in_the_address_is_masked(serve: Serve, start: Start, repository: Repository) -> None:
    server = GitServer(repository.path.parent, "me", "pass-of-mine")
    try:
        api = cloning(serve, f"{server.url}/net/.git".replace("http://", "http://me:pass-of-mine@"))
        assert start(api).wait(10) == 0, api.log
    finally:
        server.stop()
    assert "pass-of-mine" not in api.log
    assert "http://me:***@127" in api.log


def test_a_token_is_for_the_sources_host_alone(tmp_path: Path) -> None:
    data = JobData.from_json(job(source="https://git.example:8443/a.git", vcsType="GITLAB", accessToken="t"))
    with git_environment(data, {"GIT_CONFIG_COUNT": "1"}, tmp_path) as environment:
        assert environment["GIT_CONFIG_COUNT"] == "3"
        assert environment["GIT_CONFIG_KEY_2"] == "credential.https://git.example:8443.helper"
        helper = Path(environment["GIT_CONFIG_VALUE_2"])
        assert "t0ken" not in helper.read_text()
        assert helper.stat().st_mode & 0o777 == 0o700
    assert list(tmp_path.iterdir()) == []


def test_a_kind_of_repository_that_we_cannot_log_in_to_is_said() -> None:
    with pytest.raises(StepFailed, match="AZURE_SP_MI"):
        login(JobData.from_json(job(vcsType="AZURE_SP_MI", accessToken="t")))


def test_an_ssh_key_is_a_private_file_for_as_long_as_git_runs(tmp_path: Path) -> None:
    data = JobData.from_json(job(source="git@git.example:a.git", vcsType="SSH~id_ed25519", accessToken="KEY\r\nEND"))
    with git_environment(data, {}, tmp_path) as environment:
        (path,) = tmp_path.iterdir()
        assert path.read_text() == "KEY\nEND\n"
        assert path.stat().st_mode & 0o777 == 0o600
        assert f"-i '{path}'" in environment["GIT_SSH_COMMAND"]
        assert "KEY" not in "".join(environment.values())
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RuntimeError), ssh_key("KEY", tmp_path, "module"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_the_key_for_modules_is_there_for_init_and_gone_after_it(serve: Serve, start: Start, tmp_path: Path) -> None:
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "ssh").write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/called; cat "$2" >{tmp_path}/key; exit 1\n')
    (fake / "ssh").chmod(0o755)
    main = 'module "m" { source = "git::ssh://git@git.example/m.git" }\n'
    after = {"runtime": "BASH", "script": 'echo "left: $GIT_SSH_COMMAND $(ls ../private)"'}
    api = serve({"main.tf": main}, moduleSshKey="MODULE-KEY-TEXT", onFailureList=[after])
    assert start(api, PATH=f"{fake}:{os.environ['PATH']}").wait() == 10
    assert (tmp_path / "key").read_text() == "MODULE-KEY-TEXT\n"
    assert "StrictHostKeyChecking=no" in (tmp_path / "called").read_text()
    assert "left:  userScript.sh" in api.log
