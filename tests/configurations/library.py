"""Git repositories that configurations come from, and one with modules that they use."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import uuid4

from tests.spine.sources import GitServer, Repository

_LABEL = """
variable "name" { type = string }
resource "terraform_data" "label" { input = "${var.name}-VERSION" }
output "label" { value = terraform_data.label.output }
"""


class Library:
    """A git server whose repository at ``url`` has the module ``modules/label``, tagged v1 and changed since."""

    def __init__(self, server: GitServer) -> None:
        self._server = server
        modules = server.repository("library", {"modules/label/main.tf": _LABEL.replace("VERSION", "first")})
        modules.tag("v1")
        modules.commit({"modules/label/main.tf": _LABEL.replace("VERSION", "second")})
        self.url = modules.url

    def repository(self, files: Mapping[str, str]) -> Repository:
        """Return a repository of its own for one run of a configuration."""
        return self._server.repository(f"configuration-{uuid4().hex[:10]}", files)
