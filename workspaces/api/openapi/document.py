"""The whole description, built by drf-spectacular."""

from __future__ import annotations

from typing import Any

from drf_spectacular.generators import SchemaGenerator

from workspaces.api.openapi import other_endpoints, resources
from workspaces.api.openapi.parts import SHARED


class Generator(SchemaGenerator):
    """Describes the resources from what they say of themselves, since one view serves all of their paths."""

    def parse(self, input_request: Any, public: bool) -> dict[str, Any]:
        return resources.paths() | other_endpoints.paths()

    def get_schema(self, request: Any = None, public: bool = False) -> dict[str, Any]:
        schema: dict[str, Any] = super().get_schema(request=request, public=public)  # type: ignore[no-untyped-call]
        schema["components"] = {
            "schemas": SHARED | resources.schemas(),
            "examples": resources.example_records(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "session": {"type": "apiKey", "in": "cookie", "name": "sessionid"},
            },
        }
        schema["security"] = [{"bearer": []}, {"session": []}]
        return schema


def document() -> dict[str, Any]:
    """Return the description as a dictionary; the same at every call."""
    return Generator().get_schema(public=True)  # type: ignore[no-untyped-call]
