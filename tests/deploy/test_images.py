"""What the images are built from: no architecture by hand, and each tool for the platform that it says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.chart import DEPLOY
from tests.support.patience import patient

BUILT_FROM = [*DEPLOY.glob("*/Dockerfile"), DEPLOY / "slim-system", DEPLOY / "executor" / "preload.sh"]


@pytest.mark.parametrize("file", BUILT_FROM, ids=lambda file: str(file.relative_to(DEPLOY)))
def test_no_architecture_is_named_where_images_are_built(file: Path) -> None:
    assert re.findall(r"amd64|x86_64|arm64|aarch64", file.read_text(encoding="utf-8")) == []


def test_a_tool_is_preloaded_for_the_platform_that_it_says(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for tool, version, platform in (("terraform", "1.11.4", "linux_arm64"), ("tofu", "1.12.6-dev", "linux_amd64")):
        program = programs / tool
        program.write_text(f'#!/bin/sh\necho \'{{"terraform_version": "{version}", "platform": "{platform}"}}\'\n')
        program.chmod(0o755)
    for needed in ("bash", "cat", "chmod", "cp", "dirname", "env", "mkdir", "mv", "readlink", "sed"):
        (programs / needed).symlink_to(shutil.which(needed) or "")
    script = shutil.copy(DEPLOY / "executor" / "preload.sh", tmp_path)

    answer = subprocess.run(
        ["bash", script], env={"PATH": str(programs)}, capture_output=True, text=True, timeout=patient(20), check=False
    )

    assert answer.returncode == 0, answer.stderr
    found = tmp_path / "preload"
    assert {str(path.relative_to(found)) for path in found.rglob("*") if path.is_file()} == {
        "linux_arm64/terraform/1.11.4/terraform",
        "linux_amd64/tofu/1.12.6/tofu",
    }
