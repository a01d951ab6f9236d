"""A site whose database was restored to a moment before the claim, while the executor is at work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from executors.contract import last_words
from executors.contract.exit_codes import FENCED, REFUSED
from tests.agent.api_server import ApiServer
from tests.agent.harness import Agent

type Serve = Callable[..., ApiServer]
type Start = Callable[..., Agent]

WORKS = "echo begun; while [ ! -e done ]; do sleep 0.1; done; echo ended"


def working(serve: Serve) -> ApiServer:
    return serve({}, type="customScripts", commandList=[{"runtime": "BASH", "script": WORKS}])


def test_the_session_that_runs_the_step_claims_once_more_and_its_commands_go_on(serve: Serve, start: Start) -> None:
    api = working(serve)
    agent = start(api)
    api.wait(lambda: "begun" in api.log)
    (first,) = api.made("POST", "/claim")
    # The site knows nothing of the claim and of the log any more.
    api.attempt.session = None
    api.wait(lambda: len(api.made("POST", "/claim")) > 1)
    again = api.made("POST", "/claim")[1]
    assert again.body == first.body
    (folder,) = agent.work.glob("*/source")
    (folder / "done").touch()
    assert agent.wait() == 0
    assert api.attempt.result is not None
    assert api.attempt.result["outcome"] == "succeeded"
    assert api.log.count("begun") == 1


def test_a_session_that_may_not_claim_again_is_fenced_and_says_that_it_had_run(
    serve: Serve, start: Start, tmp_path: Path
) -> None:
    api = working(serve)
    kept = tmp_path / "termination"
    agent = start(api, **{last_words.NAME: str(kept)})
    api.wait(lambda: "begun" in api.log)
    assert kept.read_text() == last_words.CLAIMED
    # Another one has claimed it since.
    api.attempt.session = "t" * 43
    assert agent.wait() == FENCED
    assert kept.read_text() == last_words.CLAIMED


def test_who_is_refused_says_that_it_had_not_claimed(serve: Serve, start: Start, tmp_path: Path) -> None:
    api = working(serve)
    kept = tmp_path / "termination"
    api.before = lambda call: (410, {"errors": [{"detail": "Over.", "code": "attempt-over"}]})
    assert start(api, **{last_words.NAME: str(kept)}).wait() == REFUSED
    assert kept.read_text() == last_words.UNCLAIMED
