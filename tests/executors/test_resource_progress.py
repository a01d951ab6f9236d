"""Progress by resource, from what terraform and tofu really printed: with colours, and without in a replacement."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from executors.logs.resource_progress import Progress, ProgressReader, span_seconds

OUTPUT = Path(__file__).parent / "apply_output"
NOON = dt.datetime(2027, 1, 1, 12, tzinfo=dt.UTC)
ALL = {
    "terraform_data.quick",
    "terraform_data.slow",
    "terraform_data.bad[0]",
    "terraform_data.bad[1]",
    'terraform_data.many["a b"]',
    'terraform_data.many["c: Creating..."]',
    'terraform_data.many["d\\"e"]',
}


def read(data: bytes, pieces: int = 7) -> dict[str, Progress]:
    reader = ProgressReader()
    for start in range(0, len(data), pieces):
        reader.feed(data[start : start + pieces], NOON + dt.timedelta(seconds=start))
    return reader.resources


def printed(name: str) -> bytes:
    return (OUTPUT / name).read_bytes()


@pytest.mark.parametrize("tool", ["terraform", "tofu"])
def test_each_created_resource_is_told_and_the_failed_one_as_failed(tool: str) -> None:
    found = read(printed(f"{tool}-create.log"))
    assert set(found) == ALL
    assert {row.address for row in found.values() if row.failed} == {"terraform_data.bad[0]"}
    assert {row.act for row in found.values()} == {"create"}
    assert {row.acts for row in found.values() if not row.failed} == {1}
    assert found["terraform_data.slow"].seconds == 11
    assert not any(row.running for row in found.values())


@pytest.mark.parametrize("tool", ["terraform", "tofu"])
def test_a_replacement_is_two_acts_and_a_change_is_one(tool: str) -> None:
    found = read(printed(f"{tool}-replace.log"), pieces=1000)
    assert set(found) == ALL
    assert (found["terraform_data.quick"].act, found["terraform_data.quick"].acts) == ("update", 1)
    assert (found["terraform_data.slow"].acts, found["terraform_data.slow"].seconds) == (2, 11)
    assert (found["terraform_data.bad[0]"].acts, found["terraform_data.bad[0]"].failed) == (1, True)


@pytest.mark.parametrize("tool", ["terraform", "tofu"])
def test_a_destroyed_resource_is_told_as_destroyed(tool: str) -> None:
    found = read(printed(f"{tool}-destroy.log"))
    assert {(row.address, row.act, row.acts) for row in found.values()} == {(address, "delete", 1) for address in ALL}


@pytest.mark.parametrize("tool", ["terraform", "tofu"])
def test_what_has_begun_runs_from_the_arrival_of_its_line(tool: str) -> None:
    whole = printed(f"{tool}-create.log")
    begun = whole.index(b"terraform_data.slow: Creating...")
    found = read(whole[: whole.index(b"\n", begun) + 1], pieces=1)
    slow = found["terraform_data.slow"]
    assert slow.running
    assert slow.begun_at is not None
    assert begun < (slow.begun_at - NOON).total_seconds() <= begun + 60


@pytest.mark.parametrize(
    "line",
    [
        b"terraform_data.a (local-exec): fake.x: Creating...",
        b"  fake.x: Creating...",
        b"data.x.y: Reading...",
        b"fake.x: Refreshing state... [id=1]",
        b"say fake.x: Creating...",
    ],
)
def test_other_lines_tell_nothing(line: bytes) -> None:
    assert read(line + b"\n") == {}


def test_a_warning_about_a_resource_is_no_failure() -> None:
    about = "\n\u2502 \n\u2502   with x.y,\n\u2502   on main.tf line 1\n".encode()
    lines = b"x.y: Creating...\n"
    assert not read(lines + "\u2502 Warning: Old argument".encode() + about)["x.y"].failed
    assert read(lines + "\u2502 Error: No quota".encode() + about)["x.y"].failed


def test_imports_and_what_an_earlier_apply_deposed_belong_to_their_resource() -> None:
    found = read(
        b"x.y: Importing... [id=a]\nx.y: Import complete [id=a]\n"
        b"x.z: Creating...\nx.z: Creation complete after 1m1s [id=b: Creating...]\n"
        b"x.z (deposed object ab12cd34): Destroying... [id=c]\n"
        b"x.z (deposed object ab12cd34): Destruction complete after 2s\n"
    )
    assert [(row.address, row.acts, row.seconds) for row in found.values()] == [("x.y", 1, 0), ("x.z", 2, 63)]


@pytest.mark.parametrize(("text", "seconds"), [("0s", 0), ("3s", 3), ("00m10s", 10), ("1m10s", 70), ("1h2m3s", 3723)])
def test_spans_are_read_as_both_programs_print_them(text: str, seconds: int) -> None:
    assert span_seconds(text) == seconds
