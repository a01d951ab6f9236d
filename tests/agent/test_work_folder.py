"""The one folder of a workspace: at the same path in every step, of one step at a time, and clean."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from executors.agent.errors import Stopped
from executors.contract.work_folder import Unusable, WorkFolder, free_disk, take_lock, work_folder_of
from tests.agent.api_server import ApiServer
from tests.agent.harness import Agent

Serve = Callable[..., ApiServer]
Start = Callable[..., Agent]

WORKSPACE = "23a2a9db-095a-4c17-a239-af784de35ced"


def script(text: str) -> dict[str, object]:
    return {"type": "customScripts", "commandList": [{"runtime": "BASH", "script": text}]}


def never(holder: str, seconds: float) -> None:
    raise AssertionError(f"waited for {holder}")


def entered(path: Path, who: str = "a step") -> WorkFolder:
    folder = WorkFolder(path)
    folder.enter(who, wait=never)
    return folder


# ---- where it is ----------------------------------------------------------------------------------------------------


def test_a_pod_has_one_path_and_a_volume_one_for_each_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert work_folder_of({}, WORKSPACE).source == work_folder_of({}, "another").source == tmp_path / "terrakube/source"
    on_volume = {"TERRAKUBE_WORK_DIR": str(tmp_path / "volume")}
    assert work_folder_of(on_volume, WORKSPACE).source == tmp_path / f"volume/terrakube-{WORKSPACE}/source"
    on_machine = on_volume | {"TERRAKUBE_WORKSPACE_DIR": str(tmp_path / "workspace-1")}
    assert work_folder_of(on_machine, WORKSPACE).source == tmp_path / "workspace-1/source"


@pytest.mark.parametrize("name", ["../../etc", "a/b", "", ".", "x" * 300, "ü"])
def test_a_strange_workspace_id_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    assert work_folder_of({"TERRAKUBE_WORK_DIR": str(tmp_path)}, name).path.parent == tmp_path


def test_the_path_is_the_real_one_below_a_linked_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "linked").symlink_to("real")
    assert work_folder_of({"TERRAKUBE_WORK_DIR": str(tmp_path / "linked")}, "w").path == tmp_path / "real/terrakube-w"


# ---- clean, and of one at a time ------------------------------------------------------------------------------------


def test_a_step_begins_with_nothing_of_the_one_before(tmp_path: Path) -> None:
    folder = entered(tmp_path / "w")
    folder.source.mkdir()
    (folder.source / "left").mkdir(mode=0o755)
    (folder.source / "left" / "file").touch()
    (folder.source / "left").chmod(0o500)
    os.close(folder._lock or -1)  # it was killed
    again = entered(tmp_path / "w")
    assert list(again.path.iterdir()) == []
    assert again.path.stat().st_mode & 0o777 == 0o700
    again.leave()
    assert list(tmp_path.iterdir()) == []


def test_a_link_in_the_folders_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "file").touch()
    (tmp_path / "w").symlink_to("victim")
    entered(work_folder_of({"TERRAKUBE_WORKSPACE_DIR": str(tmp_path / "w")}, "").path).leave()
    assert (tmp_path / "victim" / "file").exists()
    (tmp_path / "w.lock").symlink_to("victim/file")
    with pytest.raises(Unusable, match="cannot be locked"):
        WorkFolder(tmp_path / "w").enter("a step", wait=never)


def test_the_second_waits_and_is_told_who_has_it(tmp_path: Path) -> None:
    first = entered(tmp_path / "w", "plan of job 7")
    waits: list[str] = []

    def wait(holder: str, seconds: float) -> None:
        waits.append(holder)
        if len(waits) == 3:
            first.leave()

    second = WorkFolder(tmp_path / "w")
    second.enter("apply of job 8", wait=wait)
    assert waits == ["plan of job 7"] * 3
    assert second.path.is_dir()


def test_who_waits_can_be_stopped(tmp_path: Path) -> None:
    first = entered(tmp_path / "w")

    def stop(holder: str, seconds: float) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        WorkFolder(tmp_path / "w").enter("another", wait=stop)
    assert first.path.is_dir()


def test_what_outlives_its_step_keeps_the_next_out_until_it_ends(tmp_path: Path) -> None:
    folder = entered(tmp_path / "w")
    child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        folder.leave(tmp_path / "left")
        assert take_lock(tmp_path / "w") is None
        free_disk(tmp_path / "w")
        assert (tmp_path / "w.lock").exists()
    finally:
        child.kill()
        child.wait()
    lock = take_lock(tmp_path / "w")
    assert lock is not None
    os.close(lock)
    free_disk(tmp_path / "w")
    assert [path.name for path in tmp_path.iterdir()] == ["left"]


def test_a_lock_whose_file_was_removed_is_not_taken_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between opening and locking the file, its last holder may remove it."""
    import fcntl

    real = fcntl.flock
    removed: list[bool] = []

    def flock(descriptor: int, operation: int) -> None:
        if not removed:
            removed.append(True)
            (tmp_path / "w.lock").unlink()
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    lock = take_lock(tmp_path / "w")
    assert lock is not None
    assert os.path.samestat(os.fstat(lock), os.stat(tmp_path / "w.lock"))
    os.close(lock)


def test_free_disk_leaves_a_folder_in_use_alone(tmp_path: Path) -> None:
    folder = entered(tmp_path / "w")
    free_disk(tmp_path / "w")
    assert folder.path.is_dir()
    folder.leave()


# ---- as a step ------------------------------------------------------------------------------------------------------


def test_every_step_has_the_same_paths_and_a_private_folder_of_its_own(
    serve: Serve, start: Start, tmp_path: Path
) -> None:
    shared = str(tmp_path / "of-the-workspace")
    said = []
    for _ in range(2):
        api = serve({"a": ""}, **script('echo "here=$(pwd) tools=$bashToolsDirectory repo=$terrakubeToolsRepository"'))
        agent = start(api, TERRAKUBE_WORKSPACE_DIR=shared)
        assert agent.wait() == 0, api.log
        said.append(next(line for line in api.log.splitlines() if line.startswith("here=")))
        assert list(agent.work.iterdir()) == []
    assert said[0] == said[1]
    assert said[0].startswith(f"here={shared}/source ")
    assert not Path(shared).exists()


def test_a_step_waits_while_another_is_in_the_folder(serve: Serve, start: Start, tmp_path: Path) -> None:
    shared, gate = str(tmp_path / "w"), tmp_path / "gate"
    first = serve({}, **script(f"touch mine; echo begun; until test -e {gate}; do sleep 0.05; done; ls"))
    second = serve({}, **script("ls; echo ran"), jobId="3")
    one = start(first, TERRAKUBE_WORKSPACE_DIR=shared)
    first.wait(lambda: "begun" in first.log)
    two = start(second, TERRAKUBE_WORKSPACE_DIR=shared)
    second.wait(lambda: "another step of the workspace works: customScripts of job 2." in second.log)
    beats = len(second.made("POST", "/heartbeat"))
    second.wait(lambda: len(second.made("POST", "/heartbeat")) > beats + 2, what="heartbeats while it waits")
    assert second.attempt.phases[-1] == "folder"
    assert "ran" not in second.log
    gate.touch()
    assert (one.wait(), two.wait()) == (0, 0)
    assert "mine" in first.log
    assert "mine" not in second.log


def test_a_step_that_waits_can_be_cancelled(serve: Serve, start: Start, tmp_path: Path) -> None:
    folder = entered(tmp_path / "w", "apply of job 1")
    api = serve({}, **script("echo ran"))
    agent = start(api, TERRAKUBE_WORKSPACE_DIR=str(tmp_path / "w"))
    api.wait(lambda: "apply of job 1" in api.log)
    api.attempt.cancel = True
    assert agent.wait() == 11
    assert api.attempt.result is not None
    assert api.attempt.result["outcome"] == "cancelled"
    assert "ran" not in api.log
    assert folder.path.is_dir()
    folder.leave()


def test_a_killed_executor_leaves_no_stale_lock_but_what_it_started_keeps_it(
    serve: Serve, start: Start, tmp_path: Path
) -> None:
    shared, pid = tmp_path / "w", tmp_path / "pid"
    first = serve({}, **script(f"touch leftover; echo $$ > {pid}.new; mv {pid}.new {pid}; sleep 60; true"))
    one = start(first, TERRAKUBE_WORKSPACE_DIR=str(shared))
    first.wait(pid.exists)
    one.signal(signal.SIGKILL)
    one.wait()
    try:
        assert take_lock(shared) is None, "its script still runs in the folder"
        second = serve({}, **script("ls -A; echo ran"))
        two = start(second, TERRAKUBE_WORKSPACE_DIR=str(shared))
        second.wait(lambda: "Waits for the work folder" in second.log)
    finally:
        os.killpg(int(pid.read_text()), signal.SIGKILL)
    assert two.wait() == 0
    assert "leftover" not in second.log
    assert "ran" in second.log


def test_a_folder_that_cannot_be_had_is_replaced_by_one_of_the_steps_own(
    serve: Serve, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    api = serve({"a": ""}, **script("ls; pwd"))
    agent = start(api, TERRAKUBE_WORKSPACE_DIR=str(tmp_path / "file" / "w"))
    assert agent.wait() == 0, api.log
    assert "works in a folder of its own" in api.log
    assert list(agent.work.iterdir()) == []
