"""The fake providers of these tests."""

from tests.vcs.provider.fixtures import gitea, github, provider

__all__ = ["gitea", "github", "provider"]
