"""One step, call by call, in the order in which the real executor makes them."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from . import job as jobs
from .http import Api, CallFailed
from .log import Log
from .redis import Redis, RedisFailed
from .s3 import Bucket
from .say import say

COMMIT = "197dd6c20caa1b2c18bf2cdfe3c67d4493f5351b"
PLANS = ("terraformPlan", "terraformPlanDestroy")


class Died(Exception):
    """An exception that the versions before 2.33 only log: the pod ends with 0, and nothing was reported."""


class Executor:
    """What runs one step and ends."""

    def __init__(self, environ: Mapping[str, str], data: dict[str, Any], version: tuple[int, int], pace: float) -> None:
        self.data, self.version, self._pace = data, version, pace
        self._asked: Mapping[str, str] = data["environmentVariables"]
        self.api = Api(environ, version, pace)
        self._redis = Redis(environ)
        self._bucket = Bucket(environ) if environ["TerraformStateType"] == "AwsTerraformStateImpl" else None
        self._terraform_index = environ.get("CustomTerraformReleasesUrl", "")
        via_api = version >= (2, 29) and environ.get("LogViaApi") == "true"
        self._log = Log(data, self.api, self._redis, via_api=via_api, lenient=version >= (2, 33), pace=pace)
        self._acknowledges = environ.get("ExecutorFlagDisableAcknowledge") != "true"
        self._commit = "000000000" if data["branch"] == "remote-content" else data.get("commitId") or COMMIT
        self._organization = data["organizationId"]
        self._reported = False

    # ---- calls ------------------------------------------------------------------------------------------------------

    @property
    def _job_path(self) -> str:
        return f"/api/v1/organization/{self._organization}/job/{self.data['jobId']}"

    @property
    def _log_address(self) -> str:
        data = self.data
        path = f"organization/{data['organizationId']}/job/{data['jobId']}/step/{data['stepId']}"
        return f"{self.api.public}/tfoutput/v1/{path}"

    def _job(self) -> dict[str, Any]:
        path = f"/api/v1/organization/{self.data['organizationId']}/job/{self.data['jobId']}?include=step"
        for _ in range(5):
            job: dict[str, Any] = self.api.call("GET", path)["data"]
            if job["relationships"]["step"]["data"]:
                return job
        raise CallFailed("the job has no steps")

    def _patch_job(self, job: dict[str, Any], **changes: Any) -> None:
        self._organization = job["relationships"]["organization"]["data"]["id"]
        self.api.call("PATCH", self._job_path, jobs.echo(job, self.version, **changes))

    def _patch_step(self, status: str) -> None:
        attributes = {"status": status, "output": self._log_address}
        step = {"type": "step", "id": self.data["stepId"], "attributes": attributes}
        self.api.call("PATCH", f"{self._job_path}/step/{self.data['stepId']}", {"data": step})

    # ---- the step ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Run the step. Raises Died."""
        try:
            self._run()
        except (CallFailed, RedisFailed, OSError) as error:
            if self.version < (2, 33):
                raise Died(str(error)) from error
            say(f"Unexpected error executing job: {error}")
            self._fail("Unexpected error executing job")

    def _run(self) -> None:
        if not self._prepare():
            if self.version >= (2, 29):
                self._end(False, "Failed to prepare work dir")
                return
            # It goes on in an empty folder, and found no commit.
            self._commit = self._asked.get("FAKE_COMMIT", "000000000")
        if self._acknowledges:
            job = self._job()
            if not (self.version >= (2, 33) and job["attributes"]["status"] == "rejected"):
                self._patch_job(job, status="running", commitId=self._commit)
                self._patch_step("running")
        kind = self.data["type"]
        if kind in PLANS:
            self._plan()
        elif kind in {"terraformApply", "terraformDestroy"}:
            self._apply(with_plan=kind == "terraformApply")
        elif kind in {"customScripts", "approval"}:
            output = "".join(f"{self._script(command)}\n" for command in self._commands())
            self._end(self._asked.get("FAKE_SCRIPT", "ok") == "ok", output)
        else:
            self._end(False, "Command Completed\nCommand type not defined")

    def _prepare(self) -> bool:
        if self.data["branch"] != "remote-content":
            return self._asked.get("FAKE_CLONE", "ok") == "ok"
        source = self.data["source"]
        if self.version >= (2, 31):
            source = self._job()["attributes"].get("overrideSource") or source
        status, archive = self.api.short("GET", source)
        return status == 200 and archive.startswith(b"\x1f\x8b")

    def _commands(self) -> list[dict[str, Any]]:
        # Of two with the same priority the later one counts.
        found = {command["priority"]: command for command in self.data.get("commandList") or ()}
        return [found[priority] for priority in sorted(found)]

    def _script(self, command: Mapping[str, Any]) -> str:
        return f"{command['runtime']}: {command['script'].strip()}"

    def _indexes(self) -> None:
        """Both indexes before every command, of which one is never used."""
        if self._asked.get("FAKE_INDEXES") == "skip":
            return
        if self._terraform_index:
            assert "versions" in self.api.index(self._terraform_index)
        assert isinstance(self.api.index(self.api.tofu_index), list)

    def _operate(self, banner: str) -> None:
        self._log.begin()
        self._indexes()
        if self.data["showHeader"]:
            self._log.line("Initializing Terrakube Job")
        time.sleep(7 * self._pace)
        self._indexes()
        self._log.line(banner)
        for number in range(int(self._asked.get("FAKE_LINES", "3"))):
            self._log.line(f"line {number} of {self._asked.get('FAKE_TEXT', 'terraform')}")
        if (hold := self._asked.get("FAKE_HOLD", "0")) == "sent":
            self._log.await_sent()
        else:
            time.sleep(float(hold))

    def _settle(self) -> None:
        if self.version >= (2, 29):
            self._log.settle()
        else:
            time.sleep(10 * self._pace)

    def _publish(self, **keys: Any) -> None:
        """A publication of progress, whose errors are only logged."""
        address = f"{self.api.public}/context/v1/{self.data['jobId']}"
        try:
            if self._job()["attributes"]["status"] != "running":
                return
            status, answer = self.api.short("GET", address)
            if status == 200 and self._job()["attributes"]["status"] == "running":
                document = json.loads(answer)
                for key, value in keys.items():
                    document.setdefault(key, {})[self.data["stepId"]] = value
                status, answer = self.api.short("POST", address, document)
            if status != 200:
                say(f"The context was answered {status}: {answer[:200]!r}")
        except OSError as error:
            say(f"The context was not answered: {error}")

    def _plan(self) -> None:
        self._operate("Terraform Plan")
        found = self._asked.get("FAKE_PLAN", "changes")
        if self.version >= (2, 31):
            row = {"address": "terraform_data.one", "action": "create", "status": "planned"}
            self._publish(planStructuredOutput=[row])
        self._log.line({"changes": "Plan: 1 to add", "none": "No changes.", "error": "Error: no"}[found])
        self._settle()
        plan = self._store_plan() if found != "error" else ""
        self._end(found != "error", self._log.text, exit_code={"changes": 2, "none": 0, "error": 1}[found], plan=plan)

    def _store_plan(self) -> str:
        data = self.data
        path = (
            f"{data['organizationId']}/{data['workspaceId']}/{data['jobId']}/{data['stepId']}/terraformLibrary.tfPlan"
        )
        if self._bucket is None:
            return f"/home/cnb/.terraform-spring-boot/local/state/{path}"
        self._bucket.put(f"tfstate/{path}", b"plan of " + data["stepId"].encode())
        return self._bucket.address(f"tfstate/{path}")

    def _apply(self, *, with_plan: bool) -> None:
        self._operate("Terraform Apply" if with_plan else "Terraform Destroy")
        if with_plan:
            address = self._job()["attributes"].get("terraformPlan")
            plan = None
            if address and self._bucket is not None:
                plan = self._bucket.get(f"tfstate/{address.partition('/tfstate/')[2]}")
            self._log.line(f"applying {plan.decode() if plan else 'without a plan'}")
        succeeded = self._asked.get("FAKE_APPLY", "ok") == "ok"
        self._log.line("Apply complete! Resources: 1 added" if succeeded else "Error: no")
        self._store_state()
        self._settle()
        self._end(succeeded, self._log.text)

    def _store_state(self) -> None:
        if self._bucket is None:
            return
        data, key = self.data, uuid4()
        folder = f"tfstate/{data['organizationId']}/{data['workspaceId']}"
        raw = {"version": 4, "serial": 7, "lineage": "lineage-of-the-fake", "outputs": {}, "resources": []}
        described = {"values": {"outputs": {"answer": {"value": 42, "sensitive": False, "type": "number"}}}}
        self._bucket.put(f"{folder}/terraform.tfstate", json.dumps(raw).encode())
        self._bucket.put(f"{folder}/state/{key}.json", json.dumps(described).encode())
        self._bucket.put(f"{folder}/state/{key}.raw.json", json.dumps(raw).encode())
        path = f"organization/{data['organizationId']}/workspace/{data['workspaceId']}"
        attributes = {
            "output": f"{self.api.public}/tfstate/v1/{path}/state/{key}.json",
            "jobReference": data["jobId"],
            "serial": 1,
            "md5": "0",
            "lineage": "0",
        }
        self.api.call("POST", f"/api/v1/{path}/history", {"data": {"type": "history", "attributes": attributes}})

    # ---- its end ----------------------------------------------------------------------------------------------------

    def _end(self, succeeded: bool, output: str, *, exit_code: int = 0, plan: str | None = None) -> None:
        if not self._acknowledges:
            return
        is_plan = self.data["type"] in PLANS
        ignored = is_plan and exit_code == 1 and bool(self.data.get("ignoreError"))
        status = self._job()["attributes"]["status"] if self.version >= (2, 33) else ""
        if self._bucket is not None:
            data = self.data
            key = f"tfoutput/{data['organizationId']}/{data['jobId']}/{data['stepId']}.tfoutput"
            self._bucket.put(key, output.encode())
        self._patch_step("completed" if (succeeded or ignored) and status != "rejected" else "failed")
        if self.version < (2, 33):
            status = self._job()["attributes"]["status"]
        if status in {"cancelled", "rejected"}:
            self._reported = True
            return
        job = self._job()
        steps = len(job["relationships"]["step"]["data"])
        changes: dict[str, Any] = {"planChanges": True, "status": "pending"}
        if not succeeded:
            changes |= {"status": "failed", "planChanges": not ignored}
            if is_plan:
                changes["terraformPlan"] = ""
        elif is_plan:
            changes["terraformPlan"] = plan
            changes["planChanges"] = exit_code == 2
            ends = (exit_code == 0 and self.version >= (2, 29)) or (steps == 1 and self.version >= (2, 33))
            changes["status"] = "completed" if ends else "pending"
        self._patch_job(job, commitId=self._commit, output=self._note(job), **changes)
        self._reported = True

    def _note(self, job: dict[str, Any]) -> str:
        old = job["attributes"].get("output")
        return "" if old is None else f"{old} Step {self.data['stepId']} completed\n"

    def _fail(self, text: str) -> None:
        try:
            self._end(False, text)
        except (CallFailed, OSError) as error:
            say(f"The failure could not be reported: {error}")

    def shut_down(self) -> None:
        """What SIGTERM makes of it: since 2.33 a failure, before that nothing."""
        if self.version >= (2, 33) and not self._reported:
            self._fail("Executor pod is shutting down")

    def beat_for_ever(self) -> None:
        """Show every 15 seconds that it lives, since 2.33."""
        while self.version >= (2, 33) and not self._reported:
            try:
                self._redis_of_beats().beat(self.data["jobId"])
            except RedisFailed as error:
                say(f"No heartbeat: {error}")
            time.sleep(15 * self._pace)

    def _redis_of_beats(self) -> Redis:
        # A connection of its own, since it is a thread of its own.
        return Redis(os.environ)

    def start_beating(self) -> None:
        threading.Thread(target=self.beat_for_ever, daemon=True).start()
