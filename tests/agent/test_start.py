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
for name in ("django", "kubernetes", "workspaces", "rest_framework", "yaml"):
    sys.modules[name] = None
import executors.agent, executors.contract
for package in (executors.agent, executors.contract):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
third = {name.partition(".")[0] for name, module in sys.modules.items() if module is not None} - sys.stdlib_module_names
print(sorted(name for name in third if not name.startswith(("_", "sitecustomize"))))
print(sorted({".".join(name.split(".")[:2]) for name in sys.modules if name.startswith("terrakube_site.")}))
"""
    programs, of_the_site = run(code).splitlines()
    assert programs in ("['executors', 'terrakube_site']", "['__main__', 'executors', 'terrakube_site']")
    # Of the site's modules it has what both know of terraform and of sentences, which needs nothing else.
    assert of_the_site == "['terrakube_site.sentences', 'terrakube_site.terraform']"


def test_what_only_some_steps_need_is_not_loaded_before_the_claim() -> None:
    code = """
import sys, importlib
importlib.import_module("executors.agent.__main__")
names = ("tarfile", "zipfile", "urllib.request", "ctypes", "subprocess", "http.server", "executors.agent.step")
print([name for name in names if name in sys.modules])
"""
    assert run(code).strip() == "[]"


def test_it_claims_first_and_ends_with_its_result(serve: Serve, start: Start) -> None:
    # How soon that is, bench/ measures.
    api = serve({}, type="customScripts", commandList=[])
    assert start(api).wait() == 0
    paths = [call.path for call in api.calls]
    assert (paths[0], paths[-1]) == ("/claim", "/result")
    assert (paths.count("/claim"), paths.count("/result")) == (1, 1)


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
