"""Fixtures of the agent's tests: an API server and agent processes that end with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.api_server import ApiServer
from tests.agent.harness import Agent, answer, archive, job


@pytest.fixture
def serve() -> Iterator[Callable[..., ApiServer]]:
    """Makes an API server: `serve(files, job fields…, claim={…})`."""
    servers: list[ApiServer] = []

    def make(files: dict[str, str] | None = None, *, claim: dict[str, Any] | None = None, **fields: Any) -> ApiServer:
        server = ApiServer(answer(job(**fields), **(claim or {})))
        if files is not None:
            server.attempt.files["/source"] = archive(files)
        servers.append(server)
        return server

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Agent]]:
    """Starts an agent: `start(api, data=…, user=…, NAME=value…)`."""
    agents: list[Agent] = []

    def make(api: ApiServer, **options: Any) -> Agent:
        directory = tmp_path / f"agent-{len(agents)}"
        directory.mkdir()
        agents.append(Agent(api, directory, **options))
        return agents[-1]

    yield make
    for agent in agents:
        agent.stop()
