"""What a plan or its scripts made below the work folder is there at its apply, and is what it was."""

from __future__ import annotations

import json
import subprocess
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from executors.agent.plan_files.archive import pack
from executors.agent.plan_files.snapshot import Item
from tests.agent.api_server import ApiServer
from tests.agent.harness import Agent

Serve = Callable[..., ApiServer]
Start = Callable[..., Agent]

TOOLS = [(False, "1.11.4"), (True, "1.12.6")]
by_tool = pytest.mark.parametrize(("tofu", "version"), TOOLS, ids=["terraform", "tofu"])
CHANGE = 'resource "terraform_data" "changes" {}\n'
PATHS = """
resource "terraform_data" "x" { input = "${path.cwd}/x" }
output "here" { value = abspath("file") }
resource "terraform_data" "home" { input = pathexpand("~/x") }
output "root" { value = abspath(path.root) }
"""
READS = """
variable "file" { default = "build.zip" }
resource "terraform_data" "x" {
  input = filebase64("${path.module}/${var.file}")
  provisioner "local-exec" { command = "cat ${path.module}/${var.file}" }
}
"""


def script(text: str, **when: bool) -> dict[str, Any]:
    return {"runtime": "BASH", "script": text, **(when or {"before": True})}


class Run:
    """The steps of one job, each by an agent of its own, in the folder of one workspace."""

    def __init__(self, serve: Serve, start: Start, tmp_path: Path, files: dict[str, str], **fields: Any) -> None:
        self._serve, self._start = serve, start
        self._shared = str(tmp_path / "of-the-workspace")
        self._files, self._fields = files, fields
        self.states: list[bytes] = []

    def step(
        self, kind: str, *scripts: dict[str, Any], claim: dict[str, Any] | None = None, **kept: bytes
    ) -> ApiServer:
        api = self._serve(self._files, type=kind, commandList=list(scripts), claim=claim, **self._fields)
        api.attempt.states = list(self.states)
        api.attempt.files.update({f"/{name.replace('_', '-')}": content for name, content in kept.items()})
        self.code = self._start(api, TERRAKUBE_WORKSPACE_DIR=self._shared).wait()
        self.states = list(api.attempt.states)
        return api

    def plan(self, *scripts: dict[str, Any], **claim: Any) -> ApiServer:
        return self.step("terraformPlan", *scripts, claim=claim)

    def apply(self, planned: ApiServer, *scripts: dict[str, Any], **changed: bytes | None) -> ApiServer:
        """Apply what was planned; ``changed`` replaces kept files by name, None takes one away."""
        kept = {name.strip("/").replace("-", "_"): content for name, content in planned.attempt.files.items()}
        listed = manifest(planned)
        claim = {"hasPlan": True, "hasPlanFiles": listed["archived"], "planDigest": listed["digest"]}
        kept.pop("source")
        given = {name: content for name, content in {**kept, **changed}.items() if content is not None}
        return self.step("terraformApply", *scripts, claim=claim, **given)


def manifest(planned: ApiServer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(planned.attempt.files["/plan-manifest"])
    return found


def names(planned: ApiServer) -> list[str]:
    with tarfile.open(fileobj=BytesIO(planned.attempt.files["/plan-files"])) as tar:
        return tar.getnames()


@pytest.fixture
def job(serve: Serve, start: Start, tmp_path: Path) -> Callable[..., Run]:
    return lambda files, **fields: Run(serve, start, tmp_path, files, **fields)


def result(api: ApiServer) -> dict[str, Any]:
    assert api.attempt.result is not None, api.log
    return api.attempt.result


# ---- paths ----------------------------------------------------------------------------------------------------------


@by_tool
@pytest.mark.parametrize("folder", ["/", "/env/dev"])
def test_paths_are_the_same_at_plan_and_apply_and_in_the_next_jobs(
    job: Callable[..., Run], tofu: bool, version: str, folder: str
) -> None:
    run = job({f"{folder.strip('/')}/main.tf".strip("/"): PATHS}, tofu=tofu, terraformVersion=version, folder=folder)
    planned = run.plan()
    assert result(planned)["changes"] is True, planned.log
    applied = run.apply(planned)
    assert result(applied)["outcome"] == "succeeded", applied.log
    for _ in range(2):
        again = run.plan()
        assert result(again)["changes"] is False, again.log
        assert "No changes." in again.log


# ---- files ----------------------------------------------------------------------------------------------------------


@by_tool
@pytest.mark.parametrize("when", [{"before": True}, {"beforeInit": True, "before": True}], ids=["before", "init"])
def test_a_file_that_a_script_made_before_the_plan_is_there_at_apply(
    job: Callable[..., Run], tofu: bool, version: str, when: dict[str, bool]
) -> None:
    run = job({"main.tf": READS}, tofu=tofu, terraformVersion=version)
    planned = run.plan(script("echo hi > build.zip", **when))
    assert manifest(planned)["files"] == [{"path": "build.zip", "size": 3}]
    assert "Kept with the plan: 1 file" in planned.log
    applied = run.apply(planned)
    assert result(applied)["outcome"] == "succeeded", applied.log
    assert "hi\n" in applied.log


def test_modes_links_folders_changes_and_removals_are_carried(job: Callable[..., Run]) -> None:
    files = {
        "main.tf": CHANGE,
        "gone/a": "1",
        "gone/b": "2",
        "old": "old",
        "same": "same",
        "turned": "file",
        "dir/f": "",
    }
    make = """
    mkdir -p out/deep empty && echo made > out/deep/file && chmod 755 out/deep/file
    ln -s deep/file out/link; ln -s "$PWD/out/deep" out/absolute; ln -s ../same out/up
    echo new > old; rm -r gone; rm turned; mkdir turned; touch turned/inner; rm -r dir; echo now > dir
    printf 'odd' > $'odd\\n\\xff'
    """
    run = job(files)
    planned = run.plan(script(make), script("echo late > after", after=True))
    listed = manifest(planned)
    assert listed["removed"] == ["dir", "gone", "turned"]
    paths = [file["path"] for file in listed["files"]]
    assert paths == sorted(
        ["after", "dir", r"odd\x0a�", "old", "out/absolute", "out/deep/file", "out/link", "out/up", "turned/inner"]
    )
    assert "source/empty" in names(planned)
    check = """
    set -e
    test -x out/deep/file; test ! -x old; test "$(cat out/link)" = made; test "$(cat out/up)" = same
    test "$(cat out/absolute/file)" = made; test "$(readlink out/absolute)" = ../out/deep; test -d empty
    test "$(cat old)" = new; test ! -e gone; test -f turned/inner; test "$(cat dir)" = now; test -f after
    test "$(cat same)" = same; test "$(cat $'odd\\n\\xff')" = odd; echo all is there
    """
    applied = run.apply(planned, script(check))
    assert result(applied)["outcome"] == "succeeded", applied.log
    assert "all is there" in applied.log


def test_files_below_a_fetched_module_are_put_back_behind_init(job: Callable[..., Run], tmp_path: Path) -> None:
    module = tmp_path / "module"
    module.mkdir()
    (module / "main.tf").write_text('output "text" { value = file("${path.module}/made") }\n')
    main = f'{CHANGE}module "m" {{ source = "git::file://{module}" }}\noutput "text" {{ value = module.m.text }}\n'
    git = ["git", "-C", str(module), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "init", "--quiet", str(module)], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "x"], check=True)
    run = job({"main.tf": main})
    planned = run.plan(script("echo in-the-module > .terraform/modules/m/made"))
    assert [file["path"] for file in manifest(planned)["files"]] == [".terraform/modules/m/made"], planned.log
    applied = run.apply(planned, script("cat .terraform/modules/m/made"))
    assert result(applied)["outcome"] == "succeeded", applied.log
    assert "in-the-module" in applied.log


@pytest.mark.parametrize("data_dir", [None, "data", "/tmp/absolute-data-dir-of-a-test"])
def test_caches_and_what_is_ours_are_left_out(job: Callable[..., Run], data_dir: str | None) -> None:
    environment = {"TF_DATA_DIR": data_dir} if data_dir else {}
    make = """
    mkdir -p .terraform/x sub/.terraform .git __pycache__ tagged data
    touch .terraform/x/y sub/.terraform/z .git/q __pycache__/p tagged/big errored.tfstate
    printf 'Signature: 8a477f597d28d172789f06886806bc55' > tagged/CACHEDIR.TAG
    echo A=b >> "$terrakubeEnv"; mkfifo pipe; echo kept > kept
    """
    run = job(
        {"main.tf": 'resource "terraform_data" "x" {}\n', "tagged/of-source": ""}, environmentVariables=environment
    )
    planned = run.plan(script(make))
    listed = manifest(planned)
    assert [file["path"] for file in listed["files"]] == ["kept"]
    assert listed["removed"] == []
    assert "neither file, folder nor link: pipe" in planned.log


def test_links_that_lead_out_are_left_out_by_name(job: Callable[..., Run]) -> None:
    make = """
    ln -s /etc/passwd absolute; ln -s ../../x relative; mkdir -p a/b; ln -s ../.. a/b/up; ln -s up/../x a/b/chain
    ln -s a/b inside; ln -s absolute to-a-link
    """
    run = job({"main.tf": CHANGE})
    planned = run.plan(script(make))
    kept = [name for name in names(planned) if name != "removed.json"]
    assert kept == ["source/a", "source/a/b", "source/a/b/up", "source/inside"]
    for name in ("absolute", "relative", "a/b/chain", "to-a-link"):
        assert f"since the link leads out of the folder: {name}\n" in planned.log
    applied = run.apply(planned)
    assert result(applied)["outcome"] == "succeeded", applied.log


def test_twenty_megabytes_are_carried(job: Callable[..., Run]) -> None:
    run = job({"main.tf": 'resource "terraform_data" "x" { input = filesha256("big/19") }\n'})
    make = "mkdir big; for n in $(seq 0 19); do head -c 1048576 /dev/urandom > big/$n; done; sha256sum big/* > sums"
    planned = run.plan(script(make), maxPlanFilesBytes=30 * 2**20)
    assert manifest(planned)["count"] == 21
    assert manifest(planned)["bytes"] > 20 * 2**20
    applied = run.apply(planned, script("sha256sum --check --quiet sums && echo all the same"))
    assert result(applied)["outcome"] == "succeeded", applied.log
    assert "all the same" in applied.log


def test_thousands_of_files_are_counted_and_the_first_listed(job: Callable[..., Run]) -> None:
    run = job({"main.tf": CHANGE, "old/" + "x" * 50: ""})
    planned = run.plan(script("mkdir many; for n in $(seq 10000 13000); do : > many/$n; done; rm -r old"))
    listed = manifest(planned)
    assert (listed["count"], len(listed["files"]), listed["removedCount"]) == (3001, 1000, 1)
    assert len(names(planned)) == 3003
    assert len(planned.attempt.files["/plan-manifest"]) < 2**20


# ---- nothing is made, or nothing will be applied --------------------------------------------------------------------


def test_a_plan_that_made_nothing_has_a_digest_and_no_archive(job: Callable[..., Run]) -> None:
    run = job({"main.tf": READS, "build.zip": "hi"})
    planned = run.plan()
    assert "/plan-files" not in planned.attempt.files
    listed = manifest(planned)
    assert (listed["archived"], listed["count"], listed["files"]) == (False, 0, [])
    applied = run.apply(planned)
    assert result(applied)["outcome"] == "succeeded", applied.log
    assert applied.made("GET", "/plan-files") == []


def test_a_plan_that_nothing_is_applied_of_keeps_nothing(job: Callable[..., Run]) -> None:
    planned = job({"main.tf": CHANGE}).plan(script("echo hi > made"), planOnly=True)
    assert result(planned)["outcome"] == "succeeded", planned.log
    assert {"/plan-files", "/plan-manifest"}.isdisjoint(planned.attempt.files)


def test_a_plan_without_changes_keeps_nothing_however_much_was_made(job: Callable[..., Run]) -> None:
    planned = job({"main.tf": ""}).plan(script("head -c 2000000 /dev/zero > big"))
    assert (result(planned)["outcome"], result(planned)["changes"]) == ("succeeded", False), planned.log
    assert {"/plan-files", "/plan-manifest"}.isdisjoint(planned.attempt.files)


def test_a_site_that_keeps_no_files_is_asked_for_nothing(job: Callable[..., Run]) -> None:
    planned = job({"main.tf": CHANGE}).plan(script("echo hi > made"), maxPlanFilesBytes=None)
    assert result(planned)["outcome"] == "succeeded", planned.log
    assert {"/plan-files", "/plan-manifest"}.isdisjoint(planned.attempt.files)


# ---- refused --------------------------------------------------------------------------------------------------------


def test_more_than_is_allowed_fails_the_plan_with_the_largest_files(job: Callable[..., Run]) -> None:
    run = job({"main.tf": CHANGE})
    planned = run.plan(
        script("head -c 700000 /dev/zero > big; head -c 500000 /dev/zero > bigger.zip; touch tiny; mkdir d"),
        maxPlanFilesBytes=2**20,
    )
    said = result(planned)
    assert (said["outcome"], said["reason"]) == ("failed", "plan-files-too-large")
    assert said["message"] == (
        "The plan wrote 3 files of 1.1 MiB in total, more than the 1.0 MiB of ExecutorMaxPlanFilesMiB; the largest: "
        "big (0.7 MiB), bigger.zip (0.5 MiB), tiny (0.0 MiB)."
    )
    assert "/plan-manifest" not in planned.attempt.files


def other(tmp_path: Path) -> bytes:
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil" / "build.zip").write_text("other")
    item = Item("source", str(tmp_path / "evil"), "build.zip", 0o100644, 5)
    pack(tmp_path / "evil.tar.gz", [item], {"source": [], "modules": []}, check=lambda: None)
    return (tmp_path / "evil.tar.gz").read_bytes()


@pytest.mark.parametrize(
    ("name", "reason"),
    [("plan_files", "plan-altered"), ("plan_file", "plan-altered"), ("gone", "plan-files-missing")],
)
def test_what_was_altered_or_lost_since_the_plan_is_not_applied(
    job: Callable[..., Run], tmp_path: Path, name: str, reason: str
) -> None:
    run = job({"main.tf": READS})
    planned = run.plan(script("echo hi > build.zip"))
    replaced: dict[str, dict[str, bytes | None]] = {
        "plan_files": {"plan_files": other(tmp_path)},
        "plan_file": {"plan_file": planned.attempt.files["/plan-file"] + b"\0"},
        "gone": {"plan_files": None},
    }
    applied = run.apply(planned, **replaced[name])
    said = result(applied)
    assert (run.code, said["outcome"], said["reason"]) == (10, "failed", reason), applied.log
    assert applied.attempt.states == []
    assert "==> Init" not in applied.log


def test_the_other_archive_of_that_test_would_have_been_applied_without_a_digest(
    job: Callable[..., Run], tmp_path: Path
) -> None:
    """So that the refusal above is for the digest, and for nothing else."""
    run = job({"main.tf": READS})
    planned = run.plan(script("echo hi > build.zip"))
    archive = other(tmp_path)
    kept = {"plan_file": planned.attempt.files["/plan-file"], "plan_files": archive}
    claim = {"hasPlan": True, "hasPlanFiles": True, "planDigest": ""}
    applied = run.step("terraformApply", script("cat build.zip"), claim=claim, **kept)
    assert "==> Scripts before\nother" in applied.log


def test_a_secret_in_a_name_is_neither_listed_nor_told(job: Callable[..., Run]) -> None:
    run = job({"main.tf": CHANGE})
    planned = run.plan(
        script("head -c 2000000 /dev/zero > of-T0pSecret-here; ln -s /etc /T0pSecret-link 2>/dev/null; true"),
        sensitive=["T0pSecret"],
    )
    assert "of-***-here" in result(planned)["message"]
    small = run.plan(script("echo x > of-T0pSecret-here"), sensitive=["T0pSecret"])
    assert manifest(small)["files"] == [{"path": "of-***-here", "size": 2}]


def test_the_size_of_a_large_file_is_not_held_in_memory(job: Callable[..., Run], serve: Serve, start: Start) -> None:
    api = serve(
        {"main.tf": CHANGE},
        commandList=[script("head -c 100000000 /dev/urandom > big"), script("echo packed", after=True)],
        claim={"maxPlanFilesBytes": 2**28},
    )
    agent = start(api)
    peaks = [0]
    api.before = lambda call: peaks.append(agent.peak_kib())
    assert agent.wait(60) == 0, api.log
    assert len(api.attempt.files["/plan-files"]) > 10**8
    assert max(peaks) < 80 * 1024, "it took as much as the file"
