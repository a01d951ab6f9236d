"""A client of the API as a test's teams have one: a token, JSON:API documents, Terrakube's media type."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse
from django.test import Client

from workspaces.actors import TokenUser
from workspaces.services.tokens import create_token

MEDIA_TYPE = "application/vnd.api+json"


def token_of(*groups: str, name: str = "somebody@example.com") -> str:
    """The token of somebody in some groups."""
    return create_token(by=TokenUser(name=name, email=name, groups=frozenset(groups)))[1]


@dataclass
class Api:
    """Calls below /api/v1 with one token; an empty one sends none."""

    token: str = ""
    prefix: str = "/api/v1/"
    client: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        sent = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.client.generic(  # type: ignore[return-value]
            method, self.prefix + path, data, content_type=MEDIA_TYPE, headers=sent | headers
        )

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.call("GET", path, **headers)

    def read(self, path: str) -> Any:
        """The document at a path, which must be there."""
        response = self.get(path)
        assert response.status_code == 200, response.content
        return json.loads(response.content)

    def post(
        self, path: str, type_name: str, attributes: Any = None, relationships: dict[str, Any] | None = None
    ) -> HttpResponse:
        data: dict[str, Any] = {"type": type_name, "attributes": attributes or {}}
        if relationships is not None:
            data["relationships"] = {
                name: {"data": None if value is None else {"type": value[0], "id": str(value[1])}}
                for name, value in relationships.items()
            }
        return self.call("POST", path, {"data": data})

    def made(
        self, path: str, type_name: str, attributes: Any = None, relationships: dict[str, Any] | None = None
    ) -> Any:
        """The resource object that a creation answers with."""
        response = self.post(path, type_name, attributes, relationships)
        assert response.status_code == 201, response.content
        return json.loads(response.content)["data"]

    def patch(self, path: str, type_name: str, attributes: Any = None) -> HttpResponse:
        key = path.split("?")[0].rstrip("/").rpartition("/")[2]
        return self.call("PATCH", path, {"data": {"type": type_name, "id": key, "attributes": attributes or {}}})

    def delete(self, path: str) -> HttpResponse:
        return self.call("DELETE", path)


def detail(response: HttpResponse) -> str:
    """The first sentence of an error."""
    return str(json.loads(response.content)["errors"][0]["detail"])
