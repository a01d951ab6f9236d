"""The calls that a dialect knows: a table of method and path, each with the check of what is sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.vcs.provider.calls import Call, Reply, Wrong
from tests.vcs.provider.fields import Field, check_fields

type Handler = Callable[..., Reply]
PAGES: Mapping[str, Field] = {
    "page": Field(str, required=False),
    "per_page": Field(str, required=False),
    "limit": Field(str, required=False),
}


@dataclass(frozen=True, slots=True)
class Route:
    """A call. ``needs`` is the permission that it takes, as ``subject:level``, or how else it is authorized.

    Behind a slash stands what a user must have in the repository, where that is not the level.
    """

    method: str
    path: str
    handler: Handler
    needs: str
    body: Mapping[str, Field] | None
    query: Mapping[str, Field]
    pattern: re.Pattern[str]


class Routes:
    """A table of routes; ``add`` decorates a handler, which gets the API, the call and the parts of the path."""

    def __init__(self) -> None:
        self.all: list[Route] = []

    def add(
        self,
        method: str,
        path: str,
        *,
        needs: str,
        body: Mapping[str, Field] | None = None,
        query: Mapping[str, Field] | None = None,
    ) -> Callable[[Handler], Handler]:
        """Have a handler answer ``method path``; a part ``{name...}`` of the path may hold slashes."""
        pattern = re.sub(r"\{(\w+)\.\.\.\}", r"(?P<\1>.+)", path)
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)

        def decorate(handler: Handler) -> Handler:
            self.all.append(Route(method, path, handler, needs, body, query or {}, re.compile(pattern)))
            return handler

        return decorate

    def find(self, call: Call, path: str) -> tuple[Route, dict[str, str]]:
        """Return the route of a call and the parts of its path. Raises Wrong where there is none."""
        methods = []
        for route in self.all:
            if found := route.pattern.fullmatch(path):
                if route.method == call.method:
                    return route, found.groupdict()
                methods.append(route.method)
        if methods:
            raise Wrong(405, f"{path} takes {', '.join(methods)}")
        raise Wrong(404, "there is no such call")


def check_shape(route: Route, call: Call) -> None:
    """Raise Wrong for a query or a body that the call does not take."""
    check_fields(call.query, route.query)
    if route.body is not None:
        # A body whose fields are all optional may be missing.
        check_fields(call.json() if call.body else {}, route.body)
    elif call.body:
        raise Wrong(400, "it takes no body")
