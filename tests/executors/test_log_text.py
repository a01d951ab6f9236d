"""What a reader sees of a log: every printable character in its order, and of control sequences colours and styles."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from executors.logs.readable_text import readable_log
from terrakube_site.visible import HIDING, visible

STYLE = re.compile("\x1b\\[([0-9;:]*)m")
HIDDEN = re.compile(f"[{HIDING}]")
# What a log is made of by somebody who wants to lie: the beginnings and ends of sequences, and text between them.
PIECES = st.one_of(
    st.binary(max_size=12),
    st.text(max_size=6).map(lambda text: text.encode(errors="replace")),
    st.sampled_from(
        [
            b"\x1b", b"\x1b[", b"[", b"m", b"8", b";", b":", b"38;5;8", b"\x1b[31m", b"\x1b[0;8m", b"\x1b[38;8m",
            b"\r", b"\n", b"\r\n", b"\t", b"\b", b"\x9b2J", b"\xc2\x9b2J",
            b"\x1b]0;title\x07", b"\x1b]8;;http://x\x1b\\", b"\x1bP1$r\x1b\\",
            b"\x1b[2J", b"\x1b[?1049h", b"\x1b[c", b"\x1bc", b"\x00", b"\x7f", b"\xe2\x80\xae", b"\xe2\x80", b"plan",
        ]
    ),
)  # fmt: skip
LOGS = st.lists(PIECES, max_size=30).map(b"".join)


def shown(data: bytes, *, colours: bool = True) -> str:
    return readable_log(data, final=True, colours=colours).text


def in_pieces(data: bytes, sizes: list[int], *, colours: bool = True) -> str:
    """The same log as it is read while it grows, in pieces of some sizes."""
    text, rest = "", b""
    for size in sizes:
        piece, data = data[:size], data[size:]
        part = readable_log(rest + piece, final=False, colours=colours)
        text, rest = text + part.text, (rest + piece)[part.taken :]
    return text + shown(rest + data, colours=colours)


def is_subsequence(wanted: str, text: str) -> bool:
    rest = iter(text)
    return all(character in rest for character in wanted)


def printable(data: bytes) -> str:
    """The characters of a log that a reader can see, without the styles between them."""
    text = data.decode(errors="backslashreplace")
    return HIDDEN.sub("", STYLE.sub("", text))


@given(LOGS, st.lists(st.integers(0, 9), max_size=40))
@example(b"a\x1b[3", [2])
@example(b"\xe2\x80\xae", [1, 1])
@example(b"old\rnew\r\n", [4, 4])
def test_every_printable_character_is_seen_in_its_order_however_the_log_is_cut(data: bytes, sizes: list[int]) -> None:
    text = shown(data)
    assert in_pieces(data, sizes) == text
    assert is_subsequence(printable(data), STYLE.sub("", text))
    plain = shown(data, colours=False)
    assert in_pieces(data, sizes, colours=False) == plain
    assert is_subsequence(printable(data), plain)


@given(LOGS)
def test_nothing_acts_but_styles_newlines_tabs_and_a_return_that_is_marked(data: bytes) -> None:
    text = STYLE.sub("", shown(data))
    assert HIDDEN.sub("", text.replace("\r\u240d", "")) == text.replace("\r\u240d", "")
    assert not HIDDEN.search(shown(data, colours=False))


@given(st.text())
def test_a_text_made_visible_hides_nothing_and_stays_as_it_is(text: str) -> None:
    assert not HIDDEN.search(visible(text))
    assert visible(visible(text)) == visible(text)


def test_what_cannot_be_seen_is_known_by_the_standard() -> None:
    """Every control and format character is shown; a newer Unicode than that of the table says so."""
    missing = [
        f"{code:04X}"
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in {"Cc", "Cf", "Zl", "Zp"}
        and chr(code) not in "\t\n"
        and not HIDDEN.match(chr(code))
    ]
    assert missing == []


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m"),
        (b"\x1b[38;5;8mgrey\x1b[38;2;8;8;8m", "\x1b[38;5;8mgrey\x1b[38;2;8;8;8m"),
        (b"\x1b[4:3m\x1b[38:5:8mwavy", "\x1b[4:3m\x1b[38:5:8mwavy"),
        (b"\x1b[8mhidden", "␛[8mhidden"),
        (b"\x1b[0;08mhidden", "␛[0;08mhidden"),
        (b"\x1b[38;8mhidden", "␛[38;8mhidden"),
        (b"\x1b[48;5mhidden", "␛[48;5mhidden"),
        (b"\x1b[8:1mhidden", "␛[8:1mhidden"),
        (b"\x1b[?25lcursor", "␛[?25lcursor"),
        (b"\x1b[>4;2mkeys", "␛[>4;2mkeys"),
        (b"\x1b[2J\x1b[H\x1b[3JNo changes.", "␛[2J␛[H␛[3JNo changes."),
        (b"\x1b]0;title\x07\x1b]8;;http://x\x1b\\", "␛]0;title␇␛]8;;http://x␛\\"),
        (b"\x1b]52;c;cm0=\x07", "␛]52;c;cm0=␇"),
        (b"\x1bP1$r0m\x1b\\\x1b_a\x1b\\\x1b^p\x1b\\\x1bXs\x1b\\", "␛P1$r0m␛\\␛_a␛\\␛^p␛\\␛Xs␛\\"),
        (b"\x1b7\x1b8\x1bc\x1b(0", "␛7␛8␛c␛(0"),
        ("\x9b2J\x85\x9d0;t\x9c".encode(), "<U+009B>2J<U+0085><U+009D>0;t<U+009C>"),
        (b"\x9b2J caf\xe9", "\\x9b2J caf\\xe9"),
        (b"a\bb\vc\fd\x00e\x7ff\x07\x0e\x0f", "a␈b␋c␌d␀e␡f␇␎␏"),
        ("pay\u202ecod\u2066x\u2069".encode(), "pay<U+202E>cod<U+2066>x<U+2069>"),
        ("\u200b\u2028\ufeff".encode(), "<U+200B><U+2028><U+FEFF>"),
        (b"10%\r20%\r\n", "10%\r␍20%\n"),
        (b"destroy everything\r                  \r\r\n", "destroy everything\r␍                  \n"),
        (b"ends here\r", "ends here"),
        (b"ends\x1b[3", "ends␛[3"),
        (b"\x1b[" + b"1" * 200 + b"m", "␛[" + "1" * 200 + "m"),
        ("é ├── 日本 👍".encode(), "é ├── 日本 👍"),
    ],
)  # fmt: skip
def test_a_sequence_acts_or_is_shown(data: bytes, text: str) -> None:
    assert shown(data) == text
    assert in_pieces(data, [1] * len(data)) == text


def test_in_plain_text_nothing_is_overwritten() -> None:
    assert shown(b"\x1b[31mold\r\x1b[0mnew\x1b[8m\n", colours=False) == "old␍new␛[8m\n"


def test_a_piece_waits_for_no_more_than_the_longest_style() -> None:
    endless = b"\x1b[" + b"1;" * 10_000
    assert readable_log(endless, final=False).taken == len(endless)
    assert readable_log(b"\x1b[" + b"1" * 128, final=False).taken == 0
