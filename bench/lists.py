"""Lists and records of a large site: how long its one web process takes for each, asked by one client."""

from __future__ import annotations

import gzip
import http.client
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from bench import pages
from bench.dataset import ADMIN, FEW, MEMBER, PASSWORD, Dataset
from bench.figures import Figure, percentile
from workspaces import models as records

MEASURE = 7
AIM_MS = 50.0
_TICKS = os.sysconf("SC_CLK_TCK")
_WARM_UP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request that is measured, and the name of the user who asks."""

    name: str
    path: str
    asker: str = ADMIN
    page: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What the answers to one request took, in ms; ``cpu`` is the web process's own share of each."""

    p50: float
    p95: float
    cpu: float
    size: int


# ---- what is asked --------------------------------------------------------------------------------------------------

_PAGED = "page[size]=100"
_ROOT = ("address", "organization", "reference", "step", "template", "workspace")
_OF_ORGANIZATION = ("agent", "collection", "globalvar", "job", "ssh", "tag", "team", "template", "vcs", "workspace")
_OF_WORKSPACE = ("access", "history", "job", "reference", "schedule", "variable", "workspaceTag")


def requests() -> list[Request]:
    """Every type's list and record, at the root and below its parents, with what clients commonly ask of it."""
    workspace = records.Workspace.objects.order_by("-name").select_related("organization")[0]
    organization = f"organization/{workspace.organization_id}"
    job = records.Job.objects.filter(workspace=workspace).order_by("-pk")[0]
    collection = records.Collection.objects.filter(organization=workspace.organization_id)[0]
    parents: dict[str, tuple[str, tuple[str, ...]]] = {
        organization: ("organization", _OF_ORGANIZATION),
        f"{organization}/workspace/{workspace.pk}": ("workspace", _OF_WORKSPACE),
        f"{organization}/job/{job.pk}": ("job", ("step", "address")),
        f"{organization}/collection/{collection.pk}": ("collection", ("item", "reference")),
    }
    found = [(f"/{name}", f"{name}?{_PAGED}") for name in _ROOT]
    for parent, (word, names) in parents.items():
        found.append((f"{word}/1", parent))
        found += [(f"{word}/1/{name}", f"{parent}/{name}?{_PAGED}") for name in names]
    found += [(f"{name}/1", path) for name, path in _single(workspace, job, collection, organization).items()]
    here = f"{organization}/workspace"
    found += [
        ("/workspace, second page", f"workspace?{_PAGED}&page[number]=2"),
        ("/workspace, counted", f"workspace?{_PAGED}&page[totals]"),
        ("/workspace by name", f"workspace?filter[workspace]=name=={workspace.name}"),
        ("/workspace name==*", f"workspace?filter[workspace]=name==workspace-001*&{_PAGED}"),
        ("/workspace by date", f"workspace?sort=-lastJobDate&{_PAGED}"),
        ("/workspace with variables", f"workspace?include=variable&{_PAGED}"),
        ("/organization by name", f"organization?filter[organization]=name=={workspace.organization.name}"),
        ("/organization, names", "organization?fields[organization]=name"),
        ("workspaces of one by name", f"{here}?filter[workspace]=name=={workspace.name}"),
        ("workspaces of one by last job", f"{here}?sort=-lastJobDate&{_PAGED}"),
        ("workspaces of one, names", f"{here}?fields[workspace]=name,terraformVersion"),
        ("jobs of one, newest first", f"{organization}/job?sort=-id&{_PAGED}"),
        ("jobs of one that failed", f"{organization}/job?filter[job]=status==failed&{_PAGED}"),
        ("jobs with their steps", f"{organization}/job?include=step,workspace&{_PAGED}"),
        ("jobs of a workspace by filter", f"{organization}/job?filter[job]=workspace.id=={workspace.pk}"),
        ("job with its steps", f"{organization}/job/{job.pk}?include=step"),
        ("variables by key", f"{here}/{workspace.pk}/variable?filter[variable]=key==key_7"),
        ("history, newest first", f"{here}/{workspace.pk}/history?sort=-createdDate"),
        ("template by name", f"{organization}/template?filter[template]=name=='template-3'"),
        ("/step that failed", f"step?filter[step]=status==failed&{_PAGED}"),
    ]
    asked = [Request(name=name, path=f"/api/v1/{path}") for name, path in found]
    asked += [Request(name=f"{each.name} (member)", path=each.path, asker=MEMBER) for each in asked]
    return asked + _pages(workspace)


def _single(workspace: Any, job: Any, collection: Any, organization: str) -> dict[str, str]:
    """Return the record of each type, by its usual path."""
    found = {}
    for name, model in (
        ("agent", records.Agent),
        ("globalvar", records.GlobalVariable),
        ("ssh", records.Ssh),
        ("tag", records.Tag),
        ("team", records.Team),
        ("template", records.Template),
        ("vcs", records.Vcs),
    ):
        one = model._default_manager.filter(organization=workspace.organization_id)[0]
        found[name] = f"{organization}/{name}/{one.pk}"
    for name, owned in (
        ("access", records.Access),
        ("history", records.StateVersion),
        ("schedule", records.Schedule),
        ("variable", records.Variable),
        ("workspaceTag", records.WorkspaceTag),
    ):
        one = owned._default_manager.filter(workspace=workspace)[0]
        found[name] = f"{organization}/workspace/{workspace.pk}/{name}/{one.pk}"
    item = records.Item.objects.filter(collection=collection)[0]
    found["item"] = f"{organization}/collection/{collection.pk}/item/{item.pk}"
    found["reference"] = f"reference/{records.Reference.objects.filter(workspace=workspace)[0].pk}"
    found["step"] = f"{organization}/job/{job.pk}/step/{job.steps.all()[0].pk}"
    found["address"] = f"address/{records.Address.objects.all()[0].pk}"
    return found


def _pages(workspace: Any) -> list[Request]:
    """Return the panel's pages, which an administrator and a member of many teams open.

    Who has few rights opens the main ones.
    """
    found, main = pages.addresses(workspace), pages.main_addresses(workspace)
    return [
        Request(name=f"panel: {name}{who}", path=path, asker=asker, page=True)
        for asker, who, paths in ((ADMIN, "", found), (MEMBER, " (member)", found), (FEW, " (few rights)", main))
        for name, path in paths.items()
    ]


# ---- how it is measured ---------------------------------------------------------------------------------------------


@contextmanager
def web(port: int) -> Iterator[int]:
    """A web process with this process's environment, as ``manage.py up`` starts it; its pid."""
    command = [sys.executable, "-m", "uvicorn", "terrakube_site.asgi:application", "--port", str(port)]
    process = subprocess.Popen([*command, "--no-access-log", "--log-level", "warning"])
    try:
        until = time.monotonic() + 60
        while True:
            try:
                probe = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                probe.request("GET", "/actuator/health/liveness")
                probe.getresponse().read()
                break
            except OSError:
                if time.monotonic() > until or process.poll() is not None:
                    raise
                time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def cpu_ms(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / _TICKS


class Client:
    """One kept connection, as one client has it."""

    def __init__(self, port: int, dataset: Dataset) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._tokens = {MEMBER: dataset.member, ADMIN: dataset.admin}
        self._cookies = {name: self._sign_in(name) for name in (ADMIN, MEMBER, FEW)}

    def get(self, request: Request) -> bytes:
        if request.page:
            headers = {"Cookie": self._cookies[request.asker]}
        else:
            headers = {"Authorization": f"Bearer {self._tokens[request.asker]}"}
        self._connection.request("GET", request.path.replace("'", "%27"), headers=headers)
        answer = self._connection.getresponse()
        body = answer.read()
        # Others have no page of an administrator's records.
        not_theirs = request.page and request.asker != ADMIN and answer.status in {302, 403, 404}
        if answer.status != 200 and not not_theirs:
            raise RuntimeError(f"{request.path} was answered {answer.status}: {body[:300]!r}")
        return body if answer.status == 200 else b""

    @property
    def cookie(self) -> str:
        """Return the administrator's cookie."""
        return self._cookies[ADMIN]

    def log(self, path: str) -> tuple[bytes, int]:
        """Return a piece of a log, and the offset of its end."""
        self._connection.request("GET", path, headers={"Cookie": self.cookie})
        answer = self._connection.getresponse()
        return answer.read(), int(answer.headers["X-Log-End"])

    def fetch(self, path: str) -> tuple[str, bytes]:
        """Return the text at a path as an administrator's browser gets it, and the bytes that travelled."""
        headers = {"Cookie": self._cookies[ADMIN], "Accept-Encoding": "gzip"}
        self._connection.request("GET", path, headers=headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path} was answered {answer.status}")
        text = gzip.decompress(body) if answer.headers["Content-Encoding"] == "gzip" else body
        return text.decode(), body

    def _sign_in(self, name: str) -> str:
        self._connection.request("GET", "/admin/login/")
        answer = self._connection.getresponse()
        page = answer.read().decode()
        cookie = str(answer.headers["Set-Cookie"]).partition(";")[0]
        hidden = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        form = {"csrfmiddlewaretoken": hidden[1] if hidden else "", "username": name, "password": PASSWORD}
        headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
        self._connection.request("POST", "/admin/login/?next=/admin/", urlencode(form), headers)
        answer = self._connection.getresponse()
        answer.read()
        given = [text.partition(";")[0] for text in answer.headers.get_all("Set-Cookie") or ()]
        session = next(text for text in given if text.startswith("sessionid="))
        return session


def take(client: Client, pid: int, request: Request, count: int) -> Taken | None:
    """Ask ``count`` times, after a few that are not counted; None if the asker has no such page."""
    size = max(len(client.get(request)) for _ in range(_WARM_UP))
    if not size:
        return None
    times = []
    before = cpu_ms(pid)
    for _ in range(count):
        started = time.perf_counter()
        client.get(request)
        times.append((time.perf_counter() - started) * 1000)
    cpu = (cpu_ms(pid) - before) / count
    return Taken(p50=percentile(times, 0.5), p95=percentile(times, 0.95), cpu=cpu, size=size)


def measured(port: int, dataset: Dataset, count: int, pattern: str = "") -> Iterator[Figure]:
    """Measure every request whose name has ``pattern``, and the scripts of the pages among them."""
    with web(port) as pid:
        client = Client(port, dataset)
        asked = [request for request in requests() if re.search(pattern, request.name)]
        for request in asked:
            found = take(client, pid, request, count)
            if found is None:
                continue
            aim = pages.AIM_MS if request.page else AIM_MS
            note = f"{request.name} (p50 {found.p50:.1f}, cpu {found.cpu:.1f} ms, {found.size / 1024:.0f} KiB)"
            yield Figure(measure=MEASURE, name=f"p95 of {note}", value=found.p95, unit="ms", aim=aim)
        shown = {one.name: one.path for one in asked if one.page and one.asker == ADMIN}
        if shown:
            yield from pages.script_figures(MEASURE, shown, client.fetch)
