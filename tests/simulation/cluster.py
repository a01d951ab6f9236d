"""A Kubernetes cluster in memory: Jobs, pods and Secrets, the controllers behind them, and the API that a process sees.

The API loses calls and answers; the controllers are slow, run a Job's pod twice, and delete what nobody asked them to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from executors.cluster import AlreadyExists, ClusterError, Manifest
from executors.launching.manifest import ATTEMPT_LABEL, CONTAINER
from tests.simulation.schedule import Schedule
from tests.simulation.weather import Weather

SELDOM = (2.0, 12.0, 45.0)
"""Seconds that the usual 0.3 may become."""


@dataclass
class Program:
    """The executor in a pod, as far as the cluster knows it: it can be told to stop, and killed."""

    interrupt: Callable[[], None]
    kill: Callable[[], None]


type Starter = Callable[[Manifest, Manifest, str, Callable[[int, str], None]], Program]
"""Starts the program of a pod: from its Job, the Secret and the pod's name; the last is called at its end."""


@dataclass
class Pod:
    """A pod, and what its node does."""

    body: Manifest
    job: str
    program: Program | None = None
    over: bool = False


@dataclass
class SimulatedCluster:
    """The cluster's own truth; ``told`` hears of each change: its kind, what happened, and the object's copy."""

    schedule: Schedule
    weather: Weather
    namespace: str
    starter: Starter
    story: Callable[[str], None]
    ttl_seconds: int
    jobs: dict[str, Manifest] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    secrets: dict[str, Manifest] = field(default_factory=dict)
    told: list[Callable[[str, str, Manifest], None]] = field(default_factory=list)
    version: int = 0

    # ---- what controllers and nodes do ------------------------------------------------------------------------------

    def _changed(self, kind: str, what: str, one: Manifest) -> None:
        self.version += 1
        one["metadata"]["resourceVersion"] = str(self.version)
        for tell in self.told:
            tell(kind, what, copied(one))

    def add_job(self, manifest: Manifest) -> Manifest:
        metadata = manifest["metadata"]
        job: Manifest = {
            "metadata": {
                "name": metadata["name"],
                "namespace": self.namespace,
                "labels": dict(metadata["labels"]),
                "uid": f"uid-{metadata['name']}-{self.version}",
                "creationTimestamp": self.schedule.clock.text(),
            },
            "spec": {},
            "status": {},
        }
        self.jobs[metadata["name"]] = job
        self._changed("Job", "ADDED", job)
        uid = job["metadata"]["uid"]
        self.schedule.at(self._soon(), lambda: self._make_pod(uid, metadata["name"], 0))
        if self.weather.strikes("second pod"):
            # A Job's controller that reads an old cache makes one too many.
            self.story(f"a second pod of {metadata['name']}")
            self.schedule.at(self._soon() + 0.2, lambda: self._make_pod(uid, metadata["name"], 1))
        if self.weather.strikes("job deleted"):
            self.schedule.at(self._soon() + 3, lambda: self._delete_in_the_background(uid, metadata["name"]))
        return job

    def _soon(self) -> float:
        return self.weather.span("slow cluster", 0.3, SELDOM)

    def _job(self, uid: str, name: str) -> Manifest | None:
        job = self.jobs.get(name)
        return job if job is not None and job["metadata"]["uid"] == uid else None

    def _make_pod(self, uid: str, job_name: str, number: int) -> None:
        job = self._job(uid, job_name)
        if job is None or is_leaving(job) or "conditions" in job["status"]:
            return
        name = f"{job_name}-{number}"
        body: Manifest = {
            "metadata": {
                "name": name,
                "namespace": self.namespace,
                "uid": f"uid-{name}-{self.version}",
                "labels": dict(job["metadata"]["labels"]),
                "creationTimestamp": self.schedule.clock.text(),
            },
            "spec": {"containers": [{"name": CONTAINER, "image": "executor"}]},
            "status": {"phase": "Pending"},
        }
        pod = self.pods[body["metadata"]["uid"]] = Pod(body, job_name)
        stays = self.weather.strikes("no node")
        if stays:
            self.story(f"no node takes {name}")
            wrong = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
            body["status"]["conditions"] = [wrong | {"lastTransitionTime": self.schedule.clock.text()}]
        self._changed("Pod", "ADDED", body)
        if not stays:
            self.schedule.at(self._soon(), lambda: self._start(pod))
        if self.weather.strikes("evicted"):
            self.schedule.at(4 + self._soon(), lambda: self._evict(pod))

    def _start(self, pod: Pod) -> None:
        if pod.over or pod.program is not None or pod.body["metadata"]["uid"] not in self.pods:
            return
        now = self.schedule.clock.text()
        status = pod.body["status"]
        status["conditions"] = [{"type": "PodScheduled", "status": "True", "lastTransitionTime": now}]
        status["startTime"] = now
        pod.body["spec"]["nodeName"] = "node-1"
        secret = self.secrets.get(pod.job)
        if secret is None:
            waiting = {"reason": "CreateContainerConfigError", "message": f'secret "{pod.job}" not found'}
            self._set(pod, {"waiting": waiting})
            self.schedule.at(1.0, lambda: self._start(pod))
            return
        job = self.jobs.get(pod.job)
        if job is None:
            return
        status["phase"] = "Running"
        self._set(pod, {"running": {"startedAt": now}})
        pod.program = self.starter(
            job, secret, pod.body["metadata"]["name"], lambda code, words: self.end(pod, code, words)
        )
        if self.weather.strikes("killed"):
            program = pod.program
            self.schedule.at(1 + self._soon(), lambda: self._die(pod, program))

    def _set(self, pod: Pod, state: Manifest) -> None:
        pod.body["status"]["containerStatuses"] = [{"name": CONTAINER, "image": "executor", "state": state}]
        self._changed("Pod", "MODIFIED", pod.body)

    def _die(self, pod: Pod, program: Program) -> None:
        if pod.over:
            return
        self.story(f"the container of {pod.body['metadata']['name']} is killed")
        program.kill()

    def end(self, pod: Pod, code: int, words: str) -> None:
        """The program of a pod has ended."""
        if pod.over:
            return
        pod.over = True
        now = self.schedule.clock.text()
        pod.body["status"]["phase"] = "Succeeded" if code == 0 else "Failed"
        state = {"exitCode": code, "reason": "Completed" if code == 0 else "Error", "finishedAt": now, "message": words}
        self._set(pod, {"terminated": state})
        self.schedule.at(self._soon(), lambda: self._end_job(pod))

    def _end_job(self, pod: Pod) -> None:
        job = self.jobs.get(pod.job)
        leaving = job is None or is_leaving(job) or is_leaving(pod.body)
        if leaving:
            self._remove_pod(pod)
        if (
            job is None
            or "conditions" in job["status"]
            or any(not one.over for one in self.pods.values() if one.job == pod.job)
        ):
            return
        if is_leaving(job):
            self._remove_job(job)
            return
        good = pod.body["status"]["phase"] == "Succeeded"
        end: Manifest = {"type": "Complete" if good else "Failed", "status": "True"}
        if not good:
            end["reason"] = "BackoffLimitExceeded"
        end["lastTransitionTime"] = self.schedule.clock.text()
        job["status"]["conditions"] = [end]
        self._changed("Job", "MODIFIED", job)
        uid = job["metadata"]["uid"]
        self.schedule.at(self.ttl_seconds, lambda: self._expire(uid, pod.job))

    def _expire(self, uid: str, name: str) -> None:
        job = self._job(uid, name)
        if job is not None:
            self.delete_job(name)

    def delete_job(self, name: str) -> None:
        """Delete a Job after its pods, as the site does."""
        job = self.jobs[name]
        if is_leaving(job):
            return
        job["metadata"]["deletionTimestamp"] = self.schedule.clock.text()
        self._changed("Job", "MODIFIED", job)
        pods = [pod for pod in self.pods.values() if pod.job == name]
        for pod in pods:
            self._tell_to_stop(pod)
        if not any(pod.body["metadata"]["uid"] in self.pods for pod in pods):
            self._remove_job(job)

    def _delete_in_the_background(self, uid: str, name: str) -> None:
        job = self._job(uid, name)
        if job is None:
            return
        self.story(f"somebody deletes {name}")
        self._remove_job(job)
        for pod in [pod for pod in self.pods.values() if pod.job == name]:
            self.schedule.at(self._soon(), lambda pod=pod: self._tell_to_stop(pod))  # type: ignore[misc]

    def _evict(self, pod: Pod) -> None:
        if pod.over or pod.body["metadata"]["uid"] not in self.pods:
            return
        self.story(f"{pod.body['metadata']['name']} is evicted")
        self._tell_to_stop(pod)

    def _tell_to_stop(self, pod: Pod) -> None:
        if pod.body["metadata"]["uid"] not in self.pods:
            return
        if pod.over or pod.program is None:
            pod.over = True
            self._remove_pod(pod)
            self._after_pod(pod)
        elif not is_leaving(pod.body):
            pod.body["metadata"]["deletionTimestamp"] = self.schedule.clock.text()
            self._changed("Pod", "MODIFIED", pod.body)
            pod.program.interrupt()

    def _after_pod(self, pod: Pod) -> None:
        """The Job of a pod that never ran and was taken away fails, as its pod is not replaced."""
        self.schedule.at(self._soon(), lambda: self._end_job(pod))

    def _remove_pod(self, pod: Pod) -> None:
        if self.pods.pop(pod.body["metadata"]["uid"], None) is not None:
            self._changed("Pod", "DELETED", pod.body)

    def _remove_job(self, job: Manifest) -> None:
        name = job["metadata"]["name"]
        if self.jobs.get(name) is job:
            del self.jobs[name]
            self.secrets.pop(name, None)
            self._changed("Job", "DELETED", job)
            if "conditions" in job["status"]:
                for pod in [pod for pod in self.pods.values() if pod.job == name and pod.over]:
                    self._remove_pod(pod)

    def relabel_job(self, name: str, labels: Manifest) -> Manifest:
        job = self.jobs.get(name)
        if job is None:
            raise ClusterError(f'jobs.batch "{name}" not found', status=404)
        job["metadata"]["labels"].update(labels)
        self._changed("Job", "MODIFIED", job)
        return job

    def relabel_pod(self, name: str, labels: Manifest) -> Manifest:
        for pod in self.pods.values():
            if pod.body["metadata"]["name"] == name:
                pod.body["metadata"]["labels"].update(labels)
                self._changed("Pod", "MODIFIED", pod.body)
                return pod.body
        raise ClusterError(f'pods "{name}" not found', status=404)

    def kill_pod(self, name: str) -> bool:
        for pod in self.pods.values():
            if pod.body["metadata"]["name"] == name and not pod.over and pod.program is not None:
                pod.body["metadata"]["deletionTimestamp"] = self.schedule.clock.text()
                pod.program.kill()
                return True
        return False

    @property
    def at_rest(self) -> bool:
        return all(pod.over for pod in self.pods.values()) and all(
            "conditions" in job["status"] for job in self.jobs.values()
        )


def is_leaving(one: Manifest) -> bool:
    return "deletionTimestamp" in one["metadata"]


def copied(one: Any) -> Any:
    """Return a copy of a plain object."""
    if isinstance(one, dict):
        return {name: copied(value) for name, value in one.items()}
    return [copied(value) for value in one] if isinstance(one, list) else one


class SimulatedApi:
    """The calls of ``executors.cluster.api.Cluster``, for one process."""

    def __init__(
        self, cluster: SimulatedCluster, inside_transaction: Callable[[], bool], wrong: Callable[[str], None]
    ) -> None:
        self._cluster = cluster
        self._inside_transaction = inside_transaction
        self._wrong = wrong

    def _call[T](self, name: str, act: Callable[[], T]) -> T:
        cluster = self._cluster
        if self._inside_transaction():
            self._wrong(f"{name} is called inside a database transaction")
        cluster.schedule.point(f"before {name}")
        if cluster.weather.strikes("api away"):
            cluster.story(f"{name} does not reach the cluster")
            raise ClusterError("The cluster's API did not answer: Timeout")
        found = act()
        if cluster.weather.strikes("answer lost"):
            cluster.story(f"the answer to {name} is lost")
            raise ClusterError("The cluster's API did not answer: Timeout")
        cluster.schedule.point(f"after {name}")
        return found

    def create_job(self, namespace: str, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        def create() -> Manifest:
            if manifest["metadata"]["name"] in self._cluster.jobs:
                raise AlreadyExists("it exists", status=409)
            return copied(self._cluster.add_job(manifest))  # type: ignore[no-any-return]

        return self._call("create_job", create)

    def create_secret(self, namespace: str, manifest: Manifest) -> None:
        def create() -> None:
            name = manifest["metadata"]["name"]
            if name in self._cluster.secrets:
                raise AlreadyExists("it exists", status=409)
            job = self._cluster.jobs.get(name)
            # The garbage collector takes what belongs to an owner that is no more.
            if job is not None and job["metadata"]["uid"] == manifest["metadata"]["ownerReferences"][0]["uid"]:
                made = {"creationTimestamp": self._cluster.schedule.clock.text()}
                self._cluster.secrets[name] = {**manifest, "metadata": {**manifest["metadata"], **made}}

        self._call("create_secret", create)

    def read_job(self, namespace: str, name: str) -> Manifest | None:
        return self._call("read_job", lambda: copied(self._cluster.jobs.get(name)))  # type: ignore[no-any-return]

    def delete_job(self, namespace: str, name: str) -> bool:
        def delete() -> bool:
            if name not in self._cluster.jobs:
                return False
            self._cluster.delete_job(name)
            return True

        return self._call("delete_job", delete)

    def kill_pod(self, namespace: str, name: str) -> bool:
        return self._call("kill_pod", lambda: self._cluster.kill_pod(name))

    def patch_job(self, namespace: str, name: str, changes: Manifest) -> Manifest:
        labels = changes["metadata"]["labels"]
        return self._call("patch_job", lambda: copied(self._cluster.relabel_job(name, labels)))

    def patch_pod(self, namespace: str, name: str, changes: Manifest) -> Manifest:
        labels = changes["metadata"]["labels"]
        return self._call("patch_pod", lambda: copied(self._cluster.relabel_pod(name, labels)))

    def list_jobs(self, namespace: str, selector: str) -> tuple[list[Manifest], str]:
        return self._call("list_jobs", lambda: self._list(self._cluster.jobs.values(), selector))

    def list_pods(self, namespace: str, selector: str) -> tuple[list[Manifest], str]:
        return self._call("list_pods", lambda: self._list([pod.body for pod in self._cluster.pods.values()], selector))

    def list_secrets(self, namespace: str, selector: str) -> tuple[list[Manifest], str]:
        return self._call("list_secrets", lambda: self._list(self._cluster.secrets.values(), selector))

    def _list(self, objects: Any, selector: str) -> tuple[list[Manifest], str]:
        wanted = [part.partition("=") for part in selector.split(",")]
        found = [
            copied(one)
            for one in objects
            if all(
                one["metadata"]["labels"].get(name) == value if sign else name in one["metadata"]["labels"]
                for name, sign, value in wanted
            )
        ]
        return found, str(self._cluster.version)

    def watch_jobs(
        self, namespace: str, selector: str, version: str, *, seconds: int
    ) -> Iterator[tuple[str, Manifest]]:
        raise ClusterError("The simulated observer is told by the cluster itself")

    def watch_pods(
        self, namespace: str, selector: str, version: str, *, seconds: int
    ) -> Iterator[tuple[str, Manifest]]:
        raise ClusterError("The simulated observer is told by the cluster itself")

    def list_events(self, namespace: str, object_name: str) -> list[Manifest]:
        return []

    def claim_exists(self, namespace: str, name: str) -> bool | None:
        return None

    def pod_log(self, namespace: str, name: str, *, container: str, tail_lines: int = 50) -> str:
        raise ClusterError("pods/log is forbidden", status=403)

    def may(self, verb: str, resource: str, namespace: str, *, group: str = "", subresource: str = "") -> bool:
        return True


def attempt_of(one: Manifest) -> str:
    """Return the attempt that an object is of; "" for a warm pod that has none yet."""
    return str(one["metadata"]["labels"].get(ATTEMPT_LABEL, ""))
