"""What the program in the pod reports beside its sentence, and what the site takes of it."""

from __future__ import annotations

from typing import Any

import pytest

from executors.agent.errors import StepFailed
from terrakube_site.sentences import Sentence, as_json, read_sentence


def test_a_sentence_is_reported_with_its_format_and_values() -> None:
    failed = StepFailed("script-failed", "A script ended with exit code {code}.", code=3, exit_code=3)
    assert (failed.message, str(failed), failed.exit_code) == ("A script ended with exit code 3.",) * 2 + (3,)
    reported = as_json(failed.message)
    assert reported == {"format": "A script ended with exit code {code}.", "values": {"code": "3"}}
    assert read_sentence(reported, failed.message) == failed.message
    # What a command said is no format, whatever is in it.
    told = StepFailed("terraform-failed", 'Error: "${x}" {y} {}')
    assert told.message == 'Error: "${x}" {y} {}'
    assert read_sentence(as_json(told.message), told.message) is None
    assert as_json("said by an older executor") is None
    assert StepFailed("source-failed", Sentence("{a} is gone", a="x")).message.values == {"a": "x"}


@pytest.mark.parametrize(
    "reported",
    [
        None,
        "{x}",
        {"format": "Ended with {x}."},
        {"format": "Ended with {x}.", "values": {}},
        {"format": "Ended with {x}.", "values": {"x": 3}},
        {"format": "Ended with {x}.", "values": {"x": "4"}},
        {"format": "Ended with {x}.", "values": {"x": "3", "y": ""}},
        {"format": "Ended with {x:>9}.", "values": {"x": "3"}},
        {"format": "Ended with {x.real}.", "values": {"x": "3"}},
        {"format": "Ended with {0}.", "values": {"0": "3"}},
        {"format": 3, "values": {}},
    ],
)
def test_what_makes_another_text_than_the_reported_is_not_taken(reported: Any) -> None:
    assert read_sentence(reported, "Ended with 3.") is None
