"""The agent is small, quick, and stands on nothing but the standard library."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

from tests.agent.api_server import ApiServer
from tests.agent.harness import ROOT, Agent

Serve = Callable[..., ApiServer]
Start = Callable[..., Agent]

SCRIPT = {"runtime": "BASH", "script": "sleep 0.3"}


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_module_loads_without_django_and_kubernetes() -> None:
    code = """
import importlib, pkgutil, sys
for name in ("django", "kubernetes", "workspaces", "terrakube_site", "rest_framework", "yaml"):
    sys.modules[name] = None
import executors.agent, executors.job_data
for module in pkgutil.iter_modules(executors.agent.__path__, "executors.agent."):
    importlib.import_module(module.name)
third = {name.partition(".")[0] for name, module in sys.modules.items() if module is not None} - sys.stdlib_module_names
print(sorted(name for name in third if not name.startswith(("_", "sitecustomize"))))
"""
    assert run(code).strip() in ("['executors']", "['__main__', 'executors']")


def test_what_only_some_steps_need_is_not_loaded_before_the_claim() -> None:
    code = """
import sys, importlib
importlib.import_module("executors.agent.__main__")
names = ("tarfile", "zipfile", "urllib.request", "ctypes", "subprocess", "http.server", "executors.agent.step")
print([name for name in names if name in sys.modules])
"""
    assert run(code).strip() == "[]"


def test_the_first_call_comes_soon_and_the_end_soon_after_the_last(serve: Serve, start: Start) -> None:
    first = last = 1.0
    # The best of some tries: other programs on the machine are not the agent's doing.
    for _ in range(10):
        api = serve({}, type="customScripts", commandList=[])
        begun = time.time()
        agent = start(api)
        assert agent.wait() == 0
        last = min(last, time.time() - api.calls[-1].at)
        first = min(first, api.calls[0].at - begun)
        assert api.calls[0].path == "/claim"
        if first < 0.15 and last < 0.2:
            break
    assert first < 0.15
    assert last < 0.2


def test_it_takes_little_memory(serve: Serve, start: Start) -> None:
    api = serve(
        {"main.tf": 'resource "terraform_data" "a" {\n  provisioner "local-exec" { command = "sleep 0.5" }\n}\n'},
        type="terraformApply",
    )
    agent = start(api)
    peak = 0
    while agent.process.poll() is None:
        peak = max(peak, agent.peak_kib())
        time.sleep(0.02)
    assert agent.wait() == 0
    assert 0 < peak < 45 * 1024
