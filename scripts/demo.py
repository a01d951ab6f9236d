"""The demonstration: start the site on one machine, run a job through its REST API, show what came of it."""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from executors.management.commands.up import Processes

PROJECT = Path(__file__).resolve().parent.parent
FINAL = {"completed", "noChanges", "rejected", "cancelled", "failed"}
JOB_SECONDS = 300
START_SECONDS = 180


def say(text: str) -> None:
    print(f"demo: {text}", flush=True)


def fail(text: str) -> SystemExit:
    return SystemExit(f"demo: {text}")


def free_port(host: str) -> int:
    wanted = int(os.environ.get("DEMO_PORT", "8000"))
    for port in range(wanted, wanted + 50):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise fail(f"no port from {wanted} on is free")


class Site:
    """The running site, as its REST API's client sees it."""

    def __init__(self, address: str, token: str) -> None:
        self.address = address
        self._token = token

    def call(self, method: str, path: str, document: dict[str, Any] | None = None) -> Any:
        status, body = self._send(method, path, document)
        if status >= 400:
            raise fail(f"{method} {path} was answered {status}: {body.decode(errors='replace')[:500]}")
        return json.loads(body) if body else None

    def text(self, path: str) -> bytes:
        status, body = self._send("GET", path, None)
        return body if status == 200 else b""

    def _send(self, method: str, path: str, document: dict[str, Any] | None) -> tuple[int, bytes]:
        request = urllib.request.Request(self.address + path, method=method)
        request.add_header("Authorization", f"Bearer {self._token}")
        if document is not None:
            request.add_header("Content-Type", "application/vnd.api+json")
            request.data = json.dumps(document).encode()
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


def environment(arguments: argparse.Namespace) -> dict[str, str]:
    """What the site's processes get: their data in a folder of the demonstration's own, nothing else of ours."""
    settings = dict(os.environ)
    folder = PROJECT / "var" / ("demo-kubernetes" if arguments.kubernetes else "demo")
    settings["TERRAKUBE_DATA_DIR"] = str(folder)
    settings.pop("TERRAKUBE_DATABASE_URL", None)
    settings.pop("TerrakubeRedisHostname", None)
    return settings


def reachable_address() -> str:
    """This machine's address as pods may reach it: DEMO_API_HOST, KUBE_HOST, else that of its outgoing traffic."""
    given = os.environ.get("DEMO_API_HOST") or os.environ.get("KUBE_HOST")
    if given:
        return given
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Nothing is sent: connecting a datagram socket only picks the address that the route would use.
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])


def prepare_cluster(namespace: str) -> None:
    """Make the namespace and give the guide's service account its rights."""
    for command in (
        ["kubectl", "create", "namespace", namespace, "--dry-run=client", "--output=yaml"],
        ["kubectl", "apply", "--namespace", namespace, "-f", str(PROJECT / "deploy/rbac.yaml")],
    ):
        answer = subprocess.run(command, capture_output=True, text=True)
        if answer.returncode == 0 and "--dry-run=client" in command:
            answer = subprocess.run(
                ["kubectl", "apply", "-f", "-"], input=answer.stdout, capture_output=True, text=True
            )
        if answer.returncode != 0:
            raise fail(f"{' '.join(command[:3])} failed: {answer.stderr.strip()}")


def manage(*arguments: str) -> str:
    """Run a command of manage.py in this process: another would load the site once more, a second each."""
    from django.core.management import CommandError, call_command

    written = io.StringIO()
    try:
        call_command(*arguments, stdout=written)
    except CommandError as error:
        raise fail(f"manage.py {arguments[0]} failed: {error}") from None
    return written.getvalue()


def await_site(address: str, look_after: Callable[[], None]) -> None:
    """Wait until the site answers; ``look_after`` is asked meanwhile, and raises if it has ended."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        look_after()
        try:
            with urllib.request.urlopen(f"{address}/actuator/health/liveness", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise fail(f"the site did not come up in {START_SECONDS} s")


def stop_earlier_jobs(site: Site, seeded: dict[str, str]) -> None:
    """Stop what an interrupted demonstration left, which would keep the workspace."""
    path = f"/api/v1/organization/{seeded['organization']}/job"
    for job in site.call("GET", path)["data"]:
        if job["attributes"]["status"] not in FINAL:
            say(f"job {job['id']} of an earlier demonstration is stopped")
            change = {"data": {"type": "job", "id": job["id"], "attributes": {"forceCancel": True}}}
            site.call("PATCH", f"{path}/{job['id']}", change)


def start_job(site: Site, seeded: dict[str, str]) -> str:
    document = {
        "data": {
            "type": "job",
            "attributes": {"templateReference": seeded["template"]},
            "relationships": {"workspace": {"data": {"type": "workspace", "id": seeded["workspace"]}}},
        }
    }
    created = site.call("POST", f"/api/v1/organization/{seeded['organization']}/job", document)
    return str(created["data"]["id"])


def follow_job(site: Site, organization: str, job: str, processes: Processes) -> str:
    """Print the logs of a job's steps as they grow, approve what waits for it; returns the final status."""
    path = f"/api/v1/organization/{organization}/job/{job}"
    shown: dict[str, int] = {}
    told = ""
    until = time.monotonic() + JOB_SECONDS
    while time.monotonic() < until:
        processes.look_after()
        answer = site.call("GET", f"{path}?include=step")
        attributes = answer["data"]["attributes"]
        status, why = str(attributes["status"]), attributes["reason"]
        news = f"job {job} is {status}" + (f": {why}" if why else "")
        if news != told:
            say(news)
            told = news
        steps = sorted(answer.get("included", []), key=lambda step: step["attributes"]["stepNumber"])
        for step in steps:
            log = site.text(f"/tfoutput/v1/organization/{organization}/job/{job}/step/{step['id']}")
            seen = shown.get(step["id"], 0)
            if len(log) > seen:
                sys.stdout.buffer.write(log[seen:])
                sys.stdout.flush()
                shown[step["id"]] = len(log)
        if status == "waitingApproval":
            say("approving the plan")
            site.call("PATCH", path, {"data": {"type": "job", "id": job, "attributes": {"status": "approved"}}})
        if status in FINAL:
            return status
        time.sleep(0.3)
    raise fail(f"job {job} has not ended in {JOB_SECONDS} s")


def show_outputs(site: Site, seeded: dict[str, str]) -> None:
    base = f"/api/v1/organization/{seeded['organization']}/workspace/{seeded['workspace']}"
    history = site.call("GET", f"{base}/history?sort=-createdDate")["data"]
    if not history:
        return
    address = str(history[0]["attributes"]["output"])
    state = json.loads(site.text(address[address.index("/tfstate/") :]) or b"{}")
    for name, output in (state.get("values") or {}).get("outputs", {}).items():
        shown = "(sensitive)" if output.get("sensitive") else json.dumps(output.get("value"))
        say(f"output {name} = {shown}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubernetes", action="store_true", help="each step in a Kubernetes Job")
    arguments = parser.parse_args()
    settings = environment(arguments)
    host = reachable_address() if arguments.kubernetes else "127.0.0.1"
    port = free_port(host)
    address = f"http://{host}:{port}"
    settings |= {"TerrakubeApiUrl": address, "ExecutorLocalApiUrl": address}
    settings["TERRAKUBE_ALLOWED_HOSTS"] = f"localhost,127.0.0.1,{host}"
    if arguments.kubernetes:
        namespace = os.environ.get("DEMO_NAMESPACE", "terrakube")
        prepare_cluster(namespace)
        settings |= {
            "ExecutorEphemeralNamespace": namespace,
            "ExecutorEphemeralImage": os.environ.get("DEMO_EXECUTOR_IMAGE", "terrakube-executor:latest"),
            # An image that was only loaded into the nodes; by default the tag latest is pulled each time.
            "ExecutorEphemeralImagePullPolicy": os.environ.get("ExecutorEphemeralImagePullPolicy", "IfNotPresent"),
            "ExecutorEphemeralSecret": "",
            "AzBuilderApiUrl": address,
        }
    say(f"the site starts at {address}/")
    os.environ.clear()
    os.environ.update(settings, DJANGO_SETTINGS_MODULE="terrakube_site.settings")
    return show(arguments, host, port)


def show(arguments: argparse.Namespace, host: str, port: int) -> int:
    """Start the site by the environment, run a job, and look after the processes until Ctrl-C."""
    import django

    django.setup()
    from executors.management.commands.up import PAUSE_SECONDS, Processes, waiting_migrations

    address = f"http://{host}:{port}"
    # Their settings first, in the words of manage.py up.
    manage("check", "--tag", "installation")
    if waiting_migrations():
        manage("migrate", "--verbosity", "0")
    # They load the site while the example is made.
    processes = Processes(host, port, say)
    try:
        wanted = ["--new-password", *(["--ephemeral"] if arguments.kubernetes else [])]
        seeded = json.loads(manage("seed_example", *wanted))
        days = ["--days", "1", "--description", "demo"]
        token = manage("create_token", "--user", seeded["user"], *days).strip()
        await_site(address, processes.look_after)
        say(f"the panel: {address}/admin/  (user {seeded['user']}, password {seeded['password']})")
        site = Site(address, token)
        stop_earlier_jobs(site, seeded)
        job = start_job(site, seeded)
        say(f"job {job} of workspace example/hello was started")
        status = follow_job(site, seeded["organization"], job, processes)
        if status == "completed":
            show_outputs(site, seeded)
        say(f"job {job} ended: {status}")
        if os.environ.get("DEMO_ONCE") == "1":
            return 0 if status == "completed" else 1
        say(f"the panel stays at {address}/admin/; stop with Ctrl-C")
        while True:
            time.sleep(PAUSE_SECONDS)
            processes.look_after()
    except KeyboardInterrupt:
        return 0
    finally:
        processes.stop()


if __name__ == "__main__":
    # A SIGTERM ends the site in order too.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    sys.exit(main())
