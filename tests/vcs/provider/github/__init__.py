"""A fake GitHub: as an Enterprise Server, whose API is below /api/v3."""

from tests.vcs.provider.github.dialect import GitHub

__all__ = ["GitHub"]
