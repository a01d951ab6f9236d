"""Sources in git: the right commit, and no trace of the login."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from executors.contract.git_output import last_words_of_git
from executors.contract.repository_access import RepositoryAccess, RepositoryAccessError, git_environment, ssh_key
from tests.agent.api_server import ApiServer
from tests.agent.git_server import GitServer, Repository
from tests.agent.harness import Agent

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
        ({"branch": "--upload-pack=x"}, "The workspace has no branch or tag."),
        ({"source": "--upload-pack=x"}, "The workspace has no source to clone."),
        (
            {"source": "http://[x", "vcsType": "GITLAB", "accessToken": "t"},
            "The source is not a valid URL.",
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


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("http://127.0.0.1:1/a.git", "Failed to connect to 127.0.0.1 port 1"),
        ("{url}/missing", "does not appear to be a git repository"),
    ],
)
def test_the_sentence_ends_in_gits_own_words(
    serve: Serve, start: Start, repository: Repository, source: str, words: str
) -> None:
    api = cloning(serve, source.format(url=repository.url))
    assert start(api).wait() == 10
    assert api.attempt.result is not None
    message = api.attempt.result["message"]
    assert message.startswith("The repository could not be fetched; git says: ")
    assert words in message


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (
            "git@host: Permission denied (publickey).\r\nfatal: Could not read from remote repository.\n\nPlease make "
            "sure you have the correct access rights\nand the repository exists.\n",
            "git@host: Permission denied (publickey)",
        ),
        (
            "remote: Repository not found.\nfatal: repository 'https://h/a/' not found\n",
            "repository 'https://h/a/' not found",
        ),
        ("fatal: unable to access 'https://u:p@h/a/': x\n", "unable to access 'https://h/a/': x"),
        (
            "ssh: Could not resolve hostname h: not known\nfatal: Could not read from remote repository.",
            "ssh: Could not resolve hostname h: not known",
        ),
        ("Receiving objects: 3%\rReceiving objects: 5%\n", ""),
    ],
)
def test_the_last_words_of_git_are_its_reason(output: str, words: str) -> None:
    assert last_words_of_git(output) == words


def test_a_commit_may_be_named_in_place_of_a_branch(serve: Serve, start: Start, repository: Repository) -> None:
    wanted = repository.commit("second")
    repository.commit("third")
    repository.git("config", "uploadpack.allowReachableSHA1InWant", "true")
    api = cloning(serve, repository.url, branch=wanted)
    assert start(api).wait() == 0, api.log
    assert "a.txt: second" in api.log
    assert api.attempt.commit == wanted


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


def giving(api: ApiServer, status: int, body: dict[str, Any]) -> None:
    """Let the site answer who asks for another token."""
    api.before = lambda call: (status, body) if call.path == "/source-token" else None


def test_another_token_is_asked_for_once_and_the_clone_repeated(
    serve: Serve, start: Start, repository: Repository
) -> None:
    server = GitServer(repository.path.parent, "oauth2", "right-token")
    show = {"runtime": "BASH", "script": "cat a.txt; echo it was right-token"}
    try:
        api = cloning(serve, f"{server.url}/net/.git", vcsType="GITLAB", accessToken="old-token", commandList=[show])
        giving(api, 200, {"token": "right-token"})
        assert start(api).wait(10) == 0, api.log
    finally:
        server.stop()
    assert len(api.made("POST", "/source-token")) == 1
    assert "the site gave another token" in api.log
    assert "it was ***" in api.log


def test_a_second_refusal_is_the_last(serve: Serve, start: Start, repository: Repository) -> None:
    server = GitServer(repository.path.parent, "oauth2", "right-token")
    try:
        api = cloning(serve, f"{server.url}/net/.git", vcsType="GITLAB", accessToken="old-token")
        giving(api, 200, {"token": "wrong-too"})
        assert start(api).wait(10) == 10
    finally:
        server.stop()
    assert len(api.made("POST", "/source-token")) == 1
    assert "Authentication failed" in api.attempt.result["message"]  # type: ignore[index]


def test_a_step_without_a_token_ends_with_the_sites_reason(serve: Serve, start: Start, repository: Repository) -> None:
    server = GitServer(repository.path.parent, "oauth2", "right-token")
    words = {"format": "The App is not installed for {repository}.", "values": {"repository": "a/b"}}
    refusal = {"code": "no-token", "detail": "The App is not installed for a/b.", "retryAfter": None, **words}
    try:
        api = cloning(serve, f"{server.url}/net/.git", vcsType="GITLAB")
        answers = [{**refusal, "retryAfter": 0}, refusal]
        api.before = lambda call: (409, {"errors": [answers.pop(0)]}) if call.path == "/source-token" else None
        assert start(api).wait(10) == 10
    finally:
        server.stop()
    assert answers == []
    result = api.attempt.result
    assert result is not None
    assert (result["reason"], result["message"]) == ("source-failed", "The App is not installed for a/b.")
    assert result["sentence"] == words


LOOK = "env | grep -c 'TERRAKUBE_GIT\\|gh[o]_' || echo clean; grep -r gh[o]_ .git ${0%/*} || echo clean"


def fetching(serve: Serve, url: str, token: str | None, **fields: Any) -> ApiServer:
    """A step whose token is for the fetching alone, as of a fork."""
    script = {"runtime": "BASH", "script": "cat a.txt; " + LOOK}
    api = cloning(serve, f"{url}/net/.git", vcsType="GITLAB", commandList=[script], **fields)
    api.attempt.answer |= {"fetchOnly": True, "fetchToken": token}
    return api


def test_a_token_for_the_fetching_is_gone_before_anything_of_the_source_runs(
    serve: Serve, start: Start, repository: Repository
) -> None:
    server = GitServer(repository.path.parent, "oauth2", "gho_right")
    try:
        apis = fetching(serve, server.url, "gho_right"), fetching(serve, server.url, None)
        giving(apis[1], 200, {"token": "gho_right"})
        agents = [start(api) for api in apis]
        assert [agent.wait() for agent in agents] == [0, 0], apis[0].log + apis[1].log
    finally:
        server.stop()
    for api in apis:
        assert "first0\nclean\nclean" in api.log
        assert "***" not in api.log
    assert apis[0].made("POST", "/source-token") == []
    [asked] = apis[1].made("POST", "/source-token")
    assert json.loads(asked.body) == {"fetchOnly": True}


def test_a_fork_reads_no_other_repository_by_a_submodule_or_a_module(
    serve: Serve, start: Start, repository: Repository, tmp_path: Path
) -> None:
    server = GitServer(repository.path.parent, "oauth2", "gho_right")
    other = Repository(tmp_path / "repositories" / "secret")
    other.commit("secret")
    try:
        (repository.path / "main.tf").write_text(f'module "m" {{ source = "git::{server.url}/secret/.git" }}\n')
        repository.commit("module")
        module = cloning(serve, f"{server.url}/net/.git", type="terraformPlan", vcsType="GITLAB", commandList=[])
        module.attempt.answer |= {"fetchOnly": True, "fetchToken": "gho_right"}
        assert start(module).wait() == 10
        repository.git("submodule", "--quiet", "add", f"file://{other.path}", "in")
        repository.git("config", "-f", ".gitmodules", "submodule.in.url", f"{server.url}/secret/.git")
        repository.commit("submodule")
        submodule = fetching(serve, server.url, "gho_right")
        assert start(submodule, GIT_ALLOW_PROTOCOL="http").wait() == 10
    finally:
        server.stop()
    assert module.attempt.result["reason"] == "init-failed"  # type: ignore[index]
    assert "could not read Username" in module.log
    assert "A submodule could not be fetched" in submodule.attempt.result["message"]  # type: ignore[index]
    assert submodule.made("POST", "/source-token") == []


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
    access = RepositoryAccess(source="https://git.example:8443/a.git", vcs_type="GITLAB", access_token="t")
    with git_environment(access, {"GIT_CONFIG_COUNT": "1"}, tmp_path) as environment:
        assert environment["GIT_CONFIG_COUNT"] == "3"
        assert environment["GIT_CONFIG_KEY_2"] == "credential.https://git.example:8443.helper"
        helper = Path(environment["GIT_CONFIG_VALUE_2"])
        assert "t0ken" not in helper.read_text()
        assert helper.stat().st_mode & 0o777 == 0o700
    assert list(tmp_path.iterdir()) == []


def test_a_kind_of_repository_that_we_cannot_log_in_to_is_said() -> None:
    with pytest.raises(RepositoryAccessError, match="MERCURIAL"):
        RepositoryAccess(source="https://git.example/a.git", vcs_type="MERCURIAL", access_token="t").login()


def test_an_ssh_key_is_a_private_file_for_as_long_as_git_runs(tmp_path: Path) -> None:
    access = RepositoryAccess(source="git@git.example:a.git", vcs_type="SSH~id_ed25519", access_token="KEY\r\nEND")
    with git_environment(access, {}, tmp_path) as environment:
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
    after = {"runtime": "BASH", "script": 'echo "left: $GIT_SSH_COMMAND $(ls ${0%/*})"'}
    api = serve({"main.tf": main}, moduleSshKey="MODULE-KEY-TEXT", onFailureList=[after])
    assert start(api, PATH=f"{fake}:{os.environ['PATH']}").wait() == 10
    assert (tmp_path / "key").read_text() == "MODULE-KEY-TEXT\n"
    assert "StrictHostKeyChecking=no" in (tmp_path / "called").read_text()
    assert "left:  userScript.sh" in api.log


MODULE = 'module "m" {{ source = "git::{url}/net/.git" }}\n'


@pytest.mark.parametrize("own", [False, True])
def test_init_logs_in_on_the_sources_host_unless_the_workspace_does(
    serve: Serve, start: Start, repository: Repository, own: bool
) -> None:
    (repository.path / "main.tf").write_text('output "o" { value = 1 }\n')
    repository.commit("module")
    server = GitServer(repository.path.parent, "me" if own else "oauth2", "password-of-modules")
    helper = "!printf 'username=me\\npassword=password-of-modules\\n'; true"
    given = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "credential.helper", "GIT_CONFIG_VALUE_0": helper}
    look = {"runtime": "BASH", "script": "env | grep -c TERRAKUBE_GIT_ || echo none; ls ${0%/*}", "after": True}
    try:
        api = serve(
            {"main.tf": MODULE.format(url=server.url)},
            source=f"{server.url}/another/repository.git",
            vcsType="GITLAB",
            accessToken="of no use" if own else "password-of-modules",
            environmentVariables=given if own else {},
            commandList=[{**look, "before": True, "after": False, "beforeInit": True}, look],
        )
        assert start(api).wait() == 0, api.log
    finally:
        server.stop()
    assert api.log.count("\nnone\nuserScript.sh\n") == 2
    assert "password-of-modules" not in api.log


def test_init_may_use_the_sources_key_on_the_sources_host_behind_the_key_for_modules(
    serve: Serve, start: Start, tmp_path: Path
) -> None:
    fake = tmp_path / "bin"
    fake.mkdir()
    # git gives options, host and command.
    (fake / "ssh").write_text(
        "#!/bin/bash\nfor host in git.example other.example; do\n"
        '  echo "$host:"; /usr/bin/ssh -G "${@:1:$#-2}" "$host" | grep ^identityfile\n'
        f'done >{tmp_path}/called\ncat "${{2%/*}}"/*.key >{tmp_path}/keys; exit 1\n'
    )
    (fake / "ssh").chmod(0o755)
    main = 'module "m" { source = "git::ssh://git@git.example/m.git" }\n'
    fields = {"source": "git@git.example:a.git", "vcsType": "SSH~id_rsa", "accessToken": "SOURCE-KEY"}
    path = f"{fake}:{os.environ['PATH']}"

    api = serve({"main.tf": main}, moduleSshKey="MODULE-KEY", **fields)
    assert start(api, PATH=path).wait() == 10
    assert (tmp_path / "keys").read_text() == "MODULE-KEY\nSOURCE-KEY\n"
    known, other = (tmp_path / "called").read_text().split("other.example:")
    assert [line.rpartition("/")[2] for line in known.splitlines()[1:]] == ["module.key", "source.key"]
    assert [line.rpartition("/")[2] for line in other.splitlines()[1:]] == ["module.key"]

    alone = serve({"main.tf": main}, **fields)
    assert start(alone, PATH=path).wait() == 10
    known, other = (tmp_path / "called").read_text().split("other.example:")
    assert "source.key" in known
    assert "source.key" not in other


def test_a_server_with_ssh_rsa_alone_is_told_and_accepted_where_the_key_says_so(
    serve: Serve, start: Start, tmp_path: Path
) -> None:
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "ssh").write_text(
        f'#!/bin/sh\necho "$@" >>{tmp_path}/called\n'
        "echo 'Unable to negotiate with 10.0.0.7 port 22: no matching host key type found. Their offer: ssh-rsa' >&2\n"
        "exit 255\n"
    )
    (fake / "ssh").chmod(0o755)
    main = {"main.tf": 'module "m" { source = "git::ssh://git@git.example/m.git" }\n'}
    source = {"source": "git@git.example:a.git", "vcsType": "SSH~id_rsa", "accessToken": "KEY"}
    clone = {"type": "customScripts", "branch": "main", "commandList": [SHOW], **source}
    switched, not_switched = {"sourceSshRsa": True, "moduleSshRsa": True}, {"moduleSshRsa": False}
    for claim in (switched, not_switched):
        apis = serve(None, claim=claim, **clone), serve(main, claim=claim, moduleSshKey="KEY")
        for api in apis:
            assert start(api, PATH=f"{fake}:{os.environ['PATH']}").wait() == 10
            assert api.attempt.result is not None
            assert api.attempt.result["message"] == (
                "The SSH server 10.0.0.7 offers only ssh-rsa, which OpenSSH refuses because it uses SHA-1. Renew the "
                "server's host keys, or allow ssh-rsa in the SSH key."
            )
        calls = (tmp_path / "called").read_text().splitlines()
        options = "-o HostKeyAlgorithms=+ssh-rsa -o PubkeyAcceptedAlgorithms=+ssh-rsa"
        assert {options in call for call in calls} == {claim is switched}
        (tmp_path / "called").unlink()
