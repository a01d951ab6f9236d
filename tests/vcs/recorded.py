"""An API of a provider that answers what a test gives it, and keeps what it was asked."""

from __future__ import annotations

from collections.abc import Mapping
from email.message import Message
from typing import Any, cast

from vcs.providers.base import Api, ApiAnswer, ApiError, Repository

SHA, OLD, MERGED = "a" * 40, "b" * 40, "c" * 40
REPOSITORY = Repository("https://git.example/acme/net", "acme/net")
OF_AZURE = Repository("https://dev.azure.com/acme/infra/net", "acme/infra/net")
DEEP = Repository("https://gitlab.example/acme/infra/net", "acme/infra/net")
AZURE = "/acme/infra/_apis/git/repositories/net"
GITLAB = "/projects/acme%2Finfra%2Fnet"


class RecordedApi:
    """Answers by method and path; a list is one answer after the other, an ApiError is raised."""

    def __init__(self, answers: Mapping[str, Any] | None = None, url: str = "https://api.example") -> None:
        self.url = url
        self.answers = dict(answers or {})
        self.asked: list[tuple[str, str, Any, dict[str, str | int]]] = []

    def request(
        self, method: str, path: str, data: Any = None, query: Mapping[str, str | int] | None = None
    ) -> ApiAnswer:
        self.asked.append((method, path, data, dict(query or {})))
        name = f"{method} {path}"
        if name not in self.answers:
            raise ApiError(404, f"nothing at {name}")
        answer = self.answers[name]
        if isinstance(answer, list) and answer and isinstance(answer[0], Pages):
            answer = answer[0].page(int((query or {}).get("page", 1)))
        if isinstance(answer, ApiError):
            raise answer
        return ApiAnswer(200, Message(), answer)

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> ApiAnswer:
        return self.request("GET", path, query=query)

    def post(self, path: str, data: Any = None, query: Mapping[str, str | int] | None = None) -> ApiAnswer:
        return self.request("POST", path, data, query)

    def put(self, path: str, data: Any = None, query: Mapping[str, str | int] | None = None) -> ApiAnswer:
        return self.request("PUT", path, data, query)

    def patch(self, path: str, data: Any = None, query: Mapping[str, str | int] | None = None) -> ApiAnswer:
        return self.request("PATCH", path, data, query)

    def delete(self, path: str, query: Mapping[str, str | int] | None = None) -> ApiAnswer:
        return self.request("DELETE", path, query=query)


class Pages:
    """Rows that come in pages of some size."""

    def __init__(self, rows: list[Any], size: int = 100) -> None:
        self.rows, self.size = rows, size

    def page(self, number: int) -> list[Any]:
        return self.rows[(number - 1) * self.size : number * self.size]


def as_api(recorded: RecordedApi) -> Api:
    return cast(Api, recorded)
