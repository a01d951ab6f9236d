"""Text as Java serializes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.terrakube import java

# As Terrakube's executor was seen to write them.
SEEN = {"2": bytes.fromhex("aced00057400 0132".replace(" ", "")), "output": b"\xac\xed\x00\x05t\x00\x06output"}


@pytest.mark.parametrize("text", SEEN)
def test_keys_are_those_that_were_seen(text: str) -> None:
    assert java.dumps(text) == SEEN[text]
    assert java.loads(SEEN[text]) == text


def test_a_long_text_has_a_length_of_eight_bytes() -> None:
    assert java.dumps("x" * 65_535)[4:7] == b"t\xff\xff"
    long = java.dumps("ü" * 40_000)
    assert long[4:13] == b"|" + (80_000).to_bytes(8)
    assert java.loads(long) == "ü" * 40_000


def test_utf_8_is_modified_as_java_has_it() -> None:
    assert java.dumps("\0") == b"\xac\xed\x00\x05t\x00\x02\xc0\x80"
    assert java.dumps("🙂") == b"\xac\xed\x00\x05t\x00\x06\xed\xa0\xbd\xed\xb9\x82"


@given(st.text())
def test_every_text_comes_back(text: str) -> None:
    assert java.loads(java.dumps(text)) == text


@given(st.binary())
def test_what_is_no_serialized_text_is_refused(data: bytes) -> None:
    for broken in (data, java.dumps("text")[:-1], java.dumps("text") + data + b"x"):
        with pytest.raises(java.NotSerialized):
            java.loads(broken)


def test_half_a_character_is_shown_as_lost() -> None:
    assert java.loads(b"\xac\xed\x00\x05t\x00\x03\xed\xa0\xbd") == "�"
    with pytest.raises(java.NotSerialized):
        java.loads(b"\xac\xed\x00\x05t\x00\x01\xff")
