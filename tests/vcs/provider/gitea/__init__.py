"""A fake Gitea, whose deliveries are those of Forgejo too."""

from tests.vcs.provider.gitea.dialect import Gitea

__all__ = ["Gitea"]
