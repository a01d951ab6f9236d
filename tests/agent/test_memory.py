"""The container's memory: what counts as used, and when a step is stopped before the kernel kills it."""

from __future__ import annotations

from pathlib import Path

import pytest

from executors.agent import memory
from executors.agent.control import Control
from executors.agent.memory import SOFT_STOP, MemoryWatch

MIB = 2**20


def cgroup(folder: Path, *, current: int, file: int = 0, shmem: int = 0, slab: int = 0, limit: str = "") -> Path:
    (folder / "memory.max").write_text(limit or str(100 * MIB))
    (folder / "memory.current").write_text(f"{current * MIB}\n")
    stat = {"anon": 0, "file": file * MIB, "shmem": shmem * MIB, "slab_reclaimable": slab * MIB}
    (folder / "memory.stat").write_text("".join(f"{name} {value}\n" for name, value in stat.items()))
    return folder


def watch(folder: Path, share: float = 0.95) -> tuple[Control, MemoryWatch]:
    control = Control()
    control.grace_seconds = 0.01
    watching = MemoryWatch(control, 0, folder)
    watching._share = share
    return control, watching


def test_caches_that_can_be_dropped_do_not_count_and_files_in_memory_do(tmp_path: Path) -> None:
    cgroup(tmp_path, current=90, file=50, shmem=20, slab=5)
    assert memory.used_bytes(tmp_path) == 55 * MIB


def test_a_step_is_stopped_at_the_second_look_that_finds_memory_short(tmp_path: Path) -> None:
    control, watching = watch(cgroup(tmp_path, current=96))
    watching.check()
    assert not control.stopping
    watching.check()
    assert (control.stopping, control.code) == (True, SOFT_STOP)
    assert "used 96 MiB of its memory limit of 100 MiB" in control.reason


def test_a_peak_of_a_moment_stops_nothing(tmp_path: Path) -> None:
    control, watching = watch(cgroup(tmp_path, current=96))
    watching.check()
    cgroup(tmp_path, current=50)
    watching.check()
    cgroup(tmp_path, current=96)
    watching.check()
    assert not control.stopping


@pytest.mark.parametrize(("current", "file"), [(94, 0), (100, 10)])
def test_a_step_below_its_share_goes_on(tmp_path: Path, current: int, file: int) -> None:
    control, watching = watch(cgroup(tmp_path, current=current, file=file))
    for _ in range(5):
        watching.check()
    assert not control.stopping


def test_without_a_limit_nothing_is_watched(tmp_path: Path) -> None:
    control, watching = watch(cgroup(tmp_path, current=10**6, limit="max"))
    assert memory.limit_bytes(tmp_path) is None
    watching.check()
    watching.check()
    assert not control.stopping


def test_a_cancel_that_came_first_keeps_its_reason(tmp_path: Path) -> None:
    control, watching = watch(cgroup(tmp_path, current=99))
    control.cancel("The job was cancelled.")
    watching.check()
    watching.check()
    assert (control.code, control.reason) == ("cancelled", "The job was cancelled.")


def test_the_kernel_says_whether_it_killed_for_memory(tmp_path: Path) -> None:
    assert not memory.was_short(tmp_path)
    (tmp_path / "memory.events").write_text("low 0\nmax 12\noom 1\noom_kill 1\noom_group_kill 0\n")
    assert memory.was_short(tmp_path)


def test_a_node_with_version_1_of_cgroups_is_read_too(tmp_path: Path) -> None:
    folder = tmp_path / "memory"
    folder.mkdir()
    (folder / "memory.limit_in_bytes").write_text(f"{100 * MIB}\n")
    (folder / "memory.usage_in_bytes").write_text(f"{90 * MIB}\n")
    (folder / "memory.stat").write_text(f"cache 1\ntotal_cache {30 * MIB}\ntotal_shmem {10 * MIB}\n")
    (folder / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    assert (memory.limit_bytes(tmp_path), memory.used_bytes(tmp_path)) == (100 * MIB, 70 * MIB)
    assert memory.was_short(tmp_path)
    (folder / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert memory.limit_bytes(tmp_path) is None
