"""The README's five minutes on a real cluster, command by command: a trial, its test, its example, its page."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from urllib.parse import urlencode

import pytest
import yaml
from kubernetes import client

from tests.deploy.chart import CHART, NAME, NAMESPACE
from tests.deploy.documented import commands
from tests.deploy.installation import HELM_SECONDS, Installation, run
from tests.support.cluster import fresh_namespace
from tests.support.patience import patient

pytestmark = [pytest.mark.cluster, pytest.mark.helm, pytest.mark.slow]

README = [each for each in commands() if each.page == "README.md"]


def shown(installation: Installation, program: str, word: str, **replaced: str) -> list[str]:
    """The README's command that has a word, in a test's namespace and with this chart."""
    (found,) = (each for each in README if each.program == program and word in each.words)
    new = {NAMESPACE: installation.namespace, "deploy/chart": str(CHART), **replaced}
    # Values stand behind a name: --set api.image=…
    return [program, *(re.sub(r"[^=]+$", lambda text: new.get(text[0], text[0]), word) for word in found.words)]


@contextmanager
def forwarded(command: list[str]) -> Iterator[str]:
    """The address at which `kubectl port-forward` listens while it runs."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            (port,) = re.findall(r"127\.0\.0\.1:(\d+) ->", process.stdout.readline())
            yield f"http://localhost:{port}"
        finally:
            process.terminate()


class Browser:
    """Somebody's browser: it keeps cookies, and sends a form with the token that its page had."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._cookies = CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))

    def send(self, path: str, **fields: str) -> str:
        """Open a page and send its form; the address of the page that follows."""
        with self._opener.open(self._address + path, timeout=patient(30)) as page:
            page.read()
        (token,) = (cookie.value for cookie in self._cookies if cookie.name == "csrftoken")
        form = urlencode({**fields, "csrfmiddlewaretoken": token}).encode()
        with self._opener.open(self._address + path, form, timeout=patient(30)) as page:
            found: str = page.geturl()
        assert found != self._address + path, f"{path} did not take the form"
        return found


def test_the_five_minutes_of_the_readme(
    cluster_api: client.ApiClient, kube_host: str, site_image: str, executor_image: str
) -> None:
    (site, site_version), (executor, executor_version) = site_image.split(":"), executor_image.split(":")
    # The cluster of the tests has no class of volumes.
    here = {
        "api": {"version": site_version},
        "executor": {"version": executor_version},
        "trial": {"storage": ""},
        "publicUrl": "",
    }
    with fresh_namespace(cluster_api) as namespace:
        trial = Installation(namespace, kube_host, here, where=f"statefulset/{NAME}")
        named = {"registry.example/terrakube-site": site, "registry.example/terrakube-executor": executor}
        install = shown(trial, "helm", "trial.enabled=true", **named)
        run(*install, "--timeout", f"{HELM_SECONDS}s", "--values", "-", text=yaml.safe_dump(trial.values))
        assert "Phase:          Succeeded" in run(*shown(trial, "helm", "test"))

        said: dict[str, str] = json.loads(run(*shown(trial, "kubectl", "exec")))
        with forwarded(shown(trial, "kubectl", "port-forward", **{"8080": ":8080"})) as address:
            browser = Browser(address)
            browser.send("/admin/login/", username=said["user"], password=said["password"])
            shows = browser.send(
                f"/admin/workspaces/workspace/{said['workspace']}/start/",
                template=said["template"],
                refresh="on",
                priority="0",
            )
        (job,) = re.findall(r"/admin/workspaces/job/(\d+)/change/$", shows)
        trial.sign_in(said["user"])
        trial.await_status(said["organization"], job, "waitingApproval")
        trial.approve(said["organization"], job)
        trial.await_status(said["organization"], job, "completed")
        assert "Apply complete!" in trial.log(said["organization"], job)
        assert len(trial.step_pods(job)) == 2
