"""A state that terraform prints as a last resort is kept, and not shown."""

from __future__ import annotations

import json

import pytest

from executors.agent.state.printed_state import NOTE, PrintedState

STATE = {
    "version": 4,
    "terraform_version": "1.11.4",
    "serial": 3,
    "lineage": "d467ea04-cd34-9178-54af-383b678197c3",
    "outputs": {"s": {"value": 'a "secret" }\n{', "type": "string"}},
    "resources": [{"name": "a", "instances": [{"attributes": {"password": "h\u00fcnter2"}}]}],
}
INDENTED = json.dumps(STATE, indent=2).encode() + b"\n"
ONE_LINE = json.dumps(STATE, separators=(",", ":")).encode() + b"\n"
EVENT = (
    b'{"@level":"info","@message":"Emergency state dump","@module":"terraform.ui","state":'
    + ONE_LINE.strip()
    + b',"type":"log"}\n'
)
ENCRYPTED = b'{"serial":3,"lineage":"x","meta":{"k":"v"},"encrypted_data":"aGk=","encryption_version":"v0"}\n'
BEFORE = b"\x1b[1mterraform_data.a: Creation complete after 0s [id=1]\x1b[0m\n\x1b[0m"
AFTER = b"\n\x1b[31mError: \x1b[0mFailed to save state\n"


def fed(output: bytes, size: int) -> tuple[bytes, bytes | None]:
    printed = PrintedState()
    shown = b"".join(printed.feed(output[at : at + size]) for at in range(0, len(output), size))
    return shown + printed.finish(), printed.state


@pytest.mark.parametrize("size", [1, 2, 7, 64, 100_000])
@pytest.mark.parametrize("state", [INDENTED, ONE_LINE, EVENT, ENCRYPTED], ids=["indented", "line", "json", "encrypted"])
def test_a_printed_state_is_kept_and_not_shown(state: bytes, size: int) -> None:
    shown, kept = fed(BEFORE + b"\n" + state + AFTER, size)
    assert shown == BEFORE + b"\n" + NOTE + AFTER
    assert kept is not None
    assert json.loads(kept) == (json.loads(state) if state is ENCRYPTED else STATE)


@pytest.mark.parametrize("size", [1, 5, 100_000])
@pytest.mark.parametrize("state", [INDENTED, ONE_LINE, EVENT])
def test_a_state_that_is_not_printed_to_its_end_is_not_shown_either(state: bytes, size: int) -> None:
    shown, kept = fed(BEFORE + b"\n" + state[:-20], size)
    assert shown == BEFORE + b"\n" + NOTE
    assert kept is None


@pytest.mark.parametrize("size", [1, 3, 100_000])
@pytest.mark.parametrize(
    "output",
    [
        b"{\n  an object\n}\n",
        b'{\n  "version": 4\n}\n',
        b'{"version":4,"message":"no state"}\nnext\n',
        b'{"@level":"info","@message":"Plan: 1 to add","state":{"serial":1,"lineage":"x"}}\n',
        b'terraform_data.a (local-exec): {"version":4,"serial":1,"lineage":"x"}\n',
        b'  + input = {"version":4}\n{',
        b"\n\n\n{}\n\x1b[0m\n\x1b[1m{bold\n",
        b'\x1b[33m{\x1b[0m\n  "serial" \n',
        b"no end",
        b"",
    ],
)
def test_other_output_is_shown_as_it_is(output: bytes, size: int) -> None:
    assert fed(output, size) == (output, None)
