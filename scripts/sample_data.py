"""A few organizations with workspaces and jobs in every status, made by the services that the panel itself uses.

To be imported once Django is set up; the jobs run in the site's own worker.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import shutil
import subprocess
import tarfile
import time
from dataclasses import dataclass, field

from auditlog.context import set_actor
from axes.models import AccessAttempt
from django.contrib.auth.models import Group, User
from django.utils import timezone
from django_q.models import Failure, OrmQ
from django_q.signing import SignedPackage

from scripts.sample_records import add_records
from workspaces.choices import Category, IacType, JobStatus
from workspaces.models import (
    Access,
    Agent,
    Collection,
    GlobalVariable,
    Item,
    Job,
    Organization,
    PolicyRule,
    Reference,
    Schedule,
    Ssh,
    Tag,
    Team,
    Vcs,
    Workspace,
    WorkspaceTag,
)
from workspaces.services import jobs, locks, organizations, sources, workspaces
from workspaces.services.accesses import create_access
from workspaces.services.policy import create_rule
from workspaces.services.records import create_record
from workspaces.services.schedules import create_schedule
from workspaces.services.tokens import create_token

PLAN_APPROVE_APPLY = """flow:
  - {type: terraformPlan, name: Plan, step: 100}
  - {type: approval, name: Approval, step: 150}
  - {type: terraformApply, name: Apply, step: 200}
"""
LONG = """flow:
  - type: customScripts
    name: Load test
    step: 100
    commands:
      - runtime: BASH
        priority: 1
        before: true
        script: |
          for n in $(seq 3600); do
            printf '\\033[36m%s\\033[0m request %d took \\033[32m%d ms\\033[0m\\n' "$(date +%T)" $n $((RANDOM % 90))
            sleep 1
          done
"""
NETWORK = """
variable "region" { type = string }
variable "secret" {
  type      = string
  sensitive = true
}
locals {
  subnets = { SUBNETS }
}
resource "terraform_data" "vpc" {
  input = { cidr = "10.0.0.0/16", region = var.region, tags = { team = "platform", stage = "STAGE" } }
}
resource "terraform_data" "subnet" {
  for_each         = local.subnets
  input            = { cidr = each.value, zone = "${var.region}-${each.key}" }
  triggers_replace = [terraform_data.vpc.input.stage_of, each.value]
}
resource "terraform_data" "peering" {
  input = { key = var.secret, accept = true }
}
output "cidr" { value = terraform_data.vpc.output.cidr }
output "subnets" { value = { for name, subnet in terraform_data.subnet : name => subnet.output.cidr } }
output "peering_key" {
  value     = var.secret
  sensitive = true
}
""".replace("terraform_data.vpc.input.stage_of", 'terraform_data.vpc.input.tags["stage"]')
BROKEN = """
resource "terraform_data" "bucket" {
  input = { name = var.bucket, versioned = true }
}
output "name" { value = terraform_data.bucket.output.name }
"""
SIMPLE = """
resource "terraform_data" "table" { input = { name = "events", partitions = 12 } }
output "table" { value = terraform_data.table.output.name }
"""
WAIT_SECONDS = 600


@dataclass(slots=True)
class Sample:
    """What was made and is looked at later, by name."""

    password: str
    workspaces: dict[str, Workspace] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    connection: Vcs | None = None
    """A connection whose provider answers, and the address of a repository there; see ``sample_provider``."""
    repository: str = ""


def _tool() -> tuple[IacType, str]:
    kind, command = (IacType.TERRAFORM, "terraform") if shutil.which("terraform") else (IacType.TOFU, "tofu")
    answer = subprocess.run([command, "version", "-json"], capture_output=True, check=True, text=True)
    return kind, str(json.loads(answer.stdout)["terraform_version"])


def archive(files: dict[str, str]) -> bytes:
    """Return the files as a tar.gz."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


def until(job: Job, *statuses: str) -> Job:
    """Wait until a job has one of the statuses. Raises TimeoutError."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        job.refresh_from_db()
        if job.status in statuses:
            return job
        time.sleep(0.2)
    raise TimeoutError(f"job {job.pk} is {job.status}, not {' or '.join(statuses)}: {job.reason}")


class Maker:
    """Makes the sample, in the name of one administrator."""

    def __init__(self, password: str) -> None:
        self.by = User.objects.create_superuser("ada", "ada@example.org", password)
        self.member = User.objects.create_user("grace", "grace@example.org", password, is_staff=True)
        self.member.groups.add(Group.objects.create(name="DATA_ENGINEERS"))
        self.sample = Sample(password)
        self.tool, self.version = _tool()

    def organization(self, name: str, description: str, *teams: str) -> Organization:
        made = organizations.create_organization(by=self.by, name=name, description=description)
        for team in teams:
            create_record(Team(organization=made, name=team, role="write"), by=self.by)
        return made

    def workspace(
        self, organization: Organization, name: str, description: str, files: dict[str, str], **variables: str
    ) -> Workspace:
        made = workspaces.create_workspace(
            organization,
            by=self.by,
            name=name,
            description=description,
            source="empty",
            branch="remote-content",
            iac_type=self.tool,
            terraform_version=self.version,
            default_template=organization.templates.get(name="Plan, approve, apply"),
        )
        sources.upload_source(made, archive(files), by=self.by)
        for key, value in variables.items():
            category = Category.ENV if key.isupper() else Category.TERRAFORM
            workspaces.set_variable(
                made, by=self.by, key=key, value=value, category=category, sensitive=key in {"secret", "API_KEY"}
            )
        self.sample.workspaces[name] = made
        return made

    def start(self, name: str, workspace: Workspace, *, tcl: str = PLAN_APPROVE_APPLY, comments: str = "") -> Job:
        known = {PLAN_APPROVE_APPLY: "Plan, approve, apply"}
        template = workspace.organization.templates.filter(name=known.get(tcl, "")).first()
        job = jobs.create_job(workspace, by=self.by, template=template, tcl=tcl, comments=comments or None)
        self.sample.jobs[name] = job
        return job

    def applied(self, name: str, workspace: Workspace, comments: str = "") -> Job:
        job = until(self.start(name, workspace, comments=comments), JobStatus.WAITING_APPROVAL)
        jobs.approve_job(job, by=self.by, comment="Looks right")
        return until(job, JobStatus.COMPLETED)


def _records(maker: Maker, organization: Organization) -> None:
    by = maker.by
    collection = create_record(
        Collection(organization=organization, name="spot-nodes", description="Cheap nodes for plans", priority=20),
        by=by,
    )
    for key, value in (
        ("EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS", "pool=spot"),
        ("EPHEMERAL_CONFIG_TOLERATIONS", "spot:Exists:NoSchedule"),
        ("EPHEMERAL_MEMORY_LIMIT", "2Gi"),
    ):
        create_record(Item(collection=collection, key=key, value=value, category=Category.ENV), by=by)
    create_record(Reference(workspace=maker.sample.workspaces["network"], collection=collection), by=by)
    create_record(GlobalVariable(organization=organization, key="TF_LOG", value="WARN", category=Category.ENV), by=by)
    create_record(
        GlobalVariable(organization=organization, key="API_KEY", value="k-51f0", category=Category.ENV, sensitive=True),
        by=by,
    )
    tag = create_record(Tag(organization=organization, name="production"), by=by)
    create_record(WorkspaceTag(workspace=maker.sample.workspaces["network"], tag=tag), by=by)
    create_record(Vcs(organization=organization, name="forge", vcs_type="GITLAB", client_id="app-17"), by=by)
    create_record(
        Ssh(organization=organization, name="deploy key", ssh_type="ed25519", private_key="not a real key\n"), by=by
    )
    create_record(Agent(organization=organization, name="datacenter", url="https://agent.example.org"), by=by)
    create_schedule(
        Schedule(
            workspace=maker.sample.workspaces["network"],
            cron="0 30 6 * * ?",
            template=organization.templates.get(name="Plan"),
            description="Drift check every morning",
        ),
        by=by,
    )
    create_token(by=by, description="laptop", days=30)
    for owner, setting, more in (
        (None, "EPHEMERAL_MEMORY_LIMIT", {"value": "1Gi", "maximum": "8Gi", "reason": "Nodes have 16 GiB"}),
        (organization, "EPHEMERAL_CONFIG_SERVICE_ACCOUNT", {"effect": "forbidden", "reason": "Ask the platform team"}),
    ):
        create_rule(PolicyRule(organization=owner, setting=setting, **more), by=by)
    network = maker.sample.workspaces["network"]
    create_access(Access(workspace=network, name="AUDITORS", role="read"), by=by)


def _troubles(job: Job) -> None:
    """Tasks for a step of the job, one that failed at first and one that waits; a person who forgot a password."""
    ended = timezone.now() - dt.timedelta(minutes=9)
    Failure.objects.create(
        id="5d0c4a3b9e8f4f6aa1c2d3e4f5a6b7c8",
        name="winter-robin-blue-table",
        func="executors.tasks.launch_step",
        args=(str(job.steps.earliest("step_number").pk),),
        started=ended - dt.timedelta(seconds=2),
        stopped=ended,
        result="OperationalError: the database does not answer",
        success=False,
        attempt_count=3,
    )
    waiting = {
        "id": "0e7d",
        "name": "april-lake",
        "func": "executors.tasks.launch_step",
        "kwargs": {},
        "started": ended,
    }
    OrmQ.objects.create(
        # Of a queue that no worker of the sample takes from.
        key="pictures",
        payload=SignedPackage.dumps({**waiting, "args": (str(job.steps.earliest("step_number").pk),)}),
        lock=ended,
    )
    AccessAttempt.objects.create(
        # Not one of those who sign in for the pictures, which ends the count.
        username="margaret",
        ip_address="192.0.2.17",
        user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        failures_since_start=5,
        path_info="/admin/login/",
    )


def _on_the_cluster(maker: Maker, organization: Organization) -> None:
    """Jobs whose steps get pods: one that ends well, one that finds no node."""
    pods = {"TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR": "1", "EPHEMERAL_MEMORY_REQUEST": "64Mi"}
    streams = maker.workspace(organization, "streams", "Each step in a pod", {"main.tf": SIMPLE}, **pods)
    maker.applied("in-pods", streams)
    workspaces.set_variable(
        streams, by=maker.by, key="EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS", value="gpu=a100", category=Category.ENV
    )
    maker.start("no-node", streams)


def make(password: str, *, kubernetes: bool = False, seconds: float = 4) -> Sample:
    """Make everything and wait until each job has the status in which it is shown.

    ``seconds`` is for how long the jobs that run have run then.
    """
    maker = Maker(password)
    with set_actor(maker.by):
        _make(maker, kubernetes=kubernetes, seconds=seconds)
    return maker.sample


def _make(maker: Maker, *, kubernetes: bool, seconds: float) -> None:
    platform = maker.organization("platform", "Networks and clusters", "PLATFORM")
    payments = maker.organization("payments", "Everything that moves money", "PAYMENTS")
    data = maker.organization("data", "Warehouses and pipelines", "DATA_ENGINEERS")

    first = NETWORK.replace("SUBNETS", 'a = "10.0.1.0/24", b = "10.0.2.0/24"').replace("STAGE", "test")
    then = NETWORK.replace("SUBNETS", 'b = "10.0.2.0/24", c = "10.0.3.0/24"').replace("STAGE", "production")
    shared = {"region": "eu-west", "secret": "p-8a3f91c2"}
    network = maker.workspace(platform, "network", "The network of every stage", {"main.tf": first}, **shared)
    clusters = maker.workspace(platform, "clusters", "Kubernetes for all teams", {"main.tf": SIMPLE})
    api = maker.workspace(payments, "api", "The public API", {"main.tf": BROKEN})
    ledger = maker.workspace(payments, "ledger", "Bookings and their archive", {"main.tf": SIMPLE})
    warehouse = maker.workspace(data, "warehouse", "Where all tables end", {"main.tf": SIMPLE})
    exports = maker.workspace(data, "exports", "Nightly files for partners", {"main.tf": SIMPLE})
    maker.workspace(data, "sandbox", "For trying things out", {"main.tf": SIMPLE})
    _records(maker, platform)

    maker.applied("applied", network, "First roll-out")
    sources.upload_source(network, archive({"main.tf": then}), by=maker.by)
    maker.applied("clusters", clusters)
    until(maker.start("unchanged", clusters, comments="Check for drift"), JobStatus.COMPLETED)
    until(maker.start("failed", api, comments="Versioned bucket"), JobStatus.FAILED)
    rejected = until(maker.start("rejected", warehouse), JobStatus.WAITING_APPROVAL)
    jobs.reject_job(rejected, by=maker.by, comment="Not before the audit")
    cancelled = until(maker.start("cancelled", exports, tcl=LONG), JobStatus.RUNNING)
    time.sleep(seconds)
    jobs.cancel_job(cancelled, by=maker.by)
    locks.lock_workspace(warehouse, by=maker.by, reason="Audit until Friday")
    maker.start("locked", warehouse)
    if kubernetes:
        _on_the_cluster(maker, data)
    until(maker.start("waiting-approval", network, comments="Third zone, first one gone"), JobStatus.WAITING_APPROVAL)
    until(maker.start("running", ledger, tcl=LONG, comments="Load test before the sale"), JobStatus.RUNNING)
    maker.start("pending", ledger)
    add_records(maker, platform, data)
    _troubles(maker.sample.jobs["unchanged"])
    time.sleep(seconds)


def stop_all() -> None:
    """Cancel what still runs, so that nothing outlives the site."""
    for job in Job.objects.unfinished():
        jobs.cancel_job(job, by=None)
    end = time.monotonic() + 30
    while Job.objects.filter(holds_workspace=True).exists() and time.monotonic() < end:
        time.sleep(0.3)
