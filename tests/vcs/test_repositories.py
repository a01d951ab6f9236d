"""One repository has one normalized address, however its source is written, and a path as the provider calls it."""

from __future__ import annotations

import pytest

from vcs.providers.base import Repository, normalized

AZURE = "https://dev.azure.com/acme/infra/network"
SAME = {
    "plain": ("https://github.com/acme/network", "https://github.com/acme/network"),
    "git-suffix": ("https://github.com/Acme/Network.git", "https://github.com/acme/network"),
    "slash": ("https://github.com/acme/network.git/", "https://github.com/acme/network"),
    "login": ("https://ann:secret@github.com/acme/network", "https://github.com/acme/network"),
    "spaces": ("  https://github.com/acme/network ", "https://github.com/acme/network"),
    "scp": ("git@github.com:acme/network.git", "https://github.com/acme/network"),
    "ssh": ("ssh://git@git.example:2222/acme/network.git", "https://git.example/acme/network"),
    "port": ("https://git.example:3000/acme/network.git", "https://git.example:3000/acme/network"),
    "standard-port": ("https://git.example:443/acme/network.git", "https://git.example/acme/network"),
    "subgroups": ("https://gitlab.com/acme/infra/network.git", "https://gitlab.com/acme/infra/network"),
    "azure": ("https://acme@dev.azure.com/acme/infra/_git/network", AZURE),
    "azure-quoted": ("https://dev.azure.com/acme/in%20fra/_git/network", "https://dev.azure.com/acme/in fra/network"),
    "azure-older-host": ("https://acme.visualstudio.com/infra/_git/network", AZURE),
    "azure-collection": ("https://acme.visualstudio.com/DefaultCollection/infra/_git/network", AZURE),
    "azure-ssh": ("git@ssh.dev.azure.com:v3/acme/infra/network", AZURE),
    "azure-of-its-project": ("https://dev.azure.com/acme/_git/network", "https://dev.azure.com/acme/network/network"),
    "no-host": ("/srv/git/network", ""),
    "empty": ("", ""),
    "no-port": ("https://git.example:port/acme/network", ""),
}


@pytest.mark.parametrize(("url", "wanted"), SAME.values(), ids=SAME)
def test_a_repository_has_one_address(url: str, wanted: str) -> None:
    assert normalized(url) == wanted


PATHS = {
    "github": ("https://github.com/Acme/Network.git", "https://github.com", "Acme/Network"),
    "gitlab-below-a-path": ("https://git.example/gitlab/a/b/c.git", "https://git.example/gitlab/", "a/b/c"),
    "azure": ("https://acme@dev.azure.com/acme/in fra/_git/network", "", "acme/in fra/network"),
    "ssh": ("git@gitlab.com:acme/infra/network.git", "https://gitlab.com", "acme/infra/network"),
}


@pytest.mark.parametrize(("url", "endpoint", "path"), PATHS.values(), ids=PATHS)
def test_a_repository_is_called_by_its_path(url: str, endpoint: str, path: str) -> None:
    repository = Repository.of(url, endpoint)
    assert (repository.path, f"{repository.owner}/{repository.name}") == (path, path)


@pytest.mark.parametrize("url", ["", "https://github.com", "https://github.com/acme", "https://[/a/b"])
def test_a_source_without_a_repository_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"is not a repository|Invalid|netloc"):
        Repository.of(url)
