"""A terminal with terraform's cloud block: how long a plan takes, and how late its lines come."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure, median, percentile
from bench.seed import Records
from workspaces.models import Organization, Team, Workspace

_COMMAND_SECONDS = 180
_CLOUD = """\
terraform {{
  cloud {{
    hostname     = "{host}"
    organization = "{organization}"
    workspaces {{
      name = "{workspace}"
    }}
  }}
}}
"""
_ONE = 'resource "terraform_data" "one" {\n  input = timestamp()\n}\n'
# Each line says when it was written; pods have this machine's clock.
_LINES = """\
resource "terraform_data" "lines" {
  triggers_replace = timestamp()
  provisioner "local-exec" {
    command = "for i in $(seq 20); do date +'written %s.%N'; sleep 0.3; done"
  }
}
"""
_WRITTEN = re.compile(r"written (\d+\.\d+)")


class Terminal:
    """Somebody's home folder, signed in at the site."""

    def __init__(self, folder: Path, host: str, records: Records, bundle: Path) -> None:
        self.folder = folder
        Team.objects.filter(name="BENCH").update(role="admin")
        organization = Organization.objects.get(pk=records.organization)
        workspace = Workspace.objects.get(pk=records.running)
        self.cloud = _CLOUD.format(host=host, organization=organization.name, workspace=workspace.name)
        home = folder / "home" / ".terraform.d"
        home.mkdir(parents=True)
        (home / "credentials.tfrc.json").write_text(json.dumps({"credentials": {host: {"token": records.token}}}))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
        self.environ = kept | {"HOME": str(home.parent), "SSL_CERT_FILE": str(bundle), "CHECKPOINT_DISABLE": "1"}

    def place(self, name: str, *texts: str) -> Path:
        """Return a new folder with a configuration, in which ``terraform init`` was run."""
        folder = self.folder / name
        folder.mkdir()
        (folder / "main.tf").write_text("".join(texts), encoding="utf-8")
        self.run(folder, "init")
        return folder

    def run(self, folder: Path, *command: str) -> str:
        """Run terraform to its end. Raises RuntimeError with what it printed if it fails."""
        done = subprocess.run(
            ["terraform", *command, "-no-color"],
            cwd=folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_COMMAND_SECONDS,
        )
        if done.returncode:
            raise RuntimeError(f"terraform {command[0]} failed:\n{done.stdout[-3000:]}")
        return done.stdout


def plans(terminal: Terminal, count: int) -> Iterator[Figure]:
    """From Enter to the prompt: a plan of one resource whose pod's image is on the node, beside a bare one."""
    folder, bare = terminal.place("cloud", terminal.cloud, _ONE), terminal.place("bare", _ONE)
    taken: dict[Path, list[float]] = {folder: [], bare: []}
    for number in range(count + 1):
        for one, seconds in taken.items():
            begin = time.perf_counter()
            terminal.run(one, "plan")
            if number:  # the first one warms everything up
                seconds.append(time.perf_counter() - begin)
    beside = median(taken[bare])
    name = f"terraform plan of one resource, p50 of {count}"
    yield Figure(measure=1, name=name, value=median(taken[folder]), unit="s", aim=4, bare=beside)
    yield Figure(measure=1, name="the slowest of them", value=max(taken[folder]), unit="s", bare=max(taken[bare]))


def log_lines(terminal: Terminal) -> Iterator[Figure]:
    """From a line written in the pod to the same line at the terminal, in an apply."""
    folder = terminal.place("lines", terminal.cloud, _LINES)
    command = ["terraform", "apply", "-auto-approve", "-no-color"]
    late = []
    with subprocess.Popen(
        command, cwd=folder, env=terminal.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        for line in running.stdout or ():
            now = time.time()
            if found := _WRITTEN.search(line):
                late.append(now - float(found[1]))
    if running.returncode or not late:
        raise RuntimeError(f"terraform apply ended with status {running.returncode} after {len(late)} lines")
    name = f"a line of the pod at the terminal, p50 of {len(late)}"
    yield Figure(measure=2, name=name, value=median(late) * 1000, unit="ms", aim=500)
    yield Figure(measure=2, name="p95 of them", value=percentile(late, 0.95) * 1000, unit="ms")
