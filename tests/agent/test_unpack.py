"""Archives that somebody else made."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from executors.agent.errors import StepFailed
from executors.agent.source.unpack import unpack


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    return info


def packed(path: Path, *members: tarfile.TarInfo, content: bytes = b"text") -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for info in members:
            if info.isreg():
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return path


@pytest.fixture
def unpacked(tmp_path: Path) -> Callable[..., Path]:
    def run(
        *members: tarfile.TarInfo, content: bytes = b"text", max_bytes: int = 10**6, max_members: int = 100
    ) -> Path:
        target = tmp_path / "deep" / "target"
        target.mkdir(parents=True)
        archive = packed(tmp_path / "a.tar.gz", *members, content=content)
        unpack(archive, target, max_bytes=max_bytes, max_members=max_members)
        return target

    return run


def test_files_folders_and_links_inside_arrive(unpacked: Callable[..., Path]) -> None:
    target = unpacked(
        member("./", tarfile.DIRTYPE),
        member("./env/dev/main.tf"),
        member("env/run.sh", mode=0o4755),
        member("env/link.tf", tarfile.SYMTYPE, "dev/main.tf"),
        member("env/dev/up.tf", tarfile.SYMTYPE, "../../env/dev/main.tf"),
        member("hard.tf", tarfile.LNKTYPE, "env/dev/main.tf"),
    )
    assert (target / "env/dev/up.tf").read_text() == "text"
    assert (target / "env/link.tf").read_text() == (target / "hard.tf").read_text() == "text"
    assert (target / "env/run.sh").stat().st_mode & 0o7777 == 0o755
    assert (target / "env/dev/main.tf").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ([member("/etc/x")], "absolute path"),
        ([member("../x")], "leaves the source"),
        ([member("a/../../x")], "leaves the source"),
        ([member("a", tarfile.SYMTYPE, "/etc")], "leaves the source"),
        ([member("a", tarfile.SYMTYPE, "..")], "leaves the source"),
        ([member("a/b", tarfile.SYMTYPE, "../../x")], "leaves the source"),
        ([member("d", tarfile.DIRTYPE), member("a", tarfile.SYMTYPE, "d"), member("a/x")], "through a link"),
        (
            [member("d", tarfile.DIRTYPE), member("a", tarfile.SYMTYPE, "d"), member("a", tarfile.DIRTYPE)],
            "through a link",
        ),
        ([member("a", tarfile.LNKTYPE, "../../secret")], "leaves the source"),
        ([member("a", tarfile.LNKTYPE, "nothing")], "leads to no file"),
        ([member("a", tarfile.CHRTYPE)], "special file"),
        ([member("a", tarfile.FIFOTYPE)], "special file"),
    ],
)
def test_what_would_reach_outside_is_refused(
    unpacked: Callable[..., Path], members: list[tarfile.TarInfo], why: str
) -> None:
    with pytest.raises(StepFailed, match=why):
        unpacked(*members)


def test_nothing_lands_outside_when_a_link_is_replaced_by_a_file(tmp_path: Path, unpacked: Callable[..., Path]) -> None:
    target = unpacked(member("f"), member("a", tarfile.SYMTYPE, "f"), member("a"), content=b"new")
    assert not (target / "a").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar.gz", "deep"]


def test_a_bomb_is_refused_before_it_fills_the_disk(unpacked: Callable[..., Path]) -> None:
    with pytest.raises(StepFailed, match="more than 1000 bytes"):
        unpacked(member("a"), member("b"), content=b"0" * 600, max_bytes=1000)


def test_more_members_than_allowed_are_refused(unpacked: Callable[..., Path]) -> None:
    with pytest.raises(StepFailed, match="more than 2 members"):
        unpacked(*(member(name) for name in "abc"), max_members=2)


@pytest.mark.parametrize("content", [b"", b"no archive", os.urandom(2000)], ids=["empty", "text", "noise"])
def test_what_is_no_archive_is_said_to_be_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    (tmp_path / "target").mkdir()
    with pytest.raises(StepFailed, match="refused: it is damaged"):
        unpack(tmp_path / "a", tmp_path / "target")


def test_a_cut_archive_is_said_to_be_damaged(tmp_path: Path) -> None:
    whole = packed(tmp_path / "a", member("f"), content=os.urandom(100_000)).read_bytes()
    (tmp_path / "a").write_bytes(whole[:50_000])
    (tmp_path / "target").mkdir()
    with pytest.raises(StepFailed, match="refused: it is damaged"):
        unpack(tmp_path / "a", tmp_path / "target")


LINK, HARD, FOLDER = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ([member("a/b/up", LINK, "../.."), member("a/b/esc", LINK, "up/../outside/secret")], "a/b/esc"),
        ([member("a/b/esc", LINK, "up/../outside/secret"), member("a/b/up", LINK, "../..")], "a/b/esc"),
        ([member("d/e/up", LINK, ".."), member("d/x", LINK, "e/up/../../outside/secret")], "d/x"),
        ([member("one", LINK, "a/b"), member("a/b/c", FOLDER), member("two", LINK, "one/../../outside")], "two"),
        (
            [
                member("a/b/top", LINK, "../.."),
                member("a/b/next", LINK, "top"),
                member("a/b/last", LINK, "next/../outside/secret"),
            ],
            "a/b/last",
        ),
        ([member("a/b/up", LINK, "../.."), member("a/b/back", LINK, "up/../target/main.tf")], "a/b/back"),
        ([member("l", LINK, "x"), member("x/y", LINK, "../l/.."), member("z", LINK, "x/y/../../o")], "z"),
    ],
    ids=["chain", "chain-backwards", "parent", "folder", "three", "out-and-back", "through-folder"],
)
def test_links_that_lead_out_by_way_of_others_are_refused_by_name(
    tmp_path: Path, unpacked: Callable[..., Path], members: list[tarfile.TarInfo], named: str
) -> None:
    (tmp_path / "deep" / "outside").mkdir(parents=True)
    (tmp_path / "deep" / "outside" / "secret").write_text("secret")
    with pytest.raises(StepFailed, match=rf"'{named}' leaves the source"):
        unpacked(*members)


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ([member("d/f"), member("l", LINK, "d"), member("h", HARD, "l/f")], "'h' is written through a link"),
        ([member("f"), member("l", LINK, "f"), member("h", HARD, "l")], "'h' leads to no file of it"),
        ([member("d", FOLDER), member("h", HARD, "d")], "'h' leads to no file of it"),
        ([member("h", HARD, "/etc/passwd")], "'h' has an absolute path"),
        ([member("a/b", FOLDER), member("l", LINK, "a/b"), member("l/../x")], "leaves the source"),
        ([member("a", FOLDER), member("l", LINK, "a"), member("l/b/c")], "'l/b/c' is written through a link"),
        ([member("l", LINK, "nowhere"), member("l/c")], "'l/c' is written through a link"),
    ],
)
def test_nothing_is_written_or_linked_through_a_link(
    unpacked: Callable[..., Path], members: list[tarfile.TarInfo], why: str
) -> None:
    with pytest.raises(StepFailed, match=why):
        unpacked(*members)


def test_links_that_lead_nowhere_or_round_and_stay_inside_are_kept(unpacked: Callable[..., Path]) -> None:
    target = unpacked(
        member("a/b/f"),
        member("loop", LINK, "loop"),
        member("this", LINK, "that"),
        member("that", LINK, "this"),
        member("gone", LINK, "a/nothing"),
        member("a/b/up", LINK, "../.."),
        member("a/b/round", LINK, "up/a/b/up/a/b/f"),
        member("dir", LINK, "a/b"),
        member("dir2", LINK, "dir/../b/f"),
    )
    assert (target / "a/b/round").read_text() == (target / "dir2").read_text() == "text"
    assert all((target / name).is_symlink() for name in ("loop", "this", "that", "gone"))


def test_a_link_that_a_later_member_replaces_does_no_harm(unpacked: Callable[..., Path]) -> None:
    target = unpacked(member("a/b/up", LINK, "../.."), member("a/b/esc", LINK, "up/../x"), member("a/b/esc"))
    assert (target / "a/b/esc").read_text() == "text"
