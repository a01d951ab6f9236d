"""Sensitive values never get through, wherever the stream is cut."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from executors.contract.masking import Masker

KEY = "-----BEGIN KEY-----\nMIIEpAIBAAKC\nab\nAQEA0m59l2u9\n-----END KEY-----\n"


def masked(values: list[str], *chunks: str) -> str:
    masker = Masker(values)
    return (b"".join(masker.feed(chunk.encode()) for chunk in chunks) + masker.finish()).decode()


@pytest.mark.parametrize(
    ("values", "text", "shown"),
    [
        (["hunter2"], "pw hunter2 and hunter22\n", "pw *** and hunter22\n"),
        (["hunter-2"], "pw hunter-2 and hunter-22\n", "pw *** and ***2\n"),
        (["abcd", "abcdef"], "abcdef abcd", "*** ***"),
        (["abcdefgh", "efghijkl"], "xabcdefghijklx", "x***x"),
        (["aaaaaaaa"], "aaaaaaaaaaaaaa", "***"),
        (["yes"], "yes, yesterday: eyes=yes", "***, yesterday: eyes=***"),
        (["7"], "7 of 17: 7", "7 of 17: 7"),
        (["8080", "1.5", "-3e2"], "8080 1.5 -3e2", "8080 1.5 -3e2"),
        (["12345678"], "x12345678", "x***"),
        (["true", "False", "null"], "true False null", "true False null"),
        ([KEY], f"a\n{KEY}b\n", "a\n***\nb\n"),
        ([KEY], "  + MIIEpAIBAAKC\n  + ab\n", "  + ***\n  + ab\n"),
        (['say "x"\n<&>'], json.dumps('say "x"\n<&>'), '"***"'),
        (['say "x"\n<&>'], '"say \\"x\\"\\n\\u003c\\u0026\\u003e"', '"***"'),
        (["cost ${x}"], "cost $${x}", "***"),
        (["grüße"], "viele grüße; gr\\u00fc\\u00dfe", "viele ***; ***"),
        (["", "  \n"], "nothing here", "nothing here"),
        ([], "plain", "plain"),
    ],
)
def test_values_are_masked(values: list[str], text: str, shown: str) -> None:
    assert masked(values, text) == shown
    assert masked(values, *text) == shown


def test_the_beginning_of_a_value_is_held_until_more_comes() -> None:
    masker = Masker(["hunter2"])
    assert masker.feed(b"password: hunt") == b"password: "
    assert masker.feed(b"er2\n") == b"***\n"
    assert masker.feed(b"hunt") == b""
    assert masker.feed(b"ing\n") == b"hunting\n"


def test_what_cannot_become_a_value_is_not_held() -> None:
    masker = Masker(["hunter2"])
    assert masker.feed(b"Enter a name: ") == b"Enter a name: "


def test_a_short_value_at_a_cut_waits_to_see_whether_it_is_a_word() -> None:
    masker = Masker(["no"])
    assert masker.feed(b"say no") == b"say "
    assert masker.feed(b"thing, no") == b"nothing, "
    assert masker.finish() == b"***"


@given(
    text=st.text(alphabet="abc \n", max_size=60),
    values=st.lists(st.text(alphabet="abc", min_size=1, max_size=6), max_size=4),
    cuts=st.lists(st.integers(0, 60), max_size=6),
)
@settings(max_examples=300, deadline=None)
def test_the_cuts_of_the_stream_change_nothing(text: str, values: list[str], cuts: list[int]) -> None:
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    chunks = [text[start:end] for start, end in pairwise(places)]
    whole = masked(values, text)
    assert masked(values, *chunks) == whole
    for value in values:
        if len(value) >= 4:
            assert value not in whole


def test_a_large_value_is_masked_and_costs_little() -> None:
    value = "".join(chr(33 + index * 7 % 90) for index in range(200_000))
    text = "x" * 70_000 + value + "y" * 70_000
    chunks = [text[start : start + 65_536] for start in range(0, len(text), 65_536)]
    assert masked([value], *chunks) == "x" * 70_000 + "***" + "y" * 70_000
